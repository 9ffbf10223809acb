"""Who is calling: what tools ask first, over AWS's query protocol."""

import json
import os
import subprocess
import unittest

from botocore.exceptions import ClientError

import server


class CallerIdentity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = server.Server().start()
        cls.addClassCleanup(cls.running.stop)

    def test_boto3_hears_who_it_is(self):
        answer = self.running.client("sts").get_caller_identity()
        self.assertEqual(answer["Account"], "000000000000")
        self.assertEqual(answer["Arn"], f"arn:aws:iam::000000000000:user/{server.ACCESS_KEY}")
        self.assertEqual(answer["UserId"], server.ACCESS_KEY)
        self.assertEqual(len(answer["ResponseMetadata"]["RequestId"]), 36)

    def test_the_command_line_hears_it_too(self):
        done = subprocess.run(
            ["aws", "--endpoint-url", self.running.endpoint, "sts", "get-caller-identity"], capture_output=True,
            text=True, env={**os.environ, "AWS_ACCESS_KEY_ID": server.ACCESS_KEY,
                            "AWS_SECRET_ACCESS_KEY": server.SECRET_KEY, "AWS_DEFAULT_REGION": server.REGION})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["Account"], "000000000000")

    def refused(self, code, status, call, client):
        with self.assertRaises(ClientError) as refused:
            getattr(client, call)()
        self.assertEqual(refused.exception.response["Error"]["Code"], code)
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return refused.exception.response["Error"]["Message"]

    def test_others_are_told_so_in_its_words(self):
        for change, code in ((dict(access_key="AKIAWRONG"), "InvalidClientTokenId"),
                             (dict(secret_key="wrong"), "SignatureDoesNotMatch")):
            client = self.running.client("sts", **change)
            self.refused(code, 403, "get_caller_identity", client)

    def test_what_is_not_here_is_said_to_be(self):
        client = self.running.client("sts")
        message = self.refused("InvalidAction", 400, "get_session_token", client)
        self.assertIn("GetSessionToken", message)
        iam = self.running.client("iam")
        self.refused("InvalidAction", 400, "list_users", iam)


if __name__ == "__main__":
    unittest.main()
