"""Functions in Python against a running server: with AWS's own runtime client (awslambdaric) where it is installed, and
with a runtime of a few lines always. What they write is exact, whatever is killed on the way."""

import importlib.util
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import boto3
import botocore.exceptions

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "aws"))
from server import ACCESS_KEY, BINARY, SECRET_KEY, Server, free_port  # noqa: E402

WAIT_SECONDS = 60
# Of the functions: theirs, and whatever this process has been given.
PYTHONPATH = os.pathsep.join([HERE, *(os.path.abspath(path) for path in sys.path if path.endswith("build/python"))])


class FunctionTest:
    """The tests, for each runtime."""

    runtime = []

    def configure(self, handler, source, retries_max=None):
        self.configuration.seek(0)
        self.configuration.truncate()
        command = ", ".join(f'"{word}"' for word in [*self.runtime, f"handlers.{handler}"])
        self.configuration.write(f"""
[[function]]
name = "tested"
command = [{command}]
timeout_ms = 20_000

[function.environment]
PYTHONPATH = "{PYTHONPATH}"
MARKER = "{self.marker}"

[[mapping]]
name = "to-tested"
function = "tested"
{source}
batch_records_max = 10
""")
        if retries_max is not None:
            self.configuration.write(f'retries_max = {retries_max}\non_failure_table = "FailedBatches"\n')
        self.configuration.flush()

    def setUp(self):
        if os.environ.get("MILLRACE_ENDPOINT"):
            self.skipTest("functions are configured in a server that the test starts itself")
        self.configuration = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.folder = tempfile.mkdtemp(prefix="millrace-function-")
        self.marker = os.path.join(self.folder, "marker")
        self.page = f"127.0.0.1:{free_port()}"
        self.server = Server(["--config", self.configuration.name], dashboard=self.page)

    def tearDown(self):
        self.server.stop()
        self.configuration.close()
        shutil.rmtree(self.folder)

    def start(self):
        self.server.start()
        self.dynamodb = self.server.client("dynamodb", retries=5)
        self.kinesis = self.server.client("kinesis", retries=5)

    def create_table(self, name, key):
        self.dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}])

    def scan(self, name):
        return self.dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]

    def wait_for(self, what, condition):
        deadline = time.monotonic() + WAIT_SECONDS
        while not (value := condition()):
            self.assertLess(time.monotonic(), deadline, f"waited in vain for {what}: {self.server.messages()}")
            time.sleep(0.02)
        return value

    def orders_of(self, count):
        """Waits until that many orders are counted; answers the count of each visitor."""
        def counted():
            buyers = {item["visitor_id"]["S"]: int(item["orders"]["N"]) for item in self.scan("Buyers")}
            return buyers if sum(buyers.values()) >= count else None
        return self.wait_for(f"{count} orders", counted)

    def order(self, number):
        self.dynamodb.put_item(TableName="Orders", Item={
            "order_id": {"S": f"o-{number}"}, "visitor_id": {"S": f"v-{number % 3}"}})

    def create_stream(self):
        self.kinesis.create_stream(StreamName="clicks", ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})

    def click(self, *all_data):
        self.kinesis.put_records(StreamName="clicks", Records=[
            {"Data": data, "PartitionKey": f"v-{i}"} for i, data in enumerate(all_data)])

    def test_effects_of_a_change_feed(self):
        self.configure("count", 'table = "Orders"', 3)
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")
        for number in range(30):
            self.order(number)
        self.assertEqual(self.orders_of(30), {"v-0": 10, "v-1": 10, "v-2": 10})

    def test_each_order_counts_once_when_function_and_server_die(self):
        self.configure("count_and_die", 'table = "Orders"')
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")
        for number in range(90):
            if number % 30 == 20:
                self.server.restart()
                self.start_again()
            self.order(number)
        self.orders_of(90)
        time.sleep(0.5)  # for what would be counted twice
        self.assertEqual(self.orders_of(90), {"v-0": 30, "v-1": 30, "v-2": 30})

    def start_again(self):
        self.dynamodb = self.server.client("dynamodb", retries=5)

    def test_a_stream_that_is_split_and_merged_is_followed(self):
        self.configure("list_clicks", 'stream = "clicks"')
        self.start()
        self.create_table("Clicks", "k")
        self.create_stream()
        sent = {f"v-{i}": [] for i in range(8)}

        def put(numbers):
            for number in numbers:
                self.click(*[str(number)] * len(sent))
                for key in sent:
                    sent[key].append(number)

        put(range(0, 20))
        self.kinesis.split_shard(StreamName="clicks", ShardToSplit="shardId-000000000000",
                                 NewStartingHashKey=str(1 << 127))
        put(range(20, 40))
        self.server.restart()
        self.dynamodb = self.server.client("dynamodb", retries=5)
        self.kinesis = self.server.client("kinesis", retries=5)
        put(range(40, 50))
        self.kinesis.merge_shards(StreamName="clicks", ShardToMerge="shardId-000000000001",
                                  AdjacentShardToMerge="shardId-000000000002")
        put(range(50, 60))

        def seen():
            return {i["k"]["S"]: [int(n["N"]) for n in i["numbers"]["L"]] for i in self.scan("Clicks")}
        self.wait_for("all clicks", lambda: sum(map(len, seen().values())) >= 60 * len(sent))
        time.sleep(0.3)  # for what should not come
        self.assertEqual(seen(), sent)

    def test_a_batch_that_fails_for_good_is_found_again(self):
        self.configure("refuse_poison", 'stream = "clicks"', 1)
        self.start()
        self.create_stream()
        self.click(b"good", b"poison")
        failed = self.wait_for("a failed batch", lambda: self.failed_batches())
        self.assertEqual(failed[0]["mapping"]["S"], "to-tested")
        self.assertIn("ValueError: cannot swallow this", failed[0]["error"]["S"])
        self.assertIn('"data":"cG9pc29u"', failed[0]["records"]["S"])
        self.assertEqual(failed[0]["attempts"]["N"], "2")

    def test_a_function_names_the_record_that_it_cannot_handle(self):
        self.configure("name_poison", 'stream = "clicks"', 0)
        self.start()
        self.create_table("Clicks", "visitor_id")
        self.create_stream()
        self.click(b"good", b"good", b"poison")
        failed = self.wait_for("a failed batch", lambda: self.failed_batches())
        self.assertEqual(failed[0]["first_sequence"], failed[0]["last_sequence"])
        clicks = {item["visitor_id"]["S"]: item for item in self.scan("Clicks")}
        self.assertEqual(set(clicks), {"v-0", "v-1"})
        self.assertEqual(clicks["v-0"]["function"]["S"], "tested")
        self.assertEqual(len(clicks["v-0"]["request_id"]["S"]), 36)

    def read(self, path):
        return json.load(urllib.request.urlopen(f"http://{self.page}{path}", timeout=10))

    def test_a_batch_that_fails_is_kept_and_seen_and_goes_on_when_the_function_is_mended(self):
        self.configure("refuse_poison", 'stream = "clicks"')
        self.start()
        self.create_stream()
        self.assertEqual(self.read("/health"), {"status": "ok"})
        self.click(b"good", b"poison", b"good")
        # By default it was given up after 0.7 s.
        mapping = self.wait_for("five retries", lambda: next(
            (mapping for mapping in self.read("/api/state")["mappings"] if mapping["retries"] >= 5), None))
        self.assertEqual((mapping["state"], mapping["lag_records"], mapping["failed_batches"]), ("retrying", 3, 0))
        self.assertIn("ValueError: cannot swallow this", mapping["last_error"])
        self.assertGreater(mapping["oldest_waiting_ms"], 1_000)
        health = self.read("/health")
        self.assertEqual(health["status"], "degraded")
        self.assertRegex(health["problems"][0], "^mapping to-tested: 3 records wait, .* cannot swallow this$")
        shown = self.show_functions()
        self.assertRegex(shown, r"(?m)^tested +(ready|busy) ")
        self.assertRegex(shown, r"(?m)^to-tested +retrying +3 +[0-9.]+ s ")
        self.assertRegex(shown, r"(?m)^  .*ValueError: cannot swallow this$")
        self.assertIn("failed, attempt 4; it comes again after 0.8 s", self.server.messages())
        self.configure("name_nothing", 'stream = "clicks"')
        self.server.restart()
        self.wait_for("the batch", lambda: self.read("/api/state")["mappings"][0]["records"] == 3)
        self.assertEqual(self.read("/health"), {"status": "ok"})

    def show_functions(self):
        return subprocess.run([BINARY, "functions", "--endpoint", self.server.endpoint], capture_output=True, text=True,
                              env={"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
                              check=True).stdout

    def test_a_function_that_cannot_start_is_seen(self):
        self.configure("there_is_no_such_handler", 'stream = "clicks"')
        self.start()
        health = self.wait_for("a start that failed", lambda: (
            now := self.read("/health"))["status"] == "degraded" and now)
        self.assertRegex(health["problems"][0], "(?s)^function tested: .*there_is_no_such_handler")
        self.create_stream()
        mapping = self.wait_for("the mapping", lambda: next(
            (mapping for mapping in self.read("/api/state")["mappings"] if mapping["state"] == "function cannot start"),
            None))
        self.assertIn("there_is_no_such_handler", mapping["last_error"])
        shown = self.show_functions()
        self.assertRegex(shown, r"(?m)^tested +failing ")
        self.assertRegex(shown, r"(?m)^to-tested +function cannot start +0 ")

    def test_an_answer_in_quotes_is_a_failed_batch(self):
        self.configure("count_in_quotes", 'table = "Orders"')
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")
        self.order(1)
        mapping = self.wait_for("a retry", lambda: next(
            (mapping for mapping in self.read("/api/state")["mappings"] if mapping["retries"]), None))
        self.assertIn("the answer is JSON in quotes", mapping["last_error"])
        self.assertEqual(mapping["lag_records"], 1)

    def process_of_function(self):
        """Its id and its environment."""
        server = self.server.process.pid
        for task in os.listdir(f"/proc/{server}/task"):
            with open(f"/proc/{server}/task/{task}/children") as tasks:
                for child in tasks.read().split():
                    try:
                        with open(f"/proc/{child}/environ") as file:
                            environment = dict(pair.split("=", 1) for pair in file.read().split("\0") if pair)
                    except OSError:  # it has just ended
                        continue
                    if "AWS_LAMBDA_RUNTIME_API" in environment:
                        return child, environment
        return None

    def test_a_process_has_an_access_key_of_its_own_that_ends_with_it(self):
        self.configure("count", 'table = "Orders"')
        self.start()
        process, environment = self.wait_for("the function", self.process_of_function)
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        key, secret = (environment[name] for name in names)
        self.assertNotEqual(key, ACCESS_KEY)
        self.assertNotEqual(secret, SECRET_KEY)
        self.assertEqual(self.server.client("dynamodb", key, secret).list_tables()["TableNames"], [])
        with_token = boto3.client(
            "dynamodb", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name=environment["AWS_REGION"],
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=environment["AWS_SESSION_TOKEN"])
        self.assertEqual(with_token.list_tables()["TableNames"], [])
        shown = subprocess.run(["ps", "-ww", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn(secret, shown)
        os.kill(int(process), signal.SIGKILL)
        _, next_environment = self.wait_for("the next process", lambda: (
            found := self.process_of_function()) and found[0] != process and found)
        self.assertTrue(all(environment[name] != next_environment[name] for name in names))
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            self.server.client("dynamodb", key, secret).list_tables()
        self.assertEqual(refused.exception.response["Error"]["Code"], "UnrecognizedClientException")

    def test_what_a_function_has_started_ends_with_it(self):
        self.configure("count_beside_a_daemon", 'table = "Orders"')
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")

        def is_gone(process):
            try:
                with open(f"/proc/{process}/stat") as file:
                    return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
            except FileNotFoundError:
                return True

        def kill_function():
            os.kill(int(self.process_of_function()[0]), signal.SIGKILL)

        for number, end in enumerate([kill_function, self.server.end]):
            self.order(number)
            self.orders_of(number + 1)
            with open(self.marker) as file:
                daemon = int(file.read())
            self.assertFalse(is_gone(daemon))
            end()
            self.wait_for("the daemon's end", lambda: is_gone(daemon))

    def test_what_a_killed_server_leaves_ends_with_the_next_one(self):
        self.configure("count_beside_a_daemon", 'table = "Orders"')
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")
        self.order(0)
        self.orders_of(1)
        with open(self.marker) as file:
            daemon = int(file.read())
        with open(f"/proc/{daemon}/cgroup") as file:
            grouped = "/millrace-" in file.read()
        self.server.kill()
        try:
            if not grouped:
                self.skipTest("no control group may be made here")
            self.server.start()
            self.wait_for("the daemon's end", lambda: not os.path.exists(f"/proc/{daemon}"))
        finally:
            if os.path.exists(f"/proc/{daemon}"):
                os.kill(daemon, signal.SIGKILL)

    def test_a_foreign_process_takes_no_batch_and_answers_none(self):
        self.configure("count_when_told", 'table = "Orders"')
        self.start()
        self.create_table("Buyers", "visitor_id")
        self.create_table("Orders", "order_id")
        _, environment = self.wait_for("the function", self.process_of_function)
        root = "/2018-06-01/runtime/invocation/"

        def try_call(method, path, body=None):
            foreign = http.client.HTTPConnection(environment["AWS_LAMBDA_RUNTIME_API"], timeout=5)
            try:
                with self.assertRaises((ConnectionError, http.client.HTTPException)):
                    foreign.request(method, root + path, body)
                    foreign.getresponse()
            finally:
                foreign.close()

        try_call("GET", "next")
        self.order(1)
        self.wait_for("the invocation", lambda: os.path.exists(self.marker) and os.path.getsize(self.marker))
        with open(self.marker) as file:
            request_id = file.read()
        stolen = {"effects": [{"Put": {"TableName": "Buyers", "Item": {
            "visitor_id": {"S": "stolen"}, "orders": {"N": "1000"}}}}]}
        try_call("GET", "next")
        try_call("POST", f"{request_id}/response", json.dumps(stolen))
        try_call("POST", f"{request_id}/error", "{}")
        os.remove(self.marker)
        self.assertEqual(self.orders_of(1), {"v-1": 1})
        self.assertIn("function tested: refused a connection from 127.0.0.1:", self.server.messages())

    def failed_batches(self):
        try:
            return self.scan("FailedBatches")
        except self.dynamodb.exceptions.ResourceNotFoundException:
            return []


class PlainRuntimeTest(FunctionTest, unittest.TestCase):
    runtime = [sys.executable, os.path.join(HERE, "plain_runtime.py")]


@unittest.skipUnless(importlib.util.find_spec("awslambdaric"), "AWS's runtime client, awslambdaric, is not installed")
class LambdaRuntimeTest(FunctionTest, unittest.TestCase):
    runtime = [sys.executable, "-m", "awslambdaric"]


if __name__ == "__main__":
    unittest.main()
