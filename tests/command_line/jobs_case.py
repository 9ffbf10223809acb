"""What tests of jobs share: a server of their own, the program as its client, and waiting."""

import json
import os
import subprocess
import time
import unittest

from server import BINARY, Server

WAIT_SECONDS = 60


class JobsCase(unittest.TestCase):
    def setUp(self):
        if os.environ.get("MILLRACE_ENDPOINT"):
            self.skipTest("the test needs a server that it starts itself")
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

    def create_stream(self):
        self.kinesis.create_stream(StreamName="clicks", ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
