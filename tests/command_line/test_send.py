"""`millrace send`: files as they really come, from the command line to what stands in the stream."""

import contextlib
import gzip
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
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
        self.send("--file", self.file("a.csv", 'k,t,v\na,1,"x\x01y"\n' + "b,2,z\n" * 20_000 + "c,3,\x01\0"))
        events = self.events("event_id")
        self.assertEqual((events[0]["v"], events[-1]["v"], len(events)), ("x\x01y", "\x01\0", 20_002))

    def test_what_follows_gzip_data_is_no_secret(self):
        packed = gzip.compress(b"k,t\na,1\n") + gzip.compress(b"b,2\n")
        self.send("--file", self.file("good.csv.gz", packed + bytes(1000)))  # a tape's padding
        said = self.send("--file", self.file("bad.csv.gz", packed + b"c,3\n"), code=1)
        self.assertIn(f"the gzip data ends at byte {len(packed)} and something else follows", said)
        self.assertEqual([event["k"] for event in self.events()], ["a", "b", "a", "b"])

    @unittest.skipUnless(shutil.which("zstd"), "there is no zstd")
    def test_zstd_is_unpacked(self):
        path = self.file("a.csv", "k,t\n" + "".join(f"u{i},{i}\n" for i in range(20_000)))
        subprocess.run(["zstd", "-q", path], check=True)
        self.send(str(path) + ".zst")
        self.assertEqual(len(self.records()), 20_000)
        packed = (self.directory / "a.csv.zst").read_bytes()
        self.stream += "2"
        self.assertRegex(self.send(self.file("b.csv.zst", packed[:-9]), code=1), r"the zstd data is cut off after line \d")

    def test_delimiters_times_in_microseconds_and_paths(self):
        self.send("--file", self.file("a.tsv", "k\tt\na\t1569888000123456\n"))
        self.send("--file", self.file("b.csv", "k;t\nb;1569888000123456789\n"), "--delimiter", ";")
        self.assertEqual([event["k"] for event in self.events()], ["a", "b"])
        path = self.file("c.ndjson", '{"user":{"id":"u1"},"meta":{"at":1}}\n')
        done = subprocess.run([BINARY, "send", path, "--stream", self.stream, "--key", "user.id", "--time", "meta.at",
                               "--speed", "max", "--endpoint", self.server.endpoint], capture_output=True,
                              timeout=WAIT_SECONDS)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.events("event_id")[-1], {"user": {"id": "u1"}, "meta": {"at": 1}})

    def test_without_a_time_at_full_speed_only(self):
        path = self.file("a.csv", "k,n\na,1\n")
        done = subprocess.run(self.arguments(path), capture_output=True, timeout=WAIT_SECONDS)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--time COLUMN is missing", done.stderr)
        done = subprocess.run(self.arguments("--columns", "k,n", "--speed", "max", path), capture_output=True,
                              timeout=WAIT_SECONDS)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.events("event_id"), [{"k": "a", "n": "1"}])


class GoingOn(SendCase):
    def options_in(self, said):
        """The options that it names to go on."""
        return re.search(r"((?:--file \S+ )*--from-line \d+)", said)[1].split()

    def start(self, *options, **more):
        process = subprocess.Popen(self.arguments(*options), stderr=subprocess.PIPE, **more)

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def said_on_ctrl_c(self, process):
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=WAIT_SECONDS)[1].decode()
        self.assertEqual(process.returncode, 1, said)
        return said

    def wait_for_rows(self, count):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with contextlib.suppress(self.kinesis.exceptions.ResourceNotFoundException,
                                     self.kinesis.exceptions.ResourceInUseException):
                if len(self.records()) >= count:
                    return
            self.assertLess(time.monotonic(), deadline, "waited in vain")
            time.sleep(0.05)

    def test_a_corrected_row_goes_on_without_copies(self):
        path = self.file("a.csv", "k,t\na,1\nb,never\nc,3\n")
        said = self.send("--file", path, code=1)
        self.assertIn("1 row before it is in the stream", said)
        self.file("a.csv", "k,t\na,1\nb,2\nc,3\n")
        self.send("--file", path, *self.options_in(said))
        self.assertEqual([event["k"] for event in self.events()], ["a", "b", "c"])

    def test_bad_rows_are_passed_over_without_copies(self):
        path = self.file("a.ndjson", '{"k":"a","t":1}\n{"k":"b"}\n{"k":"c","t":3}\n')
        said = self.send("--file", path, code=1)
        self.assertIn("--from-line 2 --skip-bad", said)
        self.send("--file", path, *self.options_in(said), "--skip-bad")
        self.assertEqual([event["k"] for event in self.events()], ["a", "c"])

    def test_ctrl_c_in_the_second_of_three_files_and_on(self):
        files = [self.file("a.csv", "k,t\na,1\n"), self.file("b.csv", "k,t\nb,2\nc,1000000\n"),
                 self.file("c.csv", "k,t\nd,1000001\n")]
        process = self.start("--time", "t", "--speed", "10x", *files)
        self.wait_for_rows(2)
        said = self.said_on_ctrl_c(process)
        options = self.options_in(said)
        self.assertEqual(options, ["--file", str(files[1]), "--file", str(files[2]), "--from-line", "3"])
        # A wait of a day, said at once, with what leaves it out.
        self.assertRegex(said, r"b.csv:3 is due in 1d03h; a greater --speed .* Ctrl-C and --file \S*b.csv .*--from-line 3")
        self.send(*options)
        self.assertEqual([event["k"] for event in self.events()], ["a", "b", "c", "d"])

    def test_ctrl_c_ends_the_wait_for_a_terminal_at_once(self):
        for typed in (b"", b"k,t\na,1\n"):
            ours, theirs = pty.openpty()
            process = self.start("--time", "t", "--speed", "max", "--file", "-", "--csv", stdin=theirs)
            os.write(ours, typed)
            if typed:
                self.wait_for_rows(1)  # what is typed is sent, before there is more
            else:
                time.sleep(0.3)
            began = time.monotonic()
            said = self.said_on_ctrl_c(process)
            self.assertLess(time.monotonic() - began, 2)
            self.assertIn("stopped: ", said)
            os.close(ours)
            os.close(theirs)
        self.assertIn("--from-line 3", said)

    def test_what_a_failing_server_makes_of_it_is_said(self):
        path = self.file("a.csv", "k,t\na,1\nb,1000\n")
        for file, words in ((path, "come again with the same event_id"), ("-", "again with another event_id")):
            # Another one, for it dies between the rows.
            self.server = Server().start()
            self.addCleanup(self.server.stop)
            self.kinesis = self.server.client("kinesis", retries=5)
            process = self.start("--retry-for", "0", "--time", "t", "--speed", "300x", "--csv", "--file", file,
                                 stdin=subprocess.PIPE)
            process.stdin.write(path.read_bytes())
            process.stdin.flush()
            self.wait_for_rows(1)
            self.server.kill()
            said = process.communicate(timeout=WAIT_SECONDS)[1].decode()
            self.assertEqual(process.returncode, 1)
            self.assertIn("1 row is in the stream, all of them up to line 2", said)
            self.assertIn("--from-line 3", said)
            self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
