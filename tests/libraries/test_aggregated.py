"""Records that the aggregation library for Python makes of many: jobs, mappings and `millrace stream tail` see the many,
also when the stream's shards change meanwhile."""

import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from aws_kinesis_agg import aggregator

import server

FUNCTIONS = os.path.join(server.ROOT, "tests", "function")
WAIT_SECONDS = 30
KEYS = [f"visitor-{i}" for i in range(10)]
SCRIPT = """
    CREATE TABLE clicks (k STRING, n BIGINT) WITH ('connector' = 'kinesis', 'stream' = 'clicks',
      'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
    CREATE TABLE Sums (k STRING, events BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED)
      WITH ('connector' = 'dynamodb', 'table-name' = 'Sums');
    INSERT INTO Sums SELECT k, COUNT(*), SUM(n) FROM clicks GROUP BY k;"""
CONFIGURATION = f"""
[[function]]
name = "list"
command = ["{sys.executable}", "{FUNCTIONS}/plain_runtime.py", "handlers.list_clicks"]

[[mapping]]
name = "each"
function = "list"
stream = "clicks"
deaggregate = true
"""


class Aggregated(unittest.TestCase):
    def setUp(self):
        configuration = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.addCleanup(configuration.close)
        configuration.write(CONFIGURATION)
        configuration.flush()
        self.server = server.Server(["--config", configuration.name])
        if self.server.external:
            self.skipTest("the function is configured in a server that the test starts itself")
        self.server.start()
        self.addCleanup(self.server.stop)
        self.kinesis = self.server.client("kinesis")
        self.tables = self.server.client("dynamodb")
        for name in ("Sums", "Clicks"):
            self.tables.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                                     AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                                     KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])
        self.kinesis.create_stream(StreamName="clicks", ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
        status, _, body = self.server.request("Millrace_20261101.SubmitJob",
                                              json.dumps({"Name": "sums", "Script": SCRIPT}), service="millrace")
        self.assertEqual(status, 200, body)

    def put(self, records):
        """All in one record, by the hash key of the first, as a producer does that believes in one shard."""
        one = aggregator.RecordAggregator()
        for key, data in records:
            self.assertIsNone(one.add_user_record(key, data))
        key, _, data = one.clear_and_get().get_contents()
        self.kinesis.put_record(StreamName="clicks", PartitionKey=key, Data=data)

    def wait_for(self, read, expected):
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := read()) != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(found, expected)

    def sums(self):
        return {item["k"]["S"]: (int(item["events"]["N"]), int(item["total"]["N"]))
                for item in self.tables.scan(TableName="Sums")["Items"]}

    def lists(self):
        return {item["k"]["S"]: [int(n["N"]) for n in item["numbers"]["L"]]
                for item in self.tables.scan(TableName="Clicks")["Items"]}

    def tail(self):
        done = subprocess.run([server.BINARY, "stream", "tail", "clicks", "--from", "oldest", "--no-follow", "--json",
                               "--endpoint", self.server.endpoint], capture_output=True, check=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_job_and_the_tail_see_each(self):
        self.put([(key, json.dumps({"k": key, "n": n}).encode()) for n in range(600) for key in KEYS])
        self.kinesis.put_record(StreamName="clicks", PartitionKey="x", Data=json.dumps({"k": "x", "n": 7}))
        self.wait_for(self.sums, {"x": (1, 7), **{key: (600, sum(range(600))) for key in KEYS}})
        lines = self.tail()
        self.assertEqual(len(lines), 6001)
        self.assertEqual([line.get("sub_sequence") for line in lines], [*range(6000), None])
        self.assertEqual(lines[11]["key"], KEYS[1])
        self.assertEqual(json.loads(lines[11]["data"]), {"k": KEYS[1], "n": 1})

    def test_a_function_gets_each_in_order(self):
        for first in range(0, 40, 8):
            self.put([(key, str(n).encode()) for n in range(first, first + 8) for key in KEYS])
        self.wait_for(self.lists, {key: list(range(40)) for key in KEYS})

    def test_what_the_wrong_shard_has_is_left_out(self):
        self.kinesis.split_shard(StreamName="clicks", ShardToSplit="shardId-000000000000",
                                 NewStartingHashKey=str(1 << 127))
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
        # A producer that does not know yet puts all to the shard of the first, hears of which it was, and puts those of
        # the other one again.
        records = [(key, json.dumps({"k": key, "n": n}).encode()) for n in range(5) for key in KEYS]
        by_shard = collections.defaultdict(list)
        for key, data in records:
            answer = self.kinesis.put_record(StreamName="clicks", PartitionKey=key, Data=json.dumps({"k": "where", "n": 0}))
            by_shard[answer["ShardId"]].append((key, data))
        self.assertEqual(len(by_shard), 2)
        self.put(records)
        for shard, its in by_shard.items():
            if shard != self.kinesis.put_record(StreamName="clicks", PartitionKey=records[0][0],
                                                Data=json.dumps({"k": "where", "n": 0}))["ShardId"]:
                self.put(its)
        self.wait_for(self.sums, {"where": (52, 0), **{key: (5, 10) for key in KEYS}})


if __name__ == "__main__":
    unittest.main()
