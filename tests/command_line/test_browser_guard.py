"""A foreign page in a browser of this machine must not reach what asks nobody who they are."""

import http.client
import json
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


if __name__ == "__main__":
    unittest.main()
