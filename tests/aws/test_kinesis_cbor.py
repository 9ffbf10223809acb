"""Kinesis in CBOR, as the SDKs for Java speak it, by hand: boto3 speaks JSON only."""

import datetime
import json
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cbor import decode, encode  # noqa: E402
from server import REGION, Server  # noqa: E402

server = Server()
CBOR = "application/x-amz-cbor-1.1"
NEWER = {"StreamSummaries", "NextToken"}  # than the model of Debian's botocore


def setUpModule():
    server.start()


def tearDownModule():
    server.stop()


class CborTest(unittest.TestCase):
    names = 0

    def setUp(self):
        self.kinesis = server.client("kinesis")
        self.addCleanup(self.kinesis.close)

    def raw(self, operation, body):
        status, headers, data = server.request(f"Kinesis_20131202.{operation}", body, content_type=CBOR)
        self.assertEqual(headers["content-type"], CBOR)
        self.assertTrue(headers["x-amzn-RequestId"])
        return status, headers, decode(data) if data else None

    def call(self, operation, indefinite=True, **members):
        status, _, answer = self.raw(operation, encode(members, indefinite))
        self.assertEqual(status, 200, answer)
        return answer

    def refused(self, operation, body):
        status, headers, error = self.raw(operation, body if isinstance(body, bytes) else encode(body))
        self.assertEqual(status, 400, error)
        self.assertEqual(headers["x-amzn-ErrorType"], error["__type"])
        return error["__type"], error["message"]

    def create(self, shards=1):
        CborTest.names += 1
        name = f"cbor-{os.getpid()}-{CborTest.names}"
        self.assertIsNone(self.call("CreateStream", StreamName=name, ShardCount=shards))
        self.addCleanup(self.kinesis.delete_stream, StreamName=name)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        return name

    def iterator(self, name, kind="TRIM_HORIZON", **more):
        return self.call("GetShardIterator", StreamName=name, ShardId="shardId-000000000000", ShardIteratorType=kind, **more)["ShardIterator"]


