"""Streams whose shards are split and merged: who writes, who reads, jobs and functions go on, and nothing is lost."""

import collections
import json
import os
import subprocess
import sys
import threading
import time
import unittest

from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(__file__))
import server  # noqa: E402

HASHES = 1 << 128


class Resharding(unittest.TestCase):
    def setUp(self):
        self.server = server.Server()
        if self.server.external:
            self.skipTest("needs a server of its own")
        self.server.start()
        self.addCleanup(self.server.stop)
        self.kinesis = self.server.client("kinesis")

    def create(self, name="clicks", shards=1):
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name)
        return name

    def shards(self, name="clicks", **filter):
        return self.kinesis.list_shards(StreamName=name, **filter)["Shards"]

    def open_shards(self, name="clicks"):
        return [s for s in self.shards(name) if "EndingSequenceNumber" not in s["SequenceNumberRange"]]

    def put(self, key, data, name="clicks", **more):
        return self.kinesis.put_record(StreamName=name, PartitionKey=key, Data=data, **more)

    def split(self, shard, name="clicks"):
        first, last = (int(shard["HashKeyRange"][side]) for side in ("StartingHashKey", "EndingHashKey"))
        self.kinesis.split_shard(StreamName=name, ShardToSplit=shard["ShardId"],
                                 NewStartingHashKey=str((first + last) // 2))

    def read_all(self, name="clicks"):
        """Parents first, by ChildShards, as consumers do; the data by key, in the order in which they were read."""
        shards = {s["ShardId"]: s for s in self.shards(name)}
        parents = {i: [p for p in (s.get("ParentShardId"), s.get("AdjacentParentShardId")) if p in shards]
                   for i, s in shards.items()}
        read, by_key = set(), collections.defaultdict(list)
        while len(read) < len(shards):
            ready = [i for i in shards if i not in read and all(p in read for p in parents[i])]
            self.assertTrue(ready)
            for shard in ready:
                iterator = self.kinesis.get_shard_iterator(StreamName=name, ShardId=shard,
                                                           ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
                while iterator:
                    answer = self.kinesis.get_records(ShardIterator=iterator)
                    for record in answer["Records"]:
                        by_key[record["PartitionKey"]].append(record["Data"].decode())
                    iterator = answer.get("NextShardIterator")
                    if not answer["Records"] and answer["MillisBehindLatest"] == 0 and iterator:
                        self.assertNotIn("EndingSequenceNumber", shards[shard]["SequenceNumberRange"])
                        break
                read.add(shard)
        return by_key

    def refused(self, code, text, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        self.assertIn(text, error["Message"])

    def test_a_split_shard_ends_and_its_children_go_on(self):
        self.create()
        before = self.put("k", b"before")
        self.split(self.shards()[0])
        after = self.put("k", b"after")
        self.assertNotEqual(before["ShardId"], after["ShardId"])
        self.assertLess(int(before["SequenceNumber"]), int(after["SequenceNumber"]))
        parent, *children = self.shards()
        self.assertGreaterEqual(int(parent["SequenceNumberRange"]["EndingSequenceNumber"]), int(before["SequenceNumber"]))
        self.assertEqual([c["ParentShardId"] for c in children], [parent["ShardId"]] * 2)
        ranges = sorted((int(c["HashKeyRange"]["StartingHashKey"]), int(c["HashKeyRange"]["EndingHashKey"]))
                        for c in children)
        self.assertEqual((ranges[0][0], ranges[0][1] + 1, ranges[1][1]), (0, ranges[1][0], HASHES - 1))
        iterator = self.kinesis.get_shard_iterator(StreamName="clicks", ShardId=parent["ShardId"],
                                                   ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        answer = self.kinesis.get_records(ShardIterator=iterator)
        while answer.get("NextShardIterator"):
            answer = self.kinesis.get_records(ShardIterator=answer["NextShardIterator"])
        self.assertEqual({c["ShardId"] for c in answer["ChildShards"]}, {c["ShardId"] for c in children})
        self.assertEqual(self.read_all()["k"], ["before", "after"])
        summary = self.kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
        self.assertEqual((summary["OpenShardCount"], summary["StreamStatus"]), (2, "ACTIVE"))

    def test_merged_shards_have_one_child_and_restarts_keep_it(self):
        self.create(shards=2)
        for i in range(20):
            self.put(f"k{i % 5}", str(i).encode())
        lower, upper = self.shards()
        self.kinesis.merge_shards(StreamName="clicks", ShardToMerge=lower["ShardId"],
                                  AdjacentShardToMerge=upper["ShardId"])
        for i in range(20, 40):
            self.put(f"k{i % 5}", str(i).encode())
        self.server.restart()
        self.kinesis = self.server.client("kinesis")
        (child,) = self.open_shards()
        self.assertEqual({child["ParentShardId"], child["AdjacentParentShardId"]}, {lower["ShardId"], upper["ShardId"]})
        for i in range(40, 60):
            self.put(f"k{i % 5}", str(i).encode())
        by_key = self.read_all()
        for key in range(5):
            self.assertEqual(by_key[f"k{key}"], [str(i) for i in range(60) if i % 5 == key])

    def test_the_number_of_shards_is_updated(self):
        self.create(shards=2)
        answer = self.kinesis.update_shard_count(StreamName="clicks", TargetShardCount=3, ScalingType="UNIFORM_SCALING")
        self.assertEqual((answer["CurrentShardCount"], answer["TargetShardCount"]), (2, 3))
        ends = sorted(int(s["HashKeyRange"]["EndingHashKey"]) + 1 for s in self.open_shards())
        self.assertEqual(len(ends), 3)
        self.assertEqual(ends[-1], HASHES)
        for n, end in enumerate(ends, 1):
            self.assertLess(abs(end - HASHES * n // 3), 10)
        at_latest = self.shards(ShardFilter={"Type": "AT_LATEST"})
        self.assertEqual({s["ShardId"] for s in at_latest}, {s["ShardId"] for s in self.open_shards()})
        self.refused("LimitExceededException", "double", self.kinesis.update_shard_count, StreamName="clicks",
                     TargetShardCount=7, ScalingType="UNIFORM_SCALING")
        self.refused("LimitExceededException", "half", self.kinesis.update_shard_count, StreamName="clicks",
                     TargetShardCount=1, ScalingType="UNIFORM_SCALING")

    def test_refuses(self):
        self.create(shards=3)
        a, b, c = (s["ShardId"] for s in self.shards())
        self.refused("InvalidArgumentException", "", self.kinesis.merge_shards, StreamName="clicks", ShardToMerge=a,
                     AdjacentShardToMerge=c)
        self.refused("InvalidArgumentException", "NewStartingHashKey", self.kinesis.split_shard, StreamName="clicks",
                     ShardToSplit=a, NewStartingHashKey="0")
        self.refused("ResourceNotFoundException", "", self.kinesis.split_shard, StreamName="clicks",
                     ShardToSplit="shardId-000000000009", NewStartingHashKey="5")
        self.refused("ResourceNotFoundException", "", self.kinesis.split_shard, StreamName="absent", ShardToSplit=a,
                     NewStartingHashKey="5")
        self.kinesis.merge_shards(StreamName="clicks", ShardToMerge=a, AdjacentShardToMerge=b)
        self.refused("InvalidArgumentException", "", self.kinesis.merge_shards, StreamName="clicks", ShardToMerge=a,
                     AdjacentShardToMerge=b)

    def reshard_at_random(self, ended, seed):
        import random
        choose = random.Random(seed)
        while not ended.is_set():
            try:
                shards = sorted(self.open_shards(), key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))
                at = choose.randrange(len(shards))
                if len(shards) < 4 and (len(shards) == 1 or choose.random() < 0.5):
                    self.split(shards[at])
                else:
                    at = min(at, len(shards) - 2)
                    self.kinesis.merge_shards(StreamName="clicks", ShardToMerge=shards[at]["ShardId"],
                                              AdjacentShardToMerge=shards[at + 1]["ShardId"])
            except Exception:  # it is being killed
                pass
            time.sleep(0.05)

    def test_writers_a_job_and_kills_meanwhile(self):
        self.create(shards=2)
        self.server.client("dynamodb").create_table(
            TableName="Counts", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])
        script = """
            CREATE TABLE clicks (k STRING, n BIGINT) WITH ('connector' = 'kinesis', 'stream' = 'clicks',
              'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
            CREATE TABLE Counts (k STRING, events BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED)
              WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
            INSERT INTO Counts SELECT k, COUNT(*), SUM(n) FROM clicks GROUP BY k;"""
        status, _, body = self.server.request("Millrace_20261101.SubmitJob",
                                              json.dumps({"Name": "counts", "Script": script}), service="millrace")
        self.assertEqual(status, 200, body)
        ended = threading.Event()
        acknowledged = collections.defaultdict(list)
        sent = collections.Counter()

        def write(key):
            client = self.server.client("kinesis")
            number = 0
            while not ended.is_set():
                number += 1
                sent[key] = number
                try:
                    client.put_record(StreamName="clicks", PartitionKey=key, Data=json.dumps({"k": key, "n": number}))
                    acknowledged[key].append(number)
                except Exception:  # it is being killed; whether it was taken nobody knows
                    time.sleep(0.02)
                    client = self.server.client("kinesis")
                time.sleep(0.002)

        seed = int.from_bytes(os.urandom(4), "big")
        threads = [threading.Thread(target=write, args=(f"key-{i}",)) for i in range(6)]
        threads.append(threading.Thread(target=self.reshard_at_random, args=(ended, seed)))
        for thread in threads:
            thread.start()
        address = self.server.endpoint
        for _ in range(4):
            time.sleep(1.5)
            self.restart_at(address)
        time.sleep(1)
        ended.set()
        for thread in threads:
            thread.join()
        self.kinesis = self.server.client("kinesis")
        with self.subTest(seed=seed):
            self.assertGreater(len(self.shards()), 10)
            by_key = self.read_all()
            for key, numbers in acknowledged.items():
                read = [json.loads(data)["n"] for data in by_key[key]]
                self.assertEqual(read, sorted(set(read)), "each once, in order")
                self.assertFalse(set(numbers) - set(read), "nothing acknowledged is missing")
            self.wait_for_counts({key: (len(values), sum(json.loads(v)["n"] for v in values))
                                  for key, values in by_key.items()})

    def test_a_file_is_sent_meanwhile(self):
        self.create(shards=2)
        for shard in self.shards():  # what is sent finds shards that are closed, and others that close
            self.split(shard)
        ended = threading.Event()
        seed = int.from_bytes(os.urandom(4), "big")
        resharding = threading.Thread(target=self.reshard_at_random, args=(ended, seed))
        resharding.start()
        rows = "".join(f"key-{i % 30},{i // 30},{1_600_000_000_000 + i // 8}\n" for i in range(30_000))
        done = subprocess.run(
            [server.BINARY, "send", "--stream", "clicks", "--key", "k", "--time", "t", "--endpoint",
             self.server.endpoint, "--csv", "-"], input="k,n,t\n" + rows, capture_output=True, text=True, timeout=60)
        ended.set()
        resharding.join()
        self.assertEqual(done.returncode, 0, done.stderr)
        with self.subTest(seed=seed):
            self.assertGreater(len(self.shards()), 10)
            by_key = self.read_all()
            self.assertEqual(len(by_key), 30)
            for values in by_key.values():
                self.assertEqual([json.loads(value)["n"] for value in values], [str(n) for n in range(1000)])

    def restart_at(self, address):
        """Killed, and there again where clients look for it."""
        self.server.kill()
        self.server.start_at(address)

    def wait_for_counts(self, expected):
        tables = self.server.client("dynamodb")
        deadline = time.monotonic() + 20
        while True:
            found = {i["k"]["S"]: (int(i["events"]["N"]), int(i["total"]["N"]))
                     for i in tables.scan(TableName="Counts")["Items"]}
            if found == expected or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
