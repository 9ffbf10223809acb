"""A backup of a server that is being used, restored into another: nothing acknowledged before it is missing, jobs and
mappings go on where they were, and a backup that does not hold is refused."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import server

SCRIPT = """
CREATE TABLE clicks (product STRING)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks GROUP BY product;
"""
PRODUCTS = 7


class Backup(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="millrace-backup-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = server.Server().start()
        self.addCleanup(self.server.stop)

    def run_millrace(self, *arguments):
        return subprocess.run([server.BINARY, *arguments], capture_output=True, text=True, timeout=60)

    def backup(self, name="backup"):
        return self.run_millrace("backup", os.path.join(self.folder, name), "--endpoint", self.server.endpoint)

    def restore(self, name="backup", data="restored"):
        return self.run_millrace("restore", os.path.join(self.folder, name), "--data", os.path.join(self.folder, data))

    def make_loop(self):
        kinesis = self.server.client("kinesis")
        kinesis.create_stream(StreamName="clicks", ShardCount=2)
        kinesis.get_waiter("stream_exists").wait(StreamName="clicks")
        self.server.client("dynamodb").create_table(
            TableName="Counts", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "product", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "product", "KeyType": "HASH"}])
        script = os.path.join(self.folder, "counts.sql")
        with open(script, "w") as f:
            f.write(SCRIPT)
        done = self.run_millrace("sql", "-f", script, "--name", "counts", "--endpoint", self.server.endpoint)
        self.assertEqual(done.returncode, 0, done.stderr)

    def put(self, kinesis, number):
        kinesis.put_record(StreamName="clicks", PartitionKey=str(number),
                           Data=json.dumps({"product": f"p{number % PRODUCTS}", "number": number}))

    def numbers_in_stream(self, kinesis):
        numbers = []
        for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while True:
                answer = kinesis.get_records(ShardIterator=iterator)
                numbers += [json.loads(record["Data"])["number"] for record in answer["Records"]]
                if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                    break
                iterator = answer["NextShardIterator"]
        return numbers

    def test_a_server_in_use_is_copied_whole(self):
        self.make_loop()
        acknowledged = []
        stopping = threading.Event()

        def click():
            kinesis = self.server.client("kinesis")
            while not stopping.is_set():
                self.put(kinesis, len(acknowledged))
                acknowledged.append(True)

        clicking = threading.Thread(target=click)
        clicking.start()
        try:
            for name in ("backup-1", "backup"):
                while len(acknowledged) < 500:
                    time.sleep(0.01)
                time.sleep(0.3)
                before = len(acknowledged)
                done = self.backup(name)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("millrace restore", done.stderr)
        finally:
            stopping.set()
            clicking.join()
        self.assertGreater(len(acknowledged), before, "the server served meanwhile")
        again = self.backup()
        self.assertEqual(again.returncode, 1)
        self.assertIn("name a new or an empty directory", again.stderr)
        self.server.stop()

        done = self.restore()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("millrace serve --data", done.stderr)
        self.server.data = os.path.join(self.folder, "server")
        os.makedirs(self.server.data)
        os.rename(os.path.join(self.folder, "restored"), os.path.join(self.server.data, "data"))
        self.server.start()
        kinesis = self.server.client("kinesis")
        numbers = sorted(self.numbers_in_stream(kinesis))
        self.assertGreaterEqual(len(numbers), before)
        self.assertEqual(numbers, list(range(len(numbers))))
        self.put(kinesis, len(numbers))
        numbers.append(len(numbers))
        wanted = {f"p{p}": sum(number % PRODUCTS == p for number in numbers) for p in range(PRODUCTS)}
        dynamodb = self.server.client("dynamodb")
        for _ in range(200):
            items = dynamodb.scan(TableName="Counts", ConsistentRead=True)["Items"]
            found = {item["product"]["S"]: int(item["n"]["N"]) for item in items}
            if found == wanted:
                break
            time.sleep(0.05)
        self.assertEqual(found, wanted)

    def test_a_backup_that_does_not_hold_makes_no_data_directory(self):
        self.make_loop()
        self.put(self.server.client("kinesis"), 1)
        self.assertEqual(self.backup().returncode, 0)
        directory = os.path.join(self.folder, "backup")
        files = [os.path.join(where, name) for where, _, names in os.walk(directory) for name in names]
        segment = next(path for path in files if "segment-" in path and "streams" in path)
        with open(segment, "rb+") as f:
            byte = f.read(1)
            f.seek(0)
            f.write(bytes([byte[0] ^ 1]))
        done = self.restore()
        self.assertEqual(done.returncode, 1)
        self.assertIn(segment, done.stderr)
        in_the_way = os.path.join(self.folder, "restored.restoring")
        os.makedirs(os.path.join(in_the_way, "somebody's"))
        self.assertIn("is in the way", self.restore().stderr)
        self.assertEqual(os.listdir(in_the_way), ["somebody's"])
        shutil.rmtree(in_the_way)
        os.remove(segment)
        self.assertIn("missing", self.restore().stderr)
        listed = os.path.join(directory, "BACKUP")
        os.truncate(listed, os.path.getsize(listed) - 5)
        self.assertIn("BACKUP is damaged", self.restore().stderr)
        os.remove(listed)
        self.assertIn("no backup", self.restore().stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["backup", "counts.sql"])

    def test_what_is_asked_wrongly_is_refused_with_what_would_work(self):
        status, _, body = self.server.request("Millrace_20261101.StartBackup", service="millrace", body=b'{"Directory":"backup"}')
        self.assertEqual((status, json.loads(body)), (200, {}))
        for _ in range(100):
            _, _, body = self.server.request("Millrace_20261101.DescribeBackup", b"{}", service="millrace")
            if json.loads(body)["State"] != "running":
                break
            time.sleep(0.02)
        self.assertEqual(json.loads(body)["State"], "failed")
        self.assertIn("absolute path", json.loads(body)["Reason"])
        done = self.run_millrace("backup", self.folder, "--endpoint", "http://127.0.0.1:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no server answers", done.stderr)


if __name__ == "__main__":
    unittest.main()