class Calls(CborTest):
    def test_records_come_back_as_they_were_put_whoever_asks(self):
        name = self.create()
        data = [b"", b"x", bytes(range(256)) * 9, os.urandom(1 << 20), "Ünïcödé".encode()]
        put = self.call("PutRecord", StreamName=name, PartitionKey="schlüssel", Data=data[0])
        self.assertEqual(put["ShardId"], "shardId-000000000000")
        puts = self.call("PutRecords", StreamName=name, Records=[{"PartitionKey": f"k{i}", "Data": d} for i, d in enumerate(data)])
        self.assertEqual(puts["FailedRecordCount"], 0)
        self.call("PutRecords", indefinite=False, StreamName=name,
                  Records=[{"Data": b"y", "Unknown": [{"a": [1.5, None, True]}], "ExplicitHashKey": str(2**128 - 1), "PartitionKey": "k"},
                           {"Data": b"z", "ExplicitHashKey": None, "PartitionKey": "k"}])
        page = self.call("GetRecords", ShardIterator=self.iterator(name))
        self.assertEqual([r["Data"] for r in page["Records"]], data[:1] + data + [b"y", b"z"])
        self.assertEqual([r["PartitionKey"] for r in page["Records"]], ["schlüssel"] + [f"k{i}" for i in range(5)] + ["k", "k"])
        self.assertEqual(page["Records"][0]["SequenceNumber"], put["SequenceNumber"])
        self.assertEqual([r["SequenceNumber"] for r in page["Records"][1:6]], [r["SequenceNumber"] for r in puts["Records"]])
        self.assertEqual(page["MillisBehindLatest"], 0)
        same = self.kinesis.get_records(ShardIterator=self.iterator(name))
        self.assertEqual([(r["Data"], r["PartitionKey"], r["SequenceNumber"]) for r in same["Records"]],
                         [(r["Data"], r["PartitionKey"], r["SequenceNumber"]) for r in page["Records"]])
        for ours, theirs in zip(page["Records"], same["Records"]):
            self.assertLess(abs(ours["ApproximateArrivalTimestamp"] - theirs["ApproximateArrivalTimestamp"]).total_seconds(), 0.001)
            self.assertLess(abs(ours["ApproximateArrivalTimestamp"].timestamp() - time.time()), 60)

    def test_times_are_milliseconds_and_fractions_are_seconds(self):
        name = self.create()
        self.call("PutRecord", StreamName=name, PartitionKey="k", Data=b"before")
        time.sleep(0.02)
        first = self.call("GetRecords", ShardIterator=self.iterator(name))["Records"][0]["ApproximateArrivalTimestamp"]
        self.call("PutRecord", StreamName=name, PartitionKey="k", Data=b"after")
        at = lambda when: [r["Data"] for r in self.call("GetRecords", ShardIterator=self.iterator(name, "AT_TIMESTAMP", Timestamp=when))["Records"]]  # noqa: E731
        self.assertEqual(at(first), [b"before", b"after"])
        self.assertEqual(at(first + datetime.timedelta(milliseconds=1)), [b"after"])
        self.assertEqual(at(round(first.timestamp() * 1000) + 1), [b"after"])
        self.assertEqual(at(first.timestamp() + 0.001), [b"after"])
        wrong = {"StreamName": name, "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time.time() + 100}
        self.assertEqual(self.refused("GetShardIterator", wrong)[0], "InvalidArgumentException")

    def test_answers_say_the_same_in_both_codings_and_what_the_model_has(self):
        name = self.create(shards=3)

        def plain(value, shape, path):
            """As JSON has it; each member is one of the model's, of its type."""
            kinds = {"structure": dict, "map": dict, "list": list, "string": str, "blob": bytes, "boolean": bool, "integer": int,
                     "long": int, "timestamp": datetime.datetime}
            self.assertIsInstance(value, kinds[shape.type_name], path)
            if shape.type_name == "structure":
                self.assertLessEqual(set(value) - NEWER, set(shape.members), path)
                self.assertLessEqual(set(shape.required_members), set(value), path)
                return {k: plain(v, shape.members[k], f"{path}.{k}") for k, v in value.items() if k not in NEWER}
            if shape.type_name == "list":
                return [plain(each, shape.member, path) for each in value]
            return value.timestamp() if shape.type_name == "timestamp" else value

        shard = {"StreamName": name, "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
        calls = {"DescribeStream": {"StreamName": name}, "DescribeStreamSummary": {"StreamName": name}, "ListStreams": {"Limit": 10},
                 "ListShards": {"StreamName": name, "MaxResults": 2}, "GetShardIterator": shard}
        for operation, body in calls.items():
            ours = plain(self.call(operation, **body), self.kinesis.meta.service_model.operation_model(operation).output_shape, operation)
            _, _, data = server.request(f"Kinesis_20131202.{operation}", json.dumps(body).encode())
            theirs = json.loads(data)
            for each in (ours, theirs):  # these are made anew each time
                if "ShardIterator" in each:
                    each["ShardIterator"] = "some"
                for newer in NEWER:
                    each.pop(newer, None)
            self.assertEqual(ours, theirs, operation)

    def test_errors_are_cbor_too(self):
        name = self.create()
        self.assertEqual(self.refused("DescribeStream", {"StreamName": "none-such"}),
                         ("ResourceNotFoundException", "Stream none-such under account 000000000000 not found."))
        self.assertEqual(self.refused("PutRecord", {"StreamName": name, "Data": b"x"}),
                         ("ValidationException", "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null"))
        self.assertEqual(self.refused("PutRecords", {"StreamName": name, "Records": [{"Data": b"x", "PartitionKey": "k" * 257}]})[0], "ValidationException")
        self.assertEqual(self.refused("PutRecords", {"StreamName": name, "Records": [{"Data": b"x", "PartitionKey": "k"}] * 501})[0], "ValidationException")
        self.assertEqual(self.refused("PutRecord", {"StreamName": name, "Data": b"x" * ((1 << 20) + 1), "PartitionKey": "k"})[0], "ValidationException")
        self.assertEqual(self.refused("PutRecord", {"StreamName": name, "Data": "text", "PartitionKey": "k"}),
                         ("SerializationException", "class java.lang.String can not be converted to a Blob"))
        self.assertEqual(self.refused("GetRecords", {"ShardIterator": b"bytes"})[0], "SerializationException")
        self.assertEqual(self.refused("MakeCoffee", {})[0], "UnknownOperationException")
        status, headers, data = server.request("Kinesis_20131202.ListStreams", encode({}), sign="wrong", content_type=CBOR)
        self.assertEqual((status, headers["content-type"], decode(data)["__type"]), (400, CBOR, "InvalidSignatureException"))

    def test_other_services_do_not_speak_it(self):
        status, headers, data = server.request("DynamoDB_20120810.ListTables", encode({}), service="dynamodb", content_type=CBOR)
        self.assertEqual((status, headers["content-type"]), (415, "application/x-amz-json-1.0"))
        self.assertIn("UnsupportedMediaTypeException", json.loads(data)["__type"])


class Hostile(CborTest):
    def test_what_is_no_cbor_is_refused(self):
        bodies = [b"\xff", b"\xbf", b"\x9f\xff", b"\x00", b"\xa1\x61a", b"\xbf\x61a\xff", b"\xbf\x00\x00\xff", encode({}) + b"\x00",
                  b"\xbb" + b"\xff" * 8, b"\xbf\x6aStreamName\x7b" + b"\xff" * 8, b"\xbf\x6aStreamName\x62\xff\xfe\xff", b"\xc1" * 1000,
                  b"\x81" * 5000, b"\x9f" * 5000, b"\xbf\x61a" * 5000, b"\xbf\x6aStreamName\x7f\x41a\xff\xff", b"\xfc", b"\x1c", b"{}"]
        for operation in ("DescribeStream", "PutRecord", "PutRecords", "GetRecords"):
            for body in bodies:
                self.assertEqual(self.refused(operation, body)[0], "SerializationException", (operation, body[:40]))

    def test_strings_in_pieces_are_joined(self):
        name = self.create()
        body = encode({"StreamName": name, "PartitionKey": "k"})[:-1] + encode("Data") + b"\x5f\x41a\x40\x42bc\xff\xff"
        self.assertEqual(self.raw("PutRecord", body)[0], 200)
        body = b"\xbf\x6aStreamName\x7f" + b"".join(encode(c) for c in name) + b"\xff" + encode("Records") + b"\x81" + \
            encode({"PartitionKey": "l"})[:-1] + b"\x64Data\x5f\xff\xff\xff"
        self.assertEqual(self.raw("PutRecords", body)[0], 200)
        self.assertEqual([(r["PartitionKey"], r["Data"]) for r in self.call("GetRecords", ShardIterator=self.iterator(name))["Records"]],
                         [("k", b"abc"), ("l", b"")])
        many = b"\xbf\x61u\x9f" + b"\x7f\xff" * 20_000 + b"\xff\xff"
        self.assertEqual(self.refused("PutRecords", many)[0], "SerializationException")

    def test_random_bodies_do_no_harm(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        valid = encode({"StreamName": "none", "Records": [{"Data": b"hello", "PartitionKey": "k"}, {"Data": b"x", "PartitionKey": "l", "ExplicitHashKey": "7"}]})
        for _ in range(300):
            body = bytearray(valid)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(body))
                if chance.random() < 0.5:
                    body[at] = chance.randrange(256)
                else:
                    del body[at : at + chance.randint(1, 30)]
                if not body:
                    break
            status, _, answer = self.raw("PutRecords", bytes(body))
            self.assertEqual(status, 400, f"seed {seed}: {bytes(body)!r} -> {answer!r}")


if __name__ == "__main__":
    unittest.main()
