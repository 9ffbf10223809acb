"""What a user can do wrong on the command line: each a clear message that says what to do, exit code not 0, and nothing
is lost."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import server

top = pathlib.Path(__file__).resolve().parents[2]
millrace = str(top / "build/millrace")


def run(*arguments, **options):
    return subprocess.run([millrace, *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)


@contextlib.contextmanager
def serving(directory):
    """A server with its data in directory/data, which stays when the block ends."""
    running = server.Server()
    running.data = str(directory)
    running.start()
    try:
        yield running
        running.end()
    finally:
        running.kill()


def client(service, endpoint):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="millrace",
                        aws_secret_access_key="millrace-secret", config=Config(retries={"max_attempts": 1}))


class BadInput(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bad-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = self.directory / "data"

    def assert_refused(self, done, *words):
        self.assertNotEqual(done.returncode, 0, done.stderr)
        self.assertGreater(done.returncode, 0, f"ended by a signal: {done.returncode}\n{done.stderr}")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_an_unknown_key_in_the_configuration(self):
        file = self.directory / "millrace.toml"
        file.write_text('region = "eu-west-1"\nlistn = "127.0.0.1:0"\n')
        self.assert_refused(run("serve", "--data", self.data, "--config", file),
                            f"{file}:2: unknown key `listn`", "did you mean `listen`?")
        self.assertFalse(self.data.exists())

    def test_a_configuration_that_is_not_there(self):
        self.assert_refused(run("serve", "--data", self.data, "--config", "/nowhere.toml"), "/nowhere.toml", "--config")

    def test_an_unknown_command_and_an_unknown_option(self):
        self.assert_refused(run("serv"), "serv")
        self.assert_refused(run("serve", "--dta", self.data), "--dta")

    def test_no_authentication_on_a_public_address(self):
        self.assert_refused(run("serve", "--data", self.data, "--listen", "0.0.0.0:0", "--auth", "none"),
                            "--auth none", "127.0.0.1")

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_refused(run("serve", "--data", self.data, "--listen", f"127.0.0.1:{port}", "--dashboard", "off"),
                                str(port), "--listen")

    def test_a_data_directory_in_use(self):
        with serving(self.directory) as first:
            self.assert_refused(run("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--dashboard", "off"),
                                str(self.data), "in use")
            client("kinesis", first.endpoint).list_streams()

    def test_a_data_directory_that_is_a_file(self):
        self.data.write_text("not a directory")
        self.assert_refused(run("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--dashboard", "off"),
                            str(self.data))

    def test_a_damaged_journal_is_named_and_left_alone(self):
        with serving(self.directory) as first:
            kinesis = client("kinesis", first.endpoint)
            kinesis.create_stream(StreamName="clicks", ShardCount=1)
            kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
            for number in range(50):
                kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=b"x" * 500)
            first.kill()
        segment = min((self.data / "streams").rglob("segment-*"))
        with open(segment, "r+b") as file:
            file.seek(6000)
            file.write(b"damage" * 10)
        before = segment.read_bytes()
        with serving(self.directory) as second:
            self.assertIn(segment.name, second.messages())
            self.assertEqual(client("kinesis", second.endpoint).list_streams()["StreamNames"], [])
        self.assertEqual(before, segment.read_bytes())

    def test_sql_with_a_misspelt_column(self):
        text = (top / "examples/shop/pricing.sql").read_text()
        bad = self.directory / "bad.sql"
        bad.write_text(text.replace("visitor_id", "vistor_id", 1).replace("vistor_id", "visitor_idd", 1))
        with serving(self.directory) as running:
            self.assert_refused(run("sql", "-f", bad, "--name", "bad", "--endpoint", running.endpoint), "line ",
                                "column ", "visitor_id")
            self.assertNotIn("bad", run("jobs", "list", "--endpoint", running.endpoint).stdout)

    def test_sql_on_a_stream_that_is_not_there(self):
        with serving(self.directory) as running:
            self.assert_refused(run("sql", "-f", top / "examples/shop/pricing.sql", "--name", "shop", "--endpoint",
                                    running.endpoint), "clickstream")

    def test_no_server_at_the_endpoint(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.assert_refused(run("jobs", "list", "--endpoint", f"http://127.0.0.1:{port}"), str(port), "millrace serve")

    def test_send_says_where_a_row_is_bad_and_can_skip_it(self):
        file = self.directory / "events.ndjson"
        file.write_text('{"user": "u1", "at": "1700000000"}\n{"user": "u2", "at": \n{"user": "u3", "at": "1700000002"}\n')
        with serving(self.directory) as running:
            base = ["send", "--file", file, "--ndjson", "--stream", "s", "--create-shards", "1", "--key", "user",
                    "--time", "at", "--speed", "max", "--endpoint", running.endpoint]
            self.assert_refused(run(*base), "events.ndjson:2:", "--skip-bad")
            skipped = run(*base, "--skip-bad", "--json")
            self.assertEqual(skipped.returncode, 0, skipped.stderr)
            self.assertIn('"bad_rows":1', skipped.stdout.replace(" ", ""))

    def assert_soon_accepted(self, call):
        deadline = time.monotonic() + 15
        while True:
            try:
                return call()
            except ClientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "needs root, to mount a small disk")
    def test_a_full_disk_refuses_writes_and_loses_nothing(self):
        disk = self.directory / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", disk]).returncode != 0:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk])
        acknowledged = []
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(40 << 20))
        with serving(disk) as running:
            kinesis = client("kinesis", running.endpoint)
            kinesis.create_stream(StreamName="clicks", ShardCount=1)
            kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
            with self.assertRaises(ClientError) as refused:
                for number in range(2000):
                    data = f"{number:08d}".encode() + os.urandom(200_000)
                    acknowledged.append(
                        (kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=data)["SequenceNumber"], data))
            self.assertIn("disk", str(refused.exception).lower())
            self.assertGreater(len(acknowledged), 50)
            kinesis.describe_stream_summary(StreamName="clicks")
        filler = disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        # Not a byte is left: it starts all the same, and answers what it knows.
        with serving(disk) as again:
            kinesis = client("kinesis", again.endpoint)
            shard = kinesis.list_shards(StreamName="clicks")["Shards"][0]["ShardId"]
            iterator = kinesis.get_shard_iterator(StreamName="clicks", ShardId=shard,
                                                  ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            read = []
            while True:
                answer = kinesis.get_records(ShardIterator=iterator)
                read += [(record["SequenceNumber"], record["Data"]) for record in answer["Records"]]
                iterator = answer["NextShardIterator"]
                if not answer["Records"]:
                    break
            self.assertEqual(read[:len(acknowledged)], acknowledged)
            ballast.unlink()
            self.assert_soon_accepted(lambda: kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=b"more"))


if __name__ == "__main__":
    unittest.main()
