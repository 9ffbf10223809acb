"""What a server does with files that do not hold: it serves the rest, says so, and deletes nothing."""

import json
import os
import stat
import unittest
import urllib.request

import botocore.exceptions
import server


class DamagedFiles(unittest.TestCase):
    def setUp(self):
        self.page = f"127.0.0.1:{server.free_port()}"
        self.server = server.Server(dashboard=self.page)
        self.addCleanup(self.server.stop)
        self.server.start()
        kinesis = self.server.client("kinesis")
        for name in ("clicks", "orders"):
            kinesis.create_stream(StreamName=name, ShardCount=1)
            kinesis.get_waiter("stream_exists").wait(StreamName=name)
            kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"text")
        self.server.end()

    def path(self, *names):
        return os.path.join(self.server.data, "data", *names)

    def count(self, kinesis, name):
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        return len(kinesis.get_records(ShardIterator=iterator)["Records"])

    def test_a_stream_without_its_definition_is_set_aside_and_the_rest_is_served(self):
        definition = self.path("streams", "clicks", "stream.json")
        with open(definition, "rb") as f:
            text = f.read()
        os.remove(definition)
        before = sorted(os.listdir(self.path("streams", "clicks")))
        self.server.start()
        kinesis = self.server.client("kinesis")
        self.assertEqual(self.count(kinesis, "orders"), 1)
        self.assertEqual(kinesis.list_streams()["StreamNames"], ["orders"])
        for call in (lambda: kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=b"x"),
                     lambda: kinesis.describe_stream_summary(StreamName="clicks"),
                     lambda: kinesis.delete_stream(StreamName="clicks")):
            with self.assertRaises(botocore.exceptions.ClientError) as refused:
                call()
            self.assertEqual(refused.exception.response["Error"]["Code"], "ResourceNotFoundException")
            self.assertIn("damaged", refused.exception.response["Error"]["Message"])
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            kinesis.create_stream(StreamName="clicks", ShardCount=1)
        self.assertEqual(refused.exception.response["Error"]["Code"], "ResourceInUseException")
        self.assertIn("restore its folder from a copy", refused.exception.response["Error"]["Message"])
        self.assertIn("stream clicks", self.server.messages())
        with urllib.request.urlopen(f"http://{self.page}/health", timeout=5) as answer:
            health = json.load(answer)
        self.assertEqual(health["status"], "degraded")
        self.assertIn("stream clicks is damaged", health["problems"][0])
        self.server.end()
        self.assertEqual(sorted(os.listdir(self.path("streams", "clicks"))), before)
        with open(definition, "wb") as f:
            f.write(text)
        self.server.start()
        self.assertEqual(self.count(self.server.client("kinesis"), "clicks"), 1)

    def test_damage_met_while_serving_is_told_to_the_operator_and_not_to_the_client(self):
        self.server.start()
        for name in os.listdir(self.path("streams", "clicks")):
            with open(self.path("streams", "clicks", name), "rb+") as f:
                at = f.read().find(b"text")
                if at >= 0:
                    f.seek(at)
                    f.write(b"tent")
        kinesis = self.server.client("kinesis")
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            self.count(kinesis, "clicks")
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 500)
        self.assertIn("the server's log", refused.exception.response["Error"]["Message"])
        self.assertNotIn(self.server.data, refused.exception.response["Error"]["Message"])
        self.assertIn(self.path("streams", "clicks"), self.server.messages())
        request = refused.exception.response["ResponseMetadata"]["RequestId"]
        self.assertIn(request, self.server.messages())
        with urllib.request.urlopen(f"http://{self.page}/health", timeout=5) as answer:
            health = json.load(answer)
        self.assertIn("damaged", health["problems"][0])
        with urllib.request.urlopen(f"http://{self.page}/metrics", timeout=5) as answer:
            self.assertIn("\nmillrace_storage_failures_total 1\n", answer.read().decode())
        self.assertEqual(self.count(kinesis, "orders"), 1)

    def test_files_and_directories_are_for_their_owner_alone(self):
        for directory, _, names in os.walk(self.path()):
            self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode), 0o700, directory)
            for name in names:
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode), 0o600, name)


if __name__ == "__main__":
    unittest.main()
