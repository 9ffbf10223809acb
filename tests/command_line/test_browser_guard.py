"""A foreign page in a browser of this machine must not reach what asks nobody who they are."""

import http.client
import json
import pathlib
import tempfile
import unittest
import urllib.parse

import server


class BrowserGuard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = f"127.0.0.1:{server.free_port()}"
        cls.server = server.Server(["--auth", "none"], dashboard=cls.page).start()
        cls.addClassCleanup(cls.server.stop)
        cls.api = urllib.parse.urlparse(cls.server.endpoint).netloc

    def ask(self, address, host, origin=None, method="POST", path="/"):
        connection = http.client.HTTPConnection(address, timeout=5)
        self.addCleanup(connection.close)
        headers = {"Host": host, "X-Amz-Target": "Kinesis_20131202.ListStreams",
                   "Content-Type": "application/x-amz-json-1.1"}
        if origin:
            headers["Origin"] = origin
        connection.request(method, path, "{}" if method == "POST" else None, headers)
        answer = connection.getresponse()
        return answer, answer.read()

    def test_an_api_without_authentication_asks_for_its_own_name(self):
        port = self.api.rpartition(":")[2]
        for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
            answer, body = self.ask(self.api, host)
            self.assertEqual((answer.status, json.loads(body)["StreamNames"]), (200, []), host)
        for host in ("evil.example", f"127.evil.example:{port}", "localhost.evil.example"):
            answer, body = self.ask(self.api, host)
            self.assertEqual(answer.status, 403, host)
            # As SDKs expect it, with what to do.
            self.assertEqual(answer.headers["x-amzn-ErrorType"], "AccessDeniedException")
            self.assertTrue(answer.headers["x-amzn-RequestId"])
            error = json.loads(body)
            self.assertEqual(error["__type"].rpartition("#")[2], "AccessDeniedException")
            self.assertIn("allowed_hosts", error["message"])
        answer, _ = self.ask(self.api, self.api, "http://evil.example")
        self.assertEqual(answer.status, 403)

    def test_the_page_asks_for_its_own_name(self):
        for host, status in ((self.page, 200), ("evil.example", 403)):
            answer, body = self.ask(self.page, host, method="GET", path="/health")
            self.assertEqual(answer.status, status, body)


class KeyThatEverybodyKnows(unittest.TestCase):
    """With the access key of the documentation a page can sign what it likes, so a signature says nothing."""

    def ask(self, endpoint, method, headers):
        connection = http.client.HTTPConnection(endpoint, timeout=5)
        self.addCleanup(connection.close)
        connection.request(method, "/", "{}" if method == "POST" else None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer

    def permission(self, endpoint, origin):
        return self.ask(endpoint, "OPTIONS", {
            "Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-amz-target"}).headers["Access-Control-Allow-Origin"]

    def start(self, options=()):
        running = server.Server(options).start()
        self.addCleanup(running.stop)
        return urllib.parse.urlparse(running.endpoint).netloc

    def test_pages_of_the_internet_may_not_call(self):
        endpoint = self.start()
        self.assertIsNone(self.permission(endpoint, "https://evil.example"))
        self.assertEqual(self.permission(endpoint, "http://localhost:3000"), "http://localhost:3000")
        # A page that made its own name point here needs no permission.
        self.assertEqual(self.ask(endpoint, "POST", {"Host": "evil.example"}).status, 403)

    def test_with_a_key_of_ones_own_all_pages_may_ask(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        file = pathlib.Path(directory.name) / "millrace.toml"
        file.write_text('[[credential]]\naccess_key = "ours"\nsecret_key = "not to be guessed"\n')
        endpoint = self.start(["--config", str(file)])
        self.assertEqual(self.permission(endpoint, "https://shop.example"), "https://shop.example")
        self.assertEqual(self.ask(endpoint, "POST", {"Host": "shop.example"}).status, 404)


if __name__ == "__main__":
    unittest.main()
