"""A running server for the tests of this folder: the one that MILLRACE_ENDPOINT names, or build/millrace started on a
free port with a data directory of its own and killed at the end. MILLRACE_BINARY names another program."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.config import Config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("MILLRACE_BINARY", os.path.join(ROOT, "build", "millrace"))
ACCESS_KEY = "millrace"
SECRET_KEY = "millrace-secret"
REGION = "us-east-1"
START_SECONDS = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """start(), stop(), kill(), restart(); `endpoint` is its address. `data` survives kill() and restart()."""

    def __init__(self, arguments=(), dashboard="off"):
        self.arguments = list(arguments)
        self.dashboard = dashboard
        self.process = None
        self.port = None  # any free one
        self.data = None
        self.external = os.environ.get("MILLRACE_ENDPOINT")
        self.endpoint = self.external

    def start_at(self, endpoint):
        """start() at an address that it had before."""
        self.port = int(endpoint.rpartition(":")[2])
        return self.start()

    def start(self):
        if self.external:
            return self
        if self.data is None:
            self.data = tempfile.mkdtemp(prefix="millrace-test-")
        port = self.port or free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(self.data, "stderr.txt"), "ab")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", os.path.join(self.data, "data"), "--listen", f"127.0.0.1:{port}",
             "--dashboard", self.dashboard] + self.arguments,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self.process.returncode}: {self.messages()}")
            try:
                urllib.request.urlopen(self.endpoint + "/health", timeout=1).read()
                return self
            except OSError:
                if time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"the server does not answer: {self.messages()}")
                time.sleep(0.02)

    def messages(self):
        with open(os.path.join(self.data, "stderr.txt"), errors="replace") as f:
            return f.read()

    def _end(self, number):
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.log.close()

    def kill(self):
        """As a crash ends it: without a word."""
        self._end(signal.SIGKILL)

    def restart(self):
        if self.external:
            return
        self.kill()
        self.start()

    def end(self):
        """As an operator ends it; `data` stays."""
        self._end(signal.SIGTERM)

    def stop(self):
        self.end()
        if self.data is not None:
            shutil.rmtree(self.data, ignore_errors=True)

    def client(self, service, access_key=ACCESS_KEY, secret_key=SECRET_KEY, retries=0, **config):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(retries={"max_attempts": retries}, **config),
        )

    def request(self, target, body, sign=True, headers=(), method="POST", path="/", alter=None, body_sent=None,
                service="kinesis", content_type="application/x-amz-json-1.1"):
        """One request by hand: signed (with `sign` as the secret, if it is text), then changed by `alter(headers)` and
        sent with `body_sent` instead of the signed body. Returns status, headers and body."""
        signed = {"Content-Type": content_type, "X-Amz-Target": target, **dict(headers)}
        request = botocore.awsrequest.AWSRequest(method=method, url=self.endpoint + path, data=body, headers=signed)
        if sign:
            secret = sign if isinstance(sign, str) else SECRET_KEY
            credentials = botocore.credentials.Credentials(ACCESS_KEY, secret)
            botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
        send = dict(request.headers.items())
        if alter:
            alter(send)
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            connection.request(method, path, body=body if body_sent is None else body_sent, headers=send)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    @property
    def address(self):
        host, port = self.endpoint.split("//")[1].rstrip("/").split(":")
        return host, int(port)
