"""TLS on the API's port: whom clients have to trust, and that those of AWS then speak it."""

import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest

import boto3
import botocore.exceptions

import server


def run(*arguments, **environment):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="millrace-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.running = server.Server()
        if self.running.external:
            self.skipTest("needs a server of its own")

    def serve(self, *arguments):
        self.running.arguments = list(arguments)
        self.running.start()
        self.addCleanup(self.running.stop)
        self.data = os.path.join(self.running.data, "data")
        return self.running.endpoint.replace("http:", "https:")

    def authority(self):
        printed = run(server.BINARY, "cert", "--data", self.data)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        path = os.path.join(self.folder, "ca.pem")
        with open(path, "w") as file:
            file.write(printed.stdout)
        return path, printed.stderr

    def client(self, endpoint):
        return boto3.client("kinesis", endpoint_url=endpoint, region_name=server.REGION,
                            aws_access_key_id=server.ACCESS_KEY, aws_secret_access_key=server.SECRET_KEY,
                            config=server.Config(retries={"max_attempts": 0}))

    def test_the_authority_is_printed_with_its_fingerprint_and_stays(self):
        absent = run(server.BINARY, "cert", "--data", self.folder)
        self.assertEqual(absent.returncode, 1)
        self.assertIn("first start", absent.stderr)
        self.serve()
        path, said = self.authority()
        with open(path) as file:
            pem = file.read()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
        self.assertIn(":".join(digest[i:i + 2] for i in range(0, len(digest), 2)), said)
        self.assertEqual(os.stat(os.path.join(self.data, "tls", "ca-key.pem")).st_mode & 0o777, 0o600)
        self.running.restart()
        self.assertEqual(self.authority()[1], said)

    def test_boto3_verifies_by_aws_ca_bundle(self):
        endpoint = self.serve()
        with self.assertRaises(botocore.exceptions.SSLError):
            self.client(endpoint).list_streams()
        os.environ["AWS_CA_BUNDLE"] = self.authority()[0]
        self.addCleanup(os.environ.pop, "AWS_CA_BUNDLE")
        for address in (endpoint, endpoint.replace("127.0.0.1", "localhost")):
            streams = self.client(address)
            name = "by-" + address.split("/")[2].split(":")[0].replace(".", "-")
            streams.create_stream(StreamName=name, ShardCount=1)
            large = os.urandom(700_000)  # many records of TLS, both ways
            put = streams.put_record(StreamName=name, Data=large, PartitionKey="k")
            iterator = streams.get_shard_iterator(StreamName=name, ShardId=put["ShardId"],
                                                  ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            self.assertEqual(streams.get_records(ShardIterator=iterator)["Records"][0]["Data"], large)

    @unittest.skipUnless(shutil.which("aws"), "the AWS CLI is not installed")
    def test_the_aws_cli_verifies_by_aws_ca_bundle(self):
        endpoint = self.serve()
        keys = {"AWS_ACCESS_KEY_ID": server.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": server.SECRET_KEY,
                "AWS_DEFAULT_REGION": server.REGION}
        command = ("aws", "--endpoint-url", endpoint, "kinesis", "list-streams")
        self.assertIn("SSL validation failed", run(*command, **keys).stderr)
        listed = run(*command, **keys, AWS_CA_BUNDLE=self.authority()[0])
        self.assertEqual(listed.returncode, 0, listed.stderr)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_agrees_on_http_2(self):
        endpoint = self.serve()
        authority = self.authority()[0]
        for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
            answer = run("curl", "--silent", "--show-error", option, "--cacert", authority, "--write-out",
                         " HTTP/%{http_version}", endpoint + "/health")
            self.assertTrue(answer.stdout.endswith(" HTTP/" + version), answer.stdout + answer.stderr)

    def test_a_certificate_of_the_configuration_is_shown(self):
        self.serve()
        made = os.path.join(self.data, "tls")
        own = os.path.join(self.folder, "own")
        shutil.copytree(made, own)
        self.running.kill()
        shutil.rmtree(made)
        configuration = os.path.join(self.folder, "millrace.toml")

        def write(certificate, key):
            with open(configuration, "w") as file:
                file.write(f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n')

        write(f"{own}/ca.pem", f"{own}/ca-key.pem")
        self.running.arguments = ["--config", configuration]
        self.running.start()
        with open(f"{own}/ca.pem") as file:
            self.assertEqual(ssl.get_server_certificate(self.running.address), file.read())
        self.assertFalse(os.path.exists(made), "nothing else is made")
        write(f"{own}/ca.pem", f"{own}/ca.pem")
        refused = run(server.BINARY, "serve", "--data", self.folder + "/new", "--config", configuration,
                      "--listen", "127.0.0.1:0", "--dashboard", "off")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("is not the key", refused.stderr)

    def test_an_authority_that_is_damaged_keeps_nobody_from_the_rest(self):
        self.serve()
        self.running.end()
        with open(os.path.join(self.data, "tls", "ca.pem"), "w") as file:
            file.write("no certificate")
        self.running.start()
        self.assertEqual(self.running.client("kinesis").list_streams()["StreamNames"], [])
        self.assertIn("TLS is not spoken", self.running.messages())
        self.assertIn("makes another authority", self.running.messages())


if __name__ == "__main__":
    unittest.main()
