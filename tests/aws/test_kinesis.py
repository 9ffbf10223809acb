"""Kinesis as boto3 speaks it: streams, puts, reads, errors."""

import datetime
import hashlib
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import ACCESS_KEY, REGION, SECRET_KEY, Server  # noqa: E402

server = Server()


def setUpModule():
    server.start()


def tearDownModule():
    server.stop()


def hash_of(key):
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big")


class KinesisTest(unittest.TestCase):
    names = 0

    def setUp(self):
        self.kinesis = server.client("kinesis")
        self.created = []

    def tearDown(self):
        for name in self.created:
            try:
                self.kinesis.delete_stream(StreamName=name)
            except ClientError:
                pass
        self.kinesis.close()

    def create(self, shards=1):
        KinesisTest.names += 1
        name = f"stream-{os.getpid()}-{KinesisTest.names}"
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.created.append(name)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        return name

    def iterator(self, stream, kind="TRIM_HORIZON", shard=0, **more):
        return self.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=f"shardId-{shard:012}", ShardIteratorType=kind, **more
        )["ShardIterator"]

    def read(self, stream, shard=0):
        """All records of a shard."""
        records, at = [], self.iterator(stream, shard=shard)
        while True:
            page = self.kinesis.get_records(ShardIterator=at)
            records += page["Records"]
            at = page["NextShardIterator"]
            if page["MillisBehindLatest"] == 0:
                return records

    def assertError(self, code, call, *arguments, status=400, **named):
        with self.assertRaises(ClientError) as raised:
            call(*arguments, **named)
        response = raised.exception.response
        self.assertEqual(response["Error"]["Code"], code, response)
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)
        self.assertTrue(response["ResponseMetadata"].get("RequestId"), response)
        return response["Error"]["Message"]


