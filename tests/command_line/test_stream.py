"""`millrace stream`: what streams there are, their shards, and their records as they come."""

import json
import re
import selectors
import signal
import subprocess
import time
import unittest

import server


class Stream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = server.Server().start()
        cls.addClassCleanup(cls.server.stop)
        cls.kinesis = cls.server.client("kinesis")
        cls.make("clicks", 2)
        for i in range(20):
            cls.put("clicks", f"user-{i % 3}", json.dumps({"product": f"p{i % 4}", "n": i}))

    @classmethod
    def make(cls, name, shards):
        cls.kinesis.create_stream(StreamName=name, ShardCount=shards)
        cls.kinesis.get_waiter("stream_exists").wait(StreamName=name)

    @classmethod
    def put(cls, name, key, data):
        return cls.kinesis.put_record(StreamName=name, PartitionKey=key, Data=data)

    def command(self, *arguments):
        return [server.BINARY, "stream", *arguments, "--endpoint", self.server.endpoint]

    def run_stream(self, *arguments, code=0):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def records(self, *arguments):
        return [json.loads(line) for line in self.run_stream("tail", *arguments, "--json").splitlines()]

    def test_lists_and_describes(self):
        self.assertRegex(self.run_stream(), r"clicks +ACTIVE +PROVISIONED +2 +24 h  20\d\d-\d\d-\d\dT")
        listed = json.loads(self.run_stream("list", "--json"))
        self.assertIn("clicks", [stream["StreamName"] for stream in listed])
        self.assertEqual(len(re.findall(r"shardId-\d{12} +open", self.run_stream("describe", "clicks"))), 2)
        self.assertEqual(json.loads(self.run_stream("describe", "clicks", "--json"))[0]["ShardId"],
                         "shardId-000000000000")

    def test_prints_what_is_there_in_the_order_of_each_key(self):
        records = self.records("clicks", "--from", "oldest", "--no-follow")
        self.assertEqual(len(records), 20)
        for user in range(3):
            of_user = [json.loads(r["data"])["n"] for r in records if r["key"] == f"user-{user}"]
            self.assertEqual(of_user, list(range(user, 20, 3)))
        self.assertLess(abs(records[0]["arrived_ms"] / 1000 - time.time()), 600)

    def test_filters(self):
        every = ("clicks", "--from", "oldest", "--no-follow")
        self.assertEqual({r["key"] for r in self.records(*every, "--key", "user-1")}, {"user-1"})
        self.assertEqual(len(self.records(*every, "--match", '"product": "p2"')), 5)
        self.assertEqual(len(self.records(*every, "--limit", "7")), 7)
        of_shard = self.records(*every, "--shard", "shardId-000000000001")
        self.assertEqual({r["shard"] for r in of_shard}, {"shardId-000000000001"})
        self.assertEqual(len(self.records("clicks", "--from", "2020-01-01T00:00:00Z", "--no-follow")), 20)

    def test_follows_until_it_is_interrupted(self):
        self.make("live", 1)
        self.put("live", "k", "before")
        tail = subprocess.Popen(self.command("tail", "live"), stdout=subprocess.PIPE, text=True)
        self.addCleanup(tail.kill)
        self.addCleanup(tail.stdout.close)
        # Latest is where it begins, which is some time after it was started.
        deadline = time.monotonic() + 20
        seen = []
        number = 0
        ready = selectors.DefaultSelector()
        self.addCleanup(ready.close)
        ready.register(tail.stdout, selectors.EVENT_READ)
        while not seen and time.monotonic() < deadline:
            self.put("live", "k", f"now {number}")
            number += 1
            if ready.select(0.1):
                seen.append(tail.stdout.readline())
        self.assertRegex(seen[0], r"^20\d\d-\S+Z shardId-000000000000 k now \d+\n$")
        tail.send_signal(signal.SIGINT)
        rest = tail.communicate(timeout=10)[0]
        self.assertEqual(tail.returncode, 0)
        numbers = [int(n) for n in re.findall(r"now (\d+)", seen[0] + rest)]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "none is left out")

    def test_a_terminal_is_not_given_orders(self):
        self.make("odd", 1)
        self.put("odd", "k\n", b"\x1b[31mred\nline")
        self.put("odd", "k", b"\xff\x00")
        self.put("odd", "k", "caf\u00e9".encode())
        lines = self.run_stream("tail", "odd", "--from", "oldest", "--no-follow").splitlines()
        self.assertEqual([line.split(" ", 2)[2] for line in lines],
                         [r"k\x0a \x1b[31mred\x0aline", r"k \xff\x00", "k caf\u00e9"])
        records = self.records("odd", "--from", "oldest", "--no-follow")
        self.assertEqual([records[0]["data"], records[1]["base64"]], ["\x1b[31mred\nline", "/wA="])

    def test_says_what_would_work(self):
        self.assertIn("did you mean `clicks`?", self.run_stream("tail", "click", code=1))
        self.assertIn("did you mean `clicks`?", self.run_stream("describe", "clikcs", code=1))
        self.assertIn("latest", self.run_stream("tail", "clicks", "--from", "yesterday", code=2))
        self.assertIn("greater than the current", self.run_stream("tail", "clicks", "--from", "2100-01-01", code=2))
        self.assertIn("no shard `7`", self.run_stream("tail", "clicks", "--shard", "7", "--no-follow", code=1))
        nobody = subprocess.run([server.BINARY, "stream", "--endpoint", f"127.0.0.1:{server.free_port()}"],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("millrace serve", nobody.stderr)


if __name__ == "__main__":
    unittest.main()
