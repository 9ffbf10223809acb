"""What the commands do for a user: what they say, what they refuse, how they end."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import server
from test_bad_input import client, millrace, run, serving

WAIT_SECONDS = 30
JOB = """CREATE TABLE events (n STRING, x AS CAST(n AS INT) / 0) WITH ('connector' = 'kinesis', 'stream' = 'events',
  'format' = 'json', 'scan.stream.initpos' = 'TRIM_HORIZON');
CREATE TABLE results (n STRING, x INT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'dynamodb', 'table-name' = 'Results');
INSERT INTO results SELECT n, x FROM events;
"""


def wait_until(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result


def network_address():
    """An address of this machine that is not loopback; None if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


class Commands(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-commands-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = self.directory / "data"

    def start(self, *arguments, **options):
        process = subprocess.Popen([millrace, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **options)

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def read_until(self, process, pattern):
        """The match of the pattern in a line of stderr."""
        for line in process.stderr:
            if match := re.search(pattern, line):
                return match
        self.fail(f"ended without {pattern}")

    def file(self, name, rows):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("user,at,n\n" + "".join(f"u{row},{1_700_000_000 + row},{row}\n" for row in rows))
        return path

    def send_arguments(self, running, path):
        return ["send", "--file", path, "--stream", "events", "--create-shards", "1", "--key", "user", "--time", "at",
                "--endpoint", running.endpoint]

    def events(self, running):
        kinesis = client("kinesis", running.endpoint)
        shard = kinesis.list_shards(StreamName="events")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(StreamName="events", ShardId=shard,
                                              ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        return [json.loads(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator)["Records"]]

    def job(self, running):
        return json.loads(run("jobs", "list", "--json", "--endpoint", running.endpoint).stdout)["Jobs"][0]

    def submit_job(self, running):
        kinesis = client("kinesis", running.endpoint)
        kinesis.create_stream(StreamName="events", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="events", WaiterConfig={"Delay": 1})
        client("dynamodb", running.endpoint).create_table(
            TableName="Results", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}])
        done = run("sql", "-f", "-", "--name", "job", "--endpoint", running.endpoint, input=JOB)
        self.assertEqual(done.returncode, 0, done.stderr)
        return kinesis

    def test_wrong_usage_ends_with_2_and_says_what_would_work(self):
        send = ["send", "--file", "f.csv", "--stream", "s", "--key", "k", "--time", "t"]
        for arguments, words in [
                (["--versio"], ["`--versio`", "did you mean `--version`?"]),
                (["serv"], ["did you mean `serve`?"]),
                (["serve", "--dta", self.data], ["`millrace serve`", "did you mean `--data`?"]),
                (["serve", "--data", self.data, "--region", "bad region"], ["--region", "us-east-1"]),
                (["jobs", "remove"], ["NAME", "millrace jobs remove --help"]),
                (send + ["--connections", "0"], ["--connections", "1 to"]),
                (send + ["--retry-for", "-1"], ["--retry-for", "0 to"]),
                (send + ["--endpoint", "http://::1:4566"], ["http://[::1]:4566"]),
                (["demo", "--rate", "inf"], ["--rate", "1000000"]),
                (["demo", "--rate", "1e9"], ["--rate", "1000000"]),
                (["demo", "--products", "100000000"], ["--products", "100000"])]:
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            for word in words:
                self.assertIn(word, done.stderr, arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertFalse(self.data.exists())

    def test_help_shows_the_examples_of_its_own_command(self):
        self.assertIn("millrace jobs stop pricing", run("jobs", "--help").stdout)
        for arguments in (["jobs", "list"], ["reprice"]):
            done = run(*arguments, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertNotIn("Example", done.stdout, arguments)
        for word in ("2019-10-01T00:00:00.250Z", "milliseconds", "nanoseconds", "strings", "event_id", "--from-line",
                     "--delimiter", "zstd", "user.id", "byte order mark", "1 MiB", "numbers of any size", "or several",
                     "--speed max goes without", "A long wait"):
            self.assertIn(word, run("send", "--help").stdout)

    def test_files_of_one_name_have_events_of_their_own_and_the_same_file_the_same(self):
        with serving(self.directory) as running:
            for name, rows in [("one/events.csv", [1, 2]), ("two/events.csv", [1, 3]), ("one/events.csv", [1, 2])]:
                done = run(*self.send_arguments(running, self.file(name, rows)), "--speed", "max")
                self.assertEqual(done.returncode, 0, done.stderr)
            text = '{"user":"u9","at":1700000009}\n'
            for _ in range(2):
                done = run(*self.send_arguments(running, "-"), "--ndjson", "--speed", "max", input=text)
                self.assertEqual(done.returncode, 0, done.stderr)
            ids = [event["event_id"] for event in self.events(running)]
        self.assertEqual(ids[:2], ids[4:6])
        self.assertEqual(len(set(ids)), 6)

    def test_send_takes_what_can_be_read_of_a_cut_off_file(self):
        whole = gzip.compress(self.file("whole.csv", range(20_000)).read_bytes())
        path = self.directory / "cut.csv.gz"
        path.write_bytes(whole[:len(whole) // 2])
        with serving(self.directory) as running:
            done = run(*self.send_arguments(running, path), "--speed", "max")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.splitlines()[0].count("cut.csv.gz"), 1, done.stderr)
            line = int(re.search(r"cut off after line (\d+), the last complete one", done.stderr)[1])
            self.assertGreater(line, 1000)
            self.assertIn(f"{line - 1} rows are in the stream, all of them up to line {line}", done.stderr)
            path.write_bytes(bytes(range(256)) * 10)
            self.assertIn("this is no text", run(*self.send_arguments(running, path)).stderr)

    def test_a_signal_ends_send_with_a_summary(self):
        with serving(self.directory) as running:
            path = self.file("slow.csv", [0, 0, 1_000_000])
            sending = self.start(*self.send_arguments(running, path), "--json")
            wait_until(lambda: self.events_or_none(running) == 2)
            sending.send_signal(signal.SIGINT)
            out, err = sending.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(sending.returncode, 1)
        summary = json.loads(out)
        self.assertEqual((summary["acknowledged"], summary["line"], summary["stopped"]), (2, 3, True))
        self.assertIn("stopped: 2 rows", err)
        self.assertIn("up to line 3", err)

    def events_or_none(self, running):
        try:
            return len(self.events(running))
        except Exception:  # the stream is still being made
            return None

    def test_a_running_job_is_removed_only_by_force(self):
        with serving(self.directory) as running:
            self.submit_job(running)
            done = run("jobs", "remove", "job", "--endpoint", running.endpoint)
            self.assertEqual(done.returncode, 1)
            self.assertIn("millrace jobs stop job", done.stderr)
            self.assertIn("--force", done.stderr)
            self.assertEqual(self.job(running)["State"], "running")
            done = run("jobs", "remove", "job", "--force", "--endpoint", running.endpoint)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("no jobs", run("jobs", "--endpoint", running.endpoint).stderr)
            done = run("sql", "-f", "-", "--name", "job", "--endpoint", running.endpoint, input=JOB)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(run("jobs", "stop", "job", "--endpoint", running.endpoint).returncode, 0)
            self.assertEqual(run("jobs", "remove", "job", "--endpoint", running.endpoint).returncode, 0)

    def test_errors_of_rows_are_counted_where_jobs_are_shown(self):
        page = server.free_port()
        with self.serving_with_page(page) as endpoint:
            running = server.Server()
            running.endpoint = endpoint
            kinesis = self.submit_job(running)
            for number in range(3):
                kinesis.put_record(StreamName="events", PartitionKey="k", Data=json.dumps({"n": str(number)}).encode())
            wait_until(lambda: self.job(running)["RowErrors"] == 3)
            header, row = run("jobs", "--endpoint", endpoint).stdout.splitlines()[:2]
            at = header.index("ERRORS") + len("ERRORS")
            self.assertTrue(row[:at].endswith(" 3"), row)
            metrics = urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics").read().decode()
            self.assertIn('millrace_job_row_errors_total{job="job"} 3\n', metrics)
            state = json.load(urllib.request.urlopen(f"http://127.0.0.1:{page}/api/state"))
            self.assertEqual(state["jobs"][0]["row_errors"], 3)

    @contextlib.contextmanager
    def serving_with_page(self, page):
        process = self.start("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--dashboard",
                             f"127.0.0.1:{page}")
        endpoint = self.read_until(process, r"at (http://\S+:\d+), data")[1]
        yield endpoint
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS)

    def test_a_job_that_does_not_run_has_no_lag(self):
        with serving(self.directory) as running:
            kinesis = self.submit_job(running)
            self.assertEqual(run("jobs", "stop", "job", "--endpoint", running.endpoint).returncode, 0)
            kinesis.put_record(StreamName="events", PartitionKey="k", Data=b"{}")
        with serving(self.directory) as running:
            self.assertIsNone(self.job(running)["LagRecords"])
            row = run("jobs", "--endpoint", running.endpoint).stdout.splitlines()[1]
            self.assertEqual(row.split()[1:4], ["stopped", "-", "-"], row)

    def test_a_directory_of_other_things_is_not_taken_for_data(self):
        self.data.mkdir()
        (self.data / "letters").mkdir()
        done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--dashboard", "off")
        self.assertEqual(done.returncode, 2)
        self.assertIn("letters", done.stderr)
        self.assertIn("an empty or a new directory", done.stderr)
        self.assertEqual(os.listdir(self.data), ["letters"])

    def test_a_misspelt_rule_of_pricing_is_refused(self):
        done = run("reprice", env={**os.environ, "PRICING_CEILNG": "1.4"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("PRICING_CEILNG", done.stderr)
        self.assertIn("did you mean `ceiling`?", done.stderr)

    def listen_at(self, address):
        """A server there; the endpoint it names, the one its functions get, and what it logged so far."""
        seen = self.directory / "seen"
        configuration = self.directory / "millrace.toml"
        command = json.dumps(["sh", "-c", f'echo "$AWS_ENDPOINT_URL" > {seen}.new; mv {seen}.new {seen}; sleep 60'])
        configuration.write_text(f"""
[[function]]
name = "look"
command = {command}
[[mapping]]
name = "look"
function = "look"
stream = "events"
""")
        process = self.start("serve", "--data", self.data, "--listen", f"{address}:0", "--dashboard", "off", "--config",
                             configuration)
        said = []
        for line in process.stderr:
            said.append(line)
            if match := re.search(r"at (http://\S+:\d+), data", line):
                break
        else:
            self.fail(f"did not start: {said}")
        done = run("send", "--file", self.file("one.csv", [1]), "--stream", "events", "--create-shards", "1", "--key",
                   "user", "--time", "at", "--speed", "max", "--endpoint", match[1])
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(seen.exists)
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS)
        return match[1], seen.read_text().strip(), "".join(said)

    def test_functions_find_the_api_on_the_address_where_it_listens(self):
        address = network_address()
        if address is None:
            self.skipTest("this machine has loopback only")
        endpoint, of_functions, said = self.listen_at(address)
        self.assertEqual(of_functions, endpoint)
        self.assertIn("credentials that everyone knows", said)
        self.assertIn("[[credential]]", said)

    def test_functions_find_the_api_where_it_listens_on_all_addresses(self):
        endpoint, of_functions, said = self.listen_at("0.0.0.0")
        self.assertEqual(of_functions, endpoint.replace("0.0.0.0", "127.0.0.1"))
        self.assertIn("credentials that everyone knows", said)

    def test_addresses_of_ipv6(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("this machine has no IPv6")
        endpoint, of_functions, said = self.listen_at("[::1]")
        self.assertTrue(endpoint.startswith("http://[::1]:"))
        self.assertEqual(of_functions, endpoint)
        self.assertNotIn("everyone knows", said)

    def test_a_signal_ends_the_demo_while_it_is_set_up(self):
        process = self.start("demo", "--products", "100000", "--listen", "127.0.0.1:0", "--dashboard", "off",
                             env={**os.environ, "TMPDIR": str(self.directory)})
        self.read_until(process, "Kinesis and DynamoDB at")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 1)
        self.assertIn("stopped by a signal", err)
        self.assertEqual(os.listdir(self.directory), [])

    def test_closing_the_terminal_ends_the_demo_and_its_data(self):
        former = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs this may have it ignored
        try:
            process = self.start("demo", "--listen", "127.0.0.1:0", "--dashboard", "off",
                                 env={**os.environ, "TMPDIR": str(self.directory)})
        finally:
            signal.signal(signal.SIGHUP, former)
        self.read_until(process, "5 s:")  # it runs
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(os.listdir(self.directory), [])

    def test_the_demo_ends_when_its_data_have_come_to_their_bound(self):
        process = self.start("demo", "--listen", "127.0.0.1:0", "--dashboard", "off", "--disk-max", "30MB",
                             env={**os.environ, "TMPDIR": str(self.directory)})
        _, err = process.communicate(timeout=2 * WAIT_SECONDS)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("--disk-max", err)
        self.assertEqual(os.listdir(self.directory), [])

    def test_nohup_keeps_the_demo_when_the_terminal_is_closed(self):
        former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = self.start("demo", "--listen", "127.0.0.1:0", "--dashboard", "off",
                                 env={**os.environ, "TMPDIR": str(self.directory)})
        finally:
            signal.signal(signal.SIGHUP, former)
        self.read_until(process, "a shop with")
        process.send_signal(signal.SIGHUP)
        self.read_until(process, "5 s:")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main()