class Streams(KinesisTest):
    def test_a_created_stream_is_described_and_listed(self):
        name = self.create(shards=3)
        summary = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.assertEqual(summary["StreamStatus"], "ACTIVE")
        self.assertEqual(summary["OpenShardCount"], 3)
        self.assertEqual(summary["RetentionPeriodHours"], 24)
        self.assertEqual(summary["StreamARN"], f"arn:aws:kinesis:{REGION}:000000000000:stream/{name}")
        self.assertLess(abs(time.time() - summary["StreamCreationTimestamp"].timestamp()), 60)
        description = self.kinesis.describe_stream(StreamName=name)["StreamDescription"]
        self.assertFalse(description["HasMoreShards"])
        self.assertEqual(len(description["Shards"]), 3)
        self.assertEqual(description["Shards"], self.kinesis.list_shards(StreamName=name)["Shards"])
        self.assertIn(name, self.kinesis.list_streams()["StreamNames"])

    def test_the_shards_cover_all_hash_keys_evenly(self):
        for count in (1, 2, 3, 7):
            shards = self.kinesis.list_shards(StreamName=self.create(count))["Shards"]
            ranges = [(int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in shards]
            self.assertEqual(ranges[0][0], 0)
            self.assertEqual(ranges[-1][1], 2**128 - 1)
            for before, after in zip(ranges, ranges[1:]):
                self.assertEqual(before[1] + 1, after[0])
            self.assertEqual(ranges[-1][0], 2**128 // count * (count - 1))

    def test_shards_come_in_pages(self):
        name = self.create(shards=5)
        first = self.kinesis.list_shards(StreamName=name, MaxResults=2)
        second = self.kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
        third = self.kinesis.list_shards(NextToken=second["NextToken"])
        self.assertNotIn("NextToken", third)
        ids = [s["ShardId"] for page in (first, second, third) for s in page["Shards"]]
        self.assertEqual(ids, [f"shardId-{i:012}" for i in range(5)])
        described = self.kinesis.describe_stream(StreamName=name, Limit=3, ExclusiveStartShardId=ids[0])["StreamDescription"]
        self.assertEqual([s["ShardId"] for s in described["Shards"]], ids[1:4])
        self.assertTrue(described["HasMoreShards"])
        after = self.kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[2]})
        self.assertEqual([s["ShardId"] for s in after["Shards"]], ids[3:])
        latest = self.kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})
        self.assertEqual([s["ShardId"] for s in latest["Shards"]], ids)

    def test_streams_come_in_pages(self):
        names = sorted(self.create() for _ in range(4))
        listed, more = [], True
        while more:
            start = {"ExclusiveStartStreamName": listed[-1]} if listed else {}
            page = self.kinesis.list_streams(Limit=2, **start)
            self.assertLessEqual(len(page["StreamNames"]), 2)
            listed += page["StreamNames"]
            more = page["HasMoreStreams"]
        self.assertEqual([n for n in listed if n in names], names)

    def test_a_deleted_stream_is_gone_and_its_name_free(self):
        name = self.create()
        self.kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k")
        old = self.iterator(name)
        self.kinesis.delete_stream(StreamName=name)
        self.assertError("ResourceNotFoundException", self.kinesis.describe_stream_summary, StreamName=name)
        self.assertError("ResourceNotFoundException", self.kinesis.get_records, ShardIterator=old)
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.assertEqual(self.read(name), [])
        self.assertError("ResourceNotFoundException", self.kinesis.get_records, ShardIterator=old)

    def test_the_mode_is_kept_and_what_is_not_supported_is_refused(self):
        name = f"on-demand-{os.getpid()}"
        create = self.kinesis.create_stream
        create(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        self.created.append(name)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        described = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.assertEqual(described["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})
        self.assertEqual(described["OpenShardCount"], 4)
        body = {"StreamName": "other", "ShardCount": 1}
        for more in ({"Tags": {"team": "shop"}}, {"MaxRecordSizeInKiB": 10240}, {"MaxRecordSizeInKiB": 7}):
            status, _, data = server.request("Kinesis_20131202.CreateStream", json.dumps(body | more).encode())
            self.assertEqual((status, json.loads(data)["__type"]), (400, "ValidationException"), more)
        self.assertNotIn("other", self.kinesis.list_streams()["StreamNames"])

    def test_a_page_of_shards_is_no_iterator_and_filters_say_what_they_need(self):
        name = self.create(shards=2)
        token = self.kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
        self.assertError("InvalidArgumentException", self.kinesis.get_records, ShardIterator=token)
        self.assertError("InvalidArgumentException", self.kinesis.list_shards, NextToken=self.iterator(name))
        for wrong, code in (({}, "ValidationException"), ({"Type": "AT_TIMESTAMP"}, "InvalidArgumentException")):
            body = json.dumps({"StreamName": name, "ShardFilter": wrong}).encode()
            status, _, data = server.request("Kinesis_20131202.ListShards", body)
            self.assertEqual((status, json.loads(data)["__type"]), (400, code), wrong)

    def test_wrong_names_and_counts(self):
        name = self.create()
        self.assertError("ResourceInUseException", self.kinesis.create_stream, StreamName=name, ShardCount=1)
        self.assertError("ResourceNotFoundException", self.kinesis.delete_stream, StreamName="no-such-stream")
        self.assertError("ValidationException", self.kinesis.create_stream, StreamName="white space", ShardCount=1)
        self.assertError("ValidationException", self.kinesis.create_stream, StreamName="x" * 129, ShardCount=1)
        self.assertError("LimitExceededException", self.kinesis.create_stream, StreamName="wide", ShardCount=100_000)
        dots = server.client("kinesis")
        dots.create_stream(StreamName="..", ShardCount=1)
        self.assertIn("..", dots.list_streams()["StreamNames"])
        dots.delete_stream(StreamName="..")


    def test_a_stream_is_named_by_its_arn_and_by_no_other(self):
        name = self.create()
        arn = f"arn:aws:kinesis:{REGION}:000000000000:stream/{name}"
        shard = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        calls = {"DescribeStream": {}, "DescribeStreamSummary": {}, "ListShards": {}, "GetShardIterator": shard,
                 "PutRecord": {"Data": "eA==", "PartitionKey": "k"}, "PutRecords": {"Records": [{"Data": "eA==", "PartitionKey": "k"}]}}

        def call(operation, **names):
            status, _, data = server.request(f"Kinesis_20131202.{operation}", json.dumps(calls[operation] | names).encode())
            return status, json.loads(data)

        for operation in calls:
            self.assertEqual(call(operation, StreamARN=arn)[0], 200, operation)
            self.assertEqual(call(operation, StreamARN=arn, StreamName=name)[0], 200, operation)
            for wrong, account in ((arn.replace(REGION, "eu-west-1"), "000000000000"), (arn.replace("000000000000", "123456789012"), "123456789012")):
                self.assertEqual(call(operation, StreamARN=wrong), (400, {
                    "__type": "ResourceNotFoundException", "message": f"Stream {name} under account {account} not found."}), operation)
            self.assertEqual(call(operation, StreamARN=arn, StreamName="another")[1]["__type"], "InvalidArgumentException", operation)
            self.assertEqual(call(operation)[1]["__type"], "InvalidArgumentException", operation)
            status, error = call(operation, StreamARN="arn:aws:s3:::bucket")
            self.assertEqual((status, error["__type"]), (400, "ValidationException"), operation)
            self.assertIn("Value 'arn:aws:s3:::bucket' at 'streamARN' failed to satisfy constraint: Member must satisfy regular expression pattern: ", error["message"])
        iterator = call("GetShardIterator", StreamARN=arn)[1]["ShardIterator"]
        calls["GetRecords"] = {"ShardIterator": iterator}
        status, page = call("GetRecords", StreamARN=arn)
        self.assertEqual((status, len(page["Records"])), (200, 4))
        self.assertEqual(call("GetRecords", StreamARN=arn.replace(REGION, "eu-west-1"))[1]["__type"], "ResourceNotFoundException")
        other = self.create()
        self.assertEqual(call("GetRecords", StreamARN=arn.replace(name, other))[1]["__type"], "InvalidArgumentException")

    def test_all_that_is_wrong_is_said_at_once_in_the_words_of_aws(self):
        def refused(operation, **body):
            status, _, data = server.request(f"Kinesis_20131202.{operation}", json.dumps(body).encode())
            self.assertEqual(status, 400)
            return json.loads(data)["message"]

        name = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        self.assertEqual(refused("DescribeStream", StreamName="a b"),
                         f"1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: {name}")
        self.assertEqual(
            refused("GetShardIterator", StreamName="a b", ShardIteratorType="NEWEST"),
            f"3 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: {name}; "
            "Value null at 'shardId' failed to satisfy constraint: Member must not be null; "
            "Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: "
            "[AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP]")
        self.assertEqual(
            refused("PutRecords", StreamName="a", Records=[{"PartitionKey": "k", "Data": "eA=="}, {"PartitionKey": "", "Data": "eA=="}, {}]),
            "3 validation errors detected: Value '' at 'records.2.member.partitionKey' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1; Value null at 'records.3.member.data' failed to satisfy constraint: Member must not be "
            "null; Value null at 'records.3.member.partitionKey' failed to satisfy constraint: Member must not be null")
        self.assertEqual(refused("GetRecords", ShardIterator="a", Limit="7"), "class java.lang.String can not be converted to an Integer")
        self.assertEqual(refused("PutRecord", StreamName="a", Data="eA==", PartitionKey=[]), "Start of list found where not expected")


class Puts(KinesisTest):
    def test_a_record_is_read_as_it_was_put(self):
        name = self.create()
        for data in (b"", b"x", b"\x00\xff" * 500, os.urandom(1 << 20), "Ünïcödé".encode()):
            put = self.kinesis.put_record(StreamName=name, Data=data, PartitionKey="schlüssel \"1\"\n")
            record = self.read(name)[-1]
            self.assertEqual(record["Data"], data)
            self.assertEqual(record["PartitionKey"], "schlüssel \"1\"\n")
            self.assertEqual(record["SequenceNumber"], put["SequenceNumber"])
            self.assertEqual(put["ShardId"], "shardId-000000000000")
            self.assertLess(abs(record["ApproximateArrivalTimestamp"].timestamp() - time.time()), 30)

    def test_keys_are_routed_by_their_md5(self):
        name = self.create(shards=4)
        keys = [f"visitor-{i}" for i in range(400)]
        answer = self.kinesis.put_records(StreamName=name, Records=[{"Data": k.encode(), "PartitionKey": k} for k in keys])
        self.assertEqual(answer["FailedRecordCount"], 0)
        for key, result in zip(keys, answer["Records"]):
            self.assertEqual(result["ShardId"], f"shardId-{hash_of(key) * 4 // 2**128:012}")
        for shard in range(4):
            expected = [k for k in keys if hash_of(k) * 4 // 2**128 == shard]
            records = self.read(name, shard)
            self.assertEqual([r["PartitionKey"] for r in records], expected)
            numbers = [int(r["SequenceNumber"]) for r in records]
            self.assertEqual(numbers, sorted(set(numbers)))

    def test_an_explicit_hash_key_decides(self):
        name = self.create(shards=2)
        for key, shard in ((0, 0), (2**127 - 1, 0), (2**127, 1), (2**128 - 1, 1)):
            put = self.kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=str(key))
            self.assertEqual(put["ShardId"], f"shardId-{shard:012}")
        put = lambda key: self.kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=key)  # noqa: E731
        self.assertError("InvalidArgumentException", put, str(2**128))
        for key in ("abc", "01", "00", "-1", "", "1" * 40):
            self.assertError("ValidationException", put, key)

    def test_names_and_order_of_a_put_are_checked(self):
        name = self.create()
        put = lambda stream=name, **more: self.kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k", **more)  # noqa: E731
        for wrong in ("no/such", "white space", "x" * 129):
            self.assertError("ValidationException", put, wrong)
        self.assertEqual(server.request("Kinesis_20131202.PutRecord", b'{"StreamName":"","Data":"eA==","PartitionKey":"k"}')[0], 400)
        for wrong in ("abc", "-1", "01"):
            self.assertError("ValidationException", put, SequenceNumberForOrdering=wrong)
        first = put()["SequenceNumber"]
        self.assertGreater(int(put(SequenceNumberForOrdering=first)["SequenceNumber"]), int(first))
        self.assertEqual(len(self.read(name)), 2)

    def test_limits_of_a_put(self):
        name = self.create()
        put, many = self.kinesis.put_record, self.kinesis.put_records
        record = {"Data": b"x", "PartitionKey": "k"}
        self.assertError("ValidationException", put, StreamName=name, Data=b"x", PartitionKey="k" * 257)
        put(StreamName=name, Data=b"x", PartitionKey="ü" * 256)
        self.assertError("ValidationException", put, StreamName=name, Data=b"x" * ((1 << 20) + 1), PartitionKey="k")
        self.assertError("ValidationException", many, StreamName=name, Records=[record] * 501)
        self.assertError("InvalidArgumentException", many, StreamName=name, Records=[{"Data": b"x" * (1 << 20), "PartitionKey": "k"}] * 11)
        self.assertError("ResourceNotFoundException", put, StreamName="no-such-stream", Data=b"x", PartitionKey="k")
        self.assertError("ResourceNotFoundException", many, StreamName="no-such-stream", Records=[record])
        many(StreamName=name, Records=[record] * 500)
        many(StreamName=name, Records=[{"Data": b"y" * (1 << 20), "PartitionKey": "k"}] * 9)
        self.assertEqual(len(self.read(name)), 510)

    def test_one_bad_record_refuses_the_whole_batch(self):
        name = self.create()
        self.assertError("ValidationException", self.kinesis.put_records, StreamName=name,
                         Records=[{"Data": b"x", "PartitionKey": "k"}, {"Data": b"x", "PartitionKey": "k" * 257}])
        self.assertEqual(self.read(name), [])

    def test_many_clients_lose_nothing(self):
        name = self.create(shards=2)
        failures = []

        def put(worker):
            try:
                client = server.client("kinesis")
                for batch in range(20):
                    records = [{"Data": f"{worker}-{batch}-{i}".encode(), "PartitionKey": f"{worker}-{i}"} for i in range(50)]
                    client.put_records(StreamName=name, Records=records)
            except Exception as e:  # noqa: BLE001
                failures.append(e)

        threads = [threading.Thread(target=put, args=(w,)) for w in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        found = [r["Data"].decode() for shard in (0, 1) for r in self.read(name, shard)]
        self.assertEqual(sorted(found), sorted(f"{w}-{b}-{i}" for w in range(6) for b in range(20) for i in range(50)))
        for worker in range(6):  # what one client put under one key is in its order
            mine = [d for d in found if d.startswith(f"{worker}-") and d.endswith("-7")]
            self.assertEqual(mine, [f"{worker}-{b}-7" for b in range(20)])


class Reads(KinesisTest):
    def fill(self, name, count):
        answer = self.kinesis.put_records(StreamName=name, Records=[{"Data": str(i).encode(), "PartitionKey": "k"} for i in range(count)])
        return [r["SequenceNumber"] for r in answer["Records"]]

    def data(self, page):
        return [int(r["Data"]) for r in page["Records"]]

    def test_the_five_kinds_of_iterator(self):
        name = self.create()
        numbers = self.fill(name, 10)
        get = lambda it: self.data(self.kinesis.get_records(ShardIterator=it))  # noqa: E731
        self.assertEqual(get(self.iterator(name, "TRIM_HORIZON")), list(range(10)))
        self.assertEqual(get(self.iterator(name, "LATEST")), [])
        self.assertEqual(get(self.iterator(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4])), list(range(4, 10)))
        self.assertEqual(get(self.iterator(name, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4])), list(range(5, 10)))
        self.assertEqual(get(self.iterator(name, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[9])), [])
        time.sleep(0.05)
        middle = self.kinesis.get_records(ShardIterator=self.iterator(name))["Records"][-1]["ApproximateArrivalTimestamp"]
        self.fill(name, 3)

        def at(when):  # boto3 itself sends whole seconds
            body = {"StreamName": name, "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": when}
            status, _, data = server.request("Kinesis_20131202.GetShardIterator", json.dumps(body).encode())
            self.assertEqual(status, 200, data)
            return json.loads(data)["ShardIterator"]

        self.assertEqual(get(at(middle.timestamp() + 0.001)), [0, 1, 2])
        self.assertEqual(get(at(middle.timestamp())), list(range(10)) + [0, 1, 2])
        self.assertEqual(len(get(self.iterator(name, "AT_TIMESTAMP", Timestamp=0))), 13)

    def test_the_start_of_an_empty_shard_is_a_sequence_number(self):
        name = self.create()
        start = self.kinesis.list_shards(StreamName=name)["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
        at = self.iterator(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=start)
        self.fill(name, 2)
        self.assertEqual(self.data(self.kinesis.get_records(ShardIterator=at)), [0, 1])

    def test_a_reader_that_tails_sees_each_record_once(self):
        name = self.create()
        at, seen = self.iterator(name, "LATEST"), []
        empty = self.kinesis.get_records(ShardIterator=at)
        self.assertEqual(empty["Records"], [])
        self.assertEqual(empty["MillisBehindLatest"], 0)
        at = empty["NextShardIterator"]
        for round in range(20):
            self.kinesis.put_record(StreamName=name, Data=str(round).encode(), PartitionKey="k")
            for _ in range(2):
                page = self.kinesis.get_records(ShardIterator=at)
                seen += self.data(page)
                at = page["NextShardIterator"]
        self.assertEqual(seen, list(range(20)))

    def test_independent_readers_and_limits(self):
        name = self.create()
        self.fill(name, 100)
        slow, fast = self.iterator(name), self.iterator(name)
        self.assertEqual(self.data(self.kinesis.get_records(ShardIterator=fast)), list(range(100)))
        seen = []
        while len(seen) < 100:
            page = self.kinesis.get_records(ShardIterator=slow, Limit=7)
            self.assertLessEqual(len(page["Records"]), 7)
            self.assertEqual(page["MillisBehindLatest"] == 0, len(seen) + len(page["Records"]) == 100)
            seen += self.data(page)
            slow = page["NextShardIterator"]
        self.assertEqual(seen, list(range(100)))

    def test_a_page_holds_ten_megabytes_at_most(self):
        name = self.create()
        for _ in range(2):
            self.kinesis.put_records(StreamName=name, Records=[{"Data": b"z" * (1 << 20), "PartitionKey": "k"}] * 9)
        page = self.kinesis.get_records(ShardIterator=self.iterator(name))
        self.assertEqual(len(page["Records"]), 9)
        self.assertGreater(page["MillisBehindLatest"], 0)
        page = self.kinesis.get_records(ShardIterator=page["NextShardIterator"])
        self.assertEqual(len(page["Records"]), 9)
        self.assertEqual(page["MillisBehindLatest"], 0)

    def test_settings_of_a_stream_change(self):
        name = self.create()
        arn = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
        described = lambda: self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]  # noqa: E731
        increase = lambda hours: self.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)  # noqa: E731
        decrease = lambda hours: self.kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)  # noqa: E731
        increase(8760)
        self.assertEqual(described()["RetentionPeriodHours"], 8760)
        for call, hours in ((increase, 8761), (increase, 48), (decrease, 23), (decrease, 0)):
            self.assertError("InvalidArgumentException", call, hours)
        decrease(48)
        self.assertError("InvalidArgumentException", decrease, 72)
        self.assertError("ResourceNotFoundException", self.kinesis.increase_stream_retention_period, StreamName="none", RetentionPeriodHours=48)
        on_demand = self.kinesis.describe_limits()["OnDemandStreamCount"]
        self.kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        limits = self.kinesis.describe_limits()
        self.assertEqual(limits["OnDemandStreamCount"], on_demand + 1)
        self.assertGreaterEqual(limits["OpenShardCount"], 1)
        self.assertGreater(limits["ShardLimit"], limits["OpenShardCount"])
        self.assertEqual(described()["StreamModeDetails"]["StreamMode"], "ON_DEMAND")
        self.assertEqual(described()["RetentionPeriodHours"], 48)

    def test_a_sequence_number_is_of_one_shard(self):
        name, other = self.create(shards=2), self.create(shards=2)
        put = lambda stream, key: self.kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey=str(key))  # noqa: E731
        first, second, elsewhere = put(name, 0), put(name, 2**127), put(other, 0)
        self.assertEqual(len({each["SequenceNumber"] for each in (first, second, elsewhere)}), 3)
        get = lambda number, kind="AT_SEQUENCE_NUMBER": self.kinesis.get_shard_iterator(  # noqa: E731
            StreamName=name, ShardId="shardId-0", ShardIteratorType=kind, StartingSequenceNumber=number)
        get(first["SequenceNumber"])
        for number, message in ((second["SequenceNumber"], "It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000"),
                                (elsewhere["SequenceNumber"], "because it did not come from this stream"),
                                ("123", "is invalid.")):
            with self.assertRaisesRegex(self.kinesis.exceptions.InvalidArgumentException, message):
                get(number)
        for kind in ("LATEST", "TRIM_HORIZON"):
            with self.assertRaisesRegex(self.kinesis.exceptions.InvalidArgumentException, f"specified {kind} and also a StartingSequenceNumber"):
                get(first["SequenceNumber"], kind)
        ordered = lambda number: self.kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k", SequenceNumberForOrdering=number)  # noqa: E731
        ordered(second["SequenceNumber"])
        self.assertError("InvalidArgumentException", ordered, elsewhere["SequenceNumber"])

    def test_wrong_arguments(self):
        name = self.create()
        self.fill(name, 1)
        get = self.kinesis.get_shard_iterator
        shard = {"StreamName": name, "ShardId": "shardId-000000000000"}
        self.assertError("ResourceNotFoundException", get, StreamName=name, ShardId="shardId-000000000001", ShardIteratorType="LATEST")
        self.assertError("ResourceNotFoundException", get, StreamName="none", ShardId="shardId-000000000000", ShardIteratorType="LATEST")
        self.assertError("ValidationException", get, ShardIteratorType="NEWEST", **shard)
        self.assertError("InvalidArgumentException", get, ShardIteratorType="AT_SEQUENCE_NUMBER", **shard)
        self.assertError("InvalidArgumentException", get, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber="123", **shard)
        self.assertError("InvalidArgumentException", get, ShardIteratorType="AT_TIMESTAMP", **shard)
        self.assertError("InvalidArgumentException", get, ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() + 100, **shard)
        self.assertError("InvalidArgumentException", self.kinesis.get_records, ShardIterator="AAAA")
        self.assertError("ValidationException", self.kinesis.get_records, ShardIterator=self.iterator(name), Limit=10_001)
        self.assertError("InvalidArgumentException", self.kinesis.list_shards, NextToken="AAAA")


