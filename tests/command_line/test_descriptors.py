"""A server whose process may have few file descriptors: it serves, and goes on after they were all taken."""

import contextlib
import os
import socket
import tempfile
import time
import unittest
import unittest.mock

import botocore.exceptions
import server

RECORD = b"x" * (900 << 10)


class FewDescriptors(unittest.TestCase):
    def setUp(self):
        self.server = server.Server()
        self.addCleanup(self.server.stop)
        self.server.data = tempfile.mkdtemp(prefix="millrace-test-")
        configuration = os.path.join(self.server.data, "millrace.toml")
        with open(configuration, "w") as f:
            f.write("segment_bytes = 1048576\n")  # one RECORD each
        self.server.arguments = ["--config", configuration]

    def start(self, soft, hard):
        """Starts the server as a shell does whose limits are these."""
        script = os.path.join(self.server.data, "limited")
        with open(script, "w") as f:
            f.write(f'#!/bin/sh\nulimit -S -n {soft}\nulimit -H -n {hard}\nexec "{server.BINARY}" "$@"\n')
        os.chmod(script, 0o755)
        with unittest.mock.patch.object(server, "BINARY", script):
            self.server.start()

    def limits(self):
        with open(f"/proc/{self.server.process.pid}/limits") as f:
            return next(line for line in f if line.startswith("Max open files")).split()[3]

    def open_files(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def put(self, kinesis, count):
        for _ in range(count):
            kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=RECORD)

    def read_all(self, kinesis):
        iterator = kinesis.get_shard_iterator(
            StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        count = 0
        while True:
            answer = kinesis.get_records(ShardIterator=iterator)
            count += len(answer["Records"])
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                return count
            iterator = answer["NextShardIterator"]

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        self.start(256, 4096)
        self.assertEqual(self.limits(), "4096")

    def test_more_segments_than_descriptors_and_idle_connections_beside_them(self):
        self.start(128, 128)
        kinesis = self.server.client("kinesis")
        kinesis.create_stream(StreamName="clicks", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="clicks")
        self.put(kinesis, 150)
        host, port = self.server.endpoint.removeprefix("http://").split(":")
        with contextlib.ExitStack() as stack:
            for _ in range(200):  # that never ask anything
                idle = stack.enter_context(socket.socket())
                idle.settimeout(5)
                idle.connect((host, int(port)))
            time.sleep(0.2)
            self.assertLess(self.open_files(), 110)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.put(kinesis, 1)
                break
            except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
        self.put(kinesis, 9)
        self.assertEqual(self.read_all(kinesis), 160)
        segments = os.listdir(os.path.join(self.server.data, "data", "streams", "clicks"))
        self.assertGreater(len(segments), 128)
        self.server.kill()
        self.start(128, 128)
        kinesis = self.server.client("kinesis")
        self.assertEqual(self.read_all(kinesis), 160)
        self.put(kinesis, 1)


if __name__ == "__main__":
    unittest.main()
