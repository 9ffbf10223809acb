"""`millrace send`: files as they really come, from the command line to what stands in the stream."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from server import BINARY, Server

WAIT_SECONDS = 60
RECORD_BYTES_MAX = 1 << 20


class SendCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.environ.get("MILLRACE_ENDPOINT"):
            raise unittest.SkipTest("the tests need a server that they start themselves")
        cls.server = Server().start()
        cls.addClassCleanup(cls.server.stop)
        cls.kinesis = cls.server.client("kinesis", retries=5)

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-send-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.stream = self.id().rsplit(".", 1)[-1]

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def arguments(self, *options):
        return [BINARY, "send", "--stream", self.stream, "--create-shards", "1", "--key", "k", "--endpoint",
                self.server.endpoint, *map(str, options)]

    def send(self, *options, code=0, **more):
        """What it says, on stderr. The options go behind `--speed max --time t`."""
        done = subprocess.run(self.arguments("--speed", "max", "--time", "t", *options), capture_output=True,
                              timeout=WAIT_SECONDS, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr.decode()

    def records(self):
        """The stream's, byte for byte."""
        shard = self.kinesis.list_shards(StreamName=self.stream)["Shards"][0]["ShardId"]
        iterator = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard,
                                                   ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        found = []
        while True:
            answer = self.kinesis.get_records(ShardIterator=iterator)
            found += [record["Data"] for record in answer["Records"]]
            iterator = answer["NextShardIterator"]
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                return found

    def events(self, *without):
        """The stream's, as objects, without these members."""
        return [{name: value for name, value in json.loads(record).items() if name not in without}
                for record in self.records()]


class RowsAsTheyCome(SendCase):
    def test_json_is_sent_as_it_stands(self):
        lines = [rb'{"event_id":"1","k":"a","t":1,"query":"red shoes \ud83d"}',
                 b'{"event_id":"2","k":"a","t":1,"weight":1e400}',
                 b'{"event_id":"3","k":"a","t":1,"session":12345678901234567890123}',
                 b'{"event_id":"4","k":"a","t":1,"query":"red\tshoes"}']
        self.send("--file", self.file("a.ndjson", b"\n".join(lines)))
        self.assertEqual(self.records(), lines)

    def test_rows_without_an_id_get_one(self):
        csv = self.file("a.csv", "event_id,k,t\n,p1,1\n,p1,2\nown,p2,3\n")
        ndjson = self.file("a.ndjson", '{"k":"p","t":1}\n{"k":"p","t":1,"event_id":null}\n{"event_id":"","k":"p","t":1}')
        for _ in range(2):
            self.send("--file", csv)
            self.send("--file", ndjson)
        ids = [event["event_id"] for event in self.events()]
        self.assertEqual(ids[:6], ids[6:])  # the same when they are sent again
        self.assertEqual(len(set(ids)), 6)
        self.assertEqual(ids[2], "own")

    def test_a_row_over_the_record_limit_is_named_and_passed_over(self):
        path = self.file("a.csv", "k,t,v\na,1,x\nb,2," + "y" * (RECORD_BYTES_MAX + 24) + "\nc,3,z\n")
        said = self.send("--file", path, code=1)
        self.assertIn(f"{path}:3: as a record the row has", said)
        self.assertEqual(len(self.records()), 1)
        self.stream += "2"
        self.assertIn("1 bad rows passed over", self.send("--file", path, "--skip-bad"))
        self.assertEqual([event["k"] for event in self.events()], ["a", "c"])

    def test_a_key_has_up_to_256_characters(self):
        self.send("--file", self.file("a.csv", "k,t\n" + "é" * 256 + ",1\n"))
        self.assertEqual(self.events("event_id"), [{"k": "é" * 256, "t": "1"}])

    def test_a_byte_order_mark_is_passed_over(self):
        self.send("--file", self.file("a.ndjson", '\ufeff{"k":"a","t":1}\n{"k":"b","t":2}\n'))
        self.assertEqual(self.events("event_id"), [{"k": "a", "t": 1}, {"k": "b", "t": 2}])

    def test_carriage_returns_alone_end_lines(self):
        self.send("--file", self.file("a.csv", 'k,t,v\ra,1,x\rb,2,"y\nz"\r'))
        self.assertEqual(self.events("event_id"), [{"k": "a", "t": "1", "v": "x"}, {"k": "b", "t": "2", "v": "y\nz"}])

    def test_a_control_character_is_sent_wherever_it_stands(self):
        self.send("--file", self.file("a.csv", 'k,t,v\na,1,"x\x01y"\n' + "b,2,z\n" * 100_000 + "c,3,\x01\0"))
        events = self.events("event_id")
        self.assertEqual((events[0]["v"], events[-1]["v"], len(events)), ("x\x01y", "\x01\0", 100_002))

    def test_what_follows_gzip_data_is_no_secret(self):
        packed = gzip.compress(b"k,t\na,1\n") + gzip.compress(b"b,2\n")
        self.send("--file", self.file("good.csv.gz", packed + bytes(1000)))  # a tape's padding
        said = self.send("--file", self.file("bad.csv.gz", packed + b"c,3\n"), code=1)
        self.assertIn(f"the gzip data ends at byte {len(packed)} and something else follows", said)
        self.assertEqual([event["k"] for event in self.events()], ["a", "b", "a", "b"])


if __name__ == "__main__":
    unittest.main()