class Durability(KinesisTest):
    @unittest.skipIf(os.environ.get("MILLRACE_ENDPOINT"), "needs a server of its own")
    def test_what_was_acknowledged_survives_a_kill(self):
        name = self.create(shards=2)
        acknowledged = {0: [], 1: []}
        for round in range(3):
            for batch in range(5):
                records = [{"Data": f"{round}.{batch}.{i}".encode(), "PartitionKey": f"k{i}"} for i in range(100)]
                answer = self.kinesis.put_records(StreamName=name, Records=records)
                for record, result in zip(records, answer["Records"]):
                    acknowledged[int(result["ShardId"][-12:])].append((result["SequenceNumber"], record["Data"]))
            server.restart()
            self.kinesis = server.client("kinesis", retries=2)
            for shard in (0, 1):
                found = [(r["SequenceNumber"], r["Data"]) for r in self.read(name, shard)]
                self.assertEqual(found, acknowledged[shard])
        summary = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.assertEqual(summary["OpenShardCount"], 2)


class Wire(unittest.TestCase):
    """What no SDK sends, sent by hand."""

    def error(self, *arguments, **named):
        status, headers, data = server.request(*arguments, **named)
        self.assertTrue(headers["x-amzn-RequestId"])
        return status, json.loads(data)["__type"]

    def assertWell(self):
        status, headers, data = server.request("Kinesis_20131202.ListStreams", b"{}")
        self.assertEqual(status, 200)
        self.assertIn("StreamNames", json.loads(data))
        self.assertEqual(headers["content-type"], "application/x-amz-json-1.1")
        self.assertTrue(headers["x-amz-id-2"])

    def tearDown(self):
        self.assertWell()

    def test_unsigned_and_wrongly_signed(self):
        target = "Kinesis_20131202.ListStreams"
        self.assertEqual(self.error(target, b"{}", sign=False), (400, "MissingAuthenticationTokenException"))
        self.assertEqual(self.error(target, b"{}", sign="wrong"), (400, "InvalidSignatureException"))
        self.assertEqual(self.error(target, b"{}", body_sent=b"{ }"), (400, "InvalidSignatureException"))

        def without(text):
            return lambda h: h.update(Authorization=h["Authorization"].replace(text, "X"))

        self.assertEqual(self.error(target, b"{}", alter=without("Signature=")), (400, "IncompleteSignatureException"))
        self.assertEqual(self.error(target, b"{}", alter=without("AWS4-HMAC-SHA256")), (400, "IncompleteSignatureException"))
        self.assertEqual(self.error(target, b"{}", alter=without("Credential=millrace")), (400, "IncompleteSignatureException"))
        self.assertEqual(self.error(target, b"{}", alter=without("millrace/")), (400, "IncompleteSignatureException"))
        self.assertEqual(self.error(target, b"{}", alter=without("/kinesis/")), (400, "IncompleteSignatureException"))
        self.assertEqual(self.error(target, b"{}", alter=lambda h: h.pop("X-Amz-Date")), (400, "IncompleteSignatureException"))
        stranger = lambda h: h.update(Authorization=h["Authorization"].replace("Credential=millrace", "Credential=stranger"))  # noqa: E731
        self.assertEqual(self.error(target, b"{}", alter=stranger), (400, "UnrecognizedClientException"))
        other = lambda h: h.update({"X-Amz-Target": "Kinesis_20131202.DeleteStream"})  # noqa: E731
        self.assertEqual(self.error(target, b"{}", alter=other), (400, "InvalidSignatureException"))
        more = lambda h: h.update({"X-Amz-Security-Token": "forged"})  # noqa: E731
        self.assertEqual(self.error(target, b"{}", alter=more), (400, "InvalidSignatureException"))

    def test_an_old_signature(self):
        old = (datetime.datetime.utcnow() - datetime.timedelta(minutes=20)).strftime("%Y%m%dT%H%M%SZ")

        def age(headers):
            headers["Authorization"] = headers["Authorization"].replace(headers["X-Amz-Date"][:8], old[:8])
            headers["X-Amz-Date"] = old

        self.assertEqual(self.error("Kinesis_20131202.ListStreams", b"{}", alter=age), (400, "InvalidSignatureException"))

    def test_unknown_operations(self):
        self.assertEqual(self.error("Kinesis_20131202.MakeCoffee", b"{}"), (400, "UnknownOperationException"))
        self.assertEqual(self.error("Nothing_1.List", b"{}"), (400, "UnknownOperationException"))
        self.assertEqual(self.error("", b"{}")[1], "UnknownOperationException")

    def test_the_documentation_lists_every_operation_there_is(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "aws.md")
        with open(path, encoding="utf-8") as file:
            sections = dict(part.split("\n", 1) for part in file.read().split("\n## ")[1:])
        for service, title in (("kinesis", "Kinesis Data Streams"), ("dynamodb", "DynamoDB"), ("dynamodbstreams", "DynamoDB Streams")):
            client = server.client(service)
            model = client.meta.service_model
            listed = set(re.findall(r"`([A-Z]\w+)`", sections[title].strip().split("\n\n")[0]))
            prefix = model.metadata["targetPrefix"]
            signing_name = model.metadata.get("signingName", model.metadata["endpointPrefix"])
            answered = set()
            for name in model.operation_names:
                kind = self.error(f"{prefix}.{name}", b"[]", service=signing_name)[1].split("#")[-1]
                self.assertIn(kind, ("UnknownOperationException", "SerializationException"), name)
                if kind != "UnknownOperationException":
                    answered.add(name)
            self.assertEqual(listed, answered, title)
            client.close()

    def test_malformed_json(self):
        for body in (b"{", b"[]", b"nonsense", b'{"StreamName":}', b'{"StreamName":"a"', b'{"StreamName":7}', b'{"StreamName":"a"}}',
                     b'{"StreamName":"\xff\xfe"}', b'"', b"{}x", b'{"Limit":"7","StreamName":"a"}'):
            self.assertEqual(self.error("Kinesis_20131202.DescribeStream", body), (400, "SerializationException"), body)
        for body in (b"{", b"[]", b'{"Records":7}', b'{"Records":[7]}', b'{"Records":[{"Data":7}]}', b'{"Records":[{"Data":"%%"}]}',
                     b'{"Records":[{"Data":"eA==","PartitionKey":1}]}', b'{"Records":[{"Data":"eA=="', b'{"Records":[', b'{"Records":[]}}'):
            self.assertEqual(self.error("Kinesis_20131202.PutRecords", body), (400, "SerializationException"), body)
        for body in (b"{}", b'{"StreamName":"a","Records":[]}', b'{"StreamName":"a","Records":[{"Data":"eA=="}]}',
                     b'{"StreamName":"a","Records":[{"Data":null,"PartitionKey":"a"}]}'):
            self.assertEqual(self.error("Kinesis_20131202.PutRecords", body), (400, "ValidationException"), body)
        # Tokens that begin like null and are none, wherever a member may be null.
        for operation in ("CreateStream", "DeleteStream", "DescribeStream", "DescribeStreamSummary", "ListShards", "ListStreams",
                          "GetShardIterator", "GetRecords", "PutRecord", "PutRecords"):
            for member in ("StreamName", "StreamARN", "ShardCount", "Limit", "Timestamp", "ShardIterator", "StreamModeDetails",
                           "ShardFilter", "Tags", "Data", "Records"):
                for value in ("nul", "nope", "n", '{"Type":nul}', '{"StreamMode":nil}'):
                    status, _, _ = server.request(f"Kinesis_20131202.{operation}", f'{{"{member}":{value}}}'.encode())
                    self.assertIn(status, (200, 400), (operation, member, value))
        deep = b'{"StreamName":' + b"[" * 5000 + b"]" * 5000 + b"}"
        self.assertEqual(self.error("Kinesis_20131202.DescribeStream", deep)[0], 400)

    def test_members_in_any_order_and_escaped(self):
        kinesis = server.client("kinesis")
        name = f"escaped-{os.getpid()}"
        kinesis.create_stream(StreamName=name, ShardCount=1)
        body = '{ "Unknown":{"Data":[1,{"a":"]"}]}, "Records" : [ {"PartitionKey":"a\\u00fc\\n\\"" , "Data":"Pz8\\/" }\n , {"Data":"eA","PartitionKey":"b","ExplicitHashKey":null}],\r\n "StreamName":"%s"  }  ' % name
        status, _, data = server.request("Kinesis_20131202.PutRecords", body.encode())
        self.assertEqual(status, 200, data)
        at = kinesis.get_shard_iterator(StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records = kinesis.get_records(ShardIterator=at)["Records"]
        self.assertEqual([(r["PartitionKey"], r["Data"]) for r in records], [("aü\n\"", b"???"), ("b", b"x")])
        kinesis.delete_stream(StreamName=name)

    def test_a_put_that_is_not_understood_stores_nothing(self):
        kinesis = server.client("kinesis")
        name = f"twice-{os.getpid()}"
        kinesis.create_stream(StreamName=name, ShardCount=1)
        record = '{"PartitionKey":"k","Data":"eA=="}'
        for records in ('{"PartitionKey":"k","Da\\u0074a":"eA=="}', '{"Partition\\u004bey":"k","Data":"eA=="}'):
            body = f'{{"StreamName":"{name}","Records":[{record},{records}]}}'
            self.assertEqual(self.error("Kinesis_20131202.PutRecords", body.encode()), (400, "SerializationException"))
        body = f'{{"StreamName":"{name}","Records":[{record}],"Records":[{record}]}}'
        self.assertEqual(self.error("Kinesis_20131202.PutRecords", body.encode()), (400, "SerializationException"))
        at = kinesis.get_shard_iterator(StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        self.assertEqual(kinesis.get_records(ShardIterator=at)["Records"], [])
        kinesis.delete_stream(StreamName=name)

    def test_an_oversized_body(self):
        try:
            status, kind = self.error("Kinesis_20131202.PutRecords", b"x" * (20 << 20))
        except BrokenPipeError:
            self.fail("the answer did not reach the client")
        self.assertEqual((status, kind), (413, "RequestEntityTooLargeException"))

    def test_random_bodies_do_no_harm(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        valid = b'{"StreamName":"none","Records":[{"Data":"aGVsbG8=","PartitionKey":"k"},{"Data":"eA==","PartitionKey":"l","ExplicitHashKey":"7"}]}'
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
            status, _, data = server.request("Kinesis_20131202.PutRecords", bytes(body))
            self.assertEqual(status, 400, f"seed {seed}: {bytes(body)!r} -> {data!r}")
            json.loads(data)

    def test_health(self):
        for path in ("/", "/health"):
            connection = http.client.HTTPConnection(*server.address, timeout=10)
            connection.request("GET", path)
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    def test_expect_continue(self):
        status, _, _ = server.request("Kinesis_20131202.ListStreams", b"{}", headers={"Expect": "100-continue"})
        self.assertEqual(status, 200)


class CommandLine(unittest.TestCase):
    """The AWS CLI, where it is installed."""

    def aws(self, *arguments):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_DEFAULT_REGION=REGION, AWS_PAGER="")
        try:
            done = subprocess.run(["aws", "--endpoint-url", server.endpoint, "--output", "json", "kinesis", *arguments],
                                  env=environment, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            self.skipTest("the AWS CLI is not installed")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def test_first_steps(self):
        name = f"cli-{os.getpid()}"
        self.aws("create-stream", "--stream-name", name, "--shard-count", "1")
        with tempfile.NamedTemporaryFile() as file:  # a literal is taken differently by the versions of the CLI
            file.write(b"hello")
            file.flush()
            put = self.aws("put-record", "--stream-name", name, "--partition-key", "k", "--data", f"fileb://{file.name}")
        at = self.aws("get-shard-iterator", "--stream-name", name, "--shard-id", put["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")
        records = self.aws("get-records", "--shard-iterator", at["ShardIterator"])["Records"]
        self.assertEqual([r["Data"] for r in records], ["aGVsbG8="])
        self.aws("delete-stream", "--stream-name", name)


if __name__ == "__main__":
    unittest.main()
