"""A running job is told when its stream is deleted, by the program that runs both."""

import json
import os
import subprocess
import time
import unittest

from server import BINARY, Server

WAIT_SECONDS = 60
SCRIPT = """
CREATE TABLE clicks (product STRING)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks GROUP BY product;
"""


class JobSourcesTest(unittest.TestCase):
    def setUp(self):
        if os.environ.get("MILLRACE_ENDPOINT"):
            self.skipTest("a stream is deleted in a server that the test starts itself")
        self.server = Server().start()
        self.kinesis = self.server.client("kinesis", retries=5)
        self.dynamodb = self.server.client("dynamodb", retries=5)

    def tearDown(self):
        self.server.stop()

    def millrace(self, *words, text=None):
        return subprocess.run([BINARY, *words, "--endpoint", self.server.endpoint], input=text, text=True, check=True,
                              capture_output=True, timeout=WAIT_SECONDS).stdout

    def job(self):
        return json.loads(self.millrace("jobs", "--json"))["Jobs"][0]

    def wait_for(self, what, condition):
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"waited in vain for {what}: {self.server.messages()}")
            time.sleep(0.02)

    def click(self):
        self.kinesis.put_record(StreamName="clicks", Data=json.dumps({"product": "a"}), PartitionKey="a")

    def create_stream(self):
        self.kinesis.create_stream(StreamName="clicks", ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})

    def test_a_deleted_stream_fails_the_job_and_a_new_one_is_not_taken_for_it(self):
        self.create_stream()
        self.dynamodb.create_table(
            TableName="Counts", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "product", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "product", "KeyType": "HASH"}])
        self.millrace("sql", "-f", "-", "--name", "counts", text=SCRIPT)
        self.click()
        self.wait_for("the click", lambda: self.job()["RowsIn"] == 1)
        self.kinesis.delete_stream(StreamName="clicks")
        self.wait_for("the failure", lambda: self.job()["State"] == "failed")
        self.assertIn("stream clicks was deleted", self.job()["Reason"])
        self.create_stream()
        self.click()
        self.server.restart()
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            self.millrace("jobs", "resume", "counts")
        self.assertIn("is not the one that the job has read so far", refused.exception.stderr)
