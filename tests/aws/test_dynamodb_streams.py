"""DynamoDB Streams as boto3 speaks it: the change feeds of tables."""

import datetime
import json
import os
import sys
import time
import unittest

import boto3.dynamodb.types
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import REGION, Server  # noqa: E402

server = Server()


def setUpModule():
    server.start()


def tearDownModule():
    server.stop()


to_wire = boto3.dynamodb.types.TypeSerializer().serialize
from_wire = boto3.dynamodb.types.TypeDeserializer().deserialize


def wire(item):
    return {name: to_wire(value) for name, value in item.items()}


def plain(item):
    return {name: from_wire(value) for name, value in item.items()}


class StreamsTest(unittest.TestCase):
    count = 0

    def setUp(self):
        self.db = server.client("dynamodb")
        self.streams = server.client("dynamodbstreams", parameter_validation=False)
        self.created = []

    def tearDown(self):
        for name in self.created:
            try:
                self.db.delete_table(TableName=name)
            except ClientError:
                pass
        self.db.close()
        self.streams.close()

    def create(self, view="NEW_AND_OLD_IMAGES", name=None):
        StreamsTest.count += 1
        name = name or f"feed-{os.getpid()}-{StreamsTest.count}"
        specification = {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}
        answer = self.db.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification=specification,
        )
        self.created.append(name)
        return name, answer["TableDescription"].get("LatestStreamArn")

    def put(self, table, **item):
        self.db.put_item(TableName=table, Item=wire(item))

    def shard(self, arn):
        shards = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self.assertEqual(len(shards), 1)
        return shards[0]["ShardId"]

    def iterator(self, arn, kind="TRIM_HORIZON", **more):
        return self.streams.get_shard_iterator(
            StreamArn=arn, ShardId=self.shard(arn), ShardIteratorType=kind, **more
        )["ShardIterator"]

    def read(self, arn, kind="TRIM_HORIZON", **more):
        return self.streams.get_records(ShardIterator=self.iterator(arn, kind, **more))["Records"]

    def refused(self, code, text, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        self.assertIn(text, error["Message"])

    def test_lists_and_describes(self):
        table, arn = self.create()
        without, none = self.create(view=None)
        self.assertIsNone(none)
        listed = self.streams.list_streams(TableName=table)["Streams"]
        self.assertEqual([(s["StreamArn"], s["TableName"]) for s in listed], [(arn, table)])
        self.assertEqual(arn, f"arn:aws:dynamodb:{REGION}:000000000000:table/{table}/stream/{listed[0]['StreamLabel']}")
        self.assertEqual(self.streams.list_streams(TableName=without)["Streams"], [])
        stream = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]
        self.assertEqual((stream["StreamStatus"], stream["StreamViewType"]), ("ENABLED", "NEW_AND_OLD_IMAGES"))
        self.assertEqual(stream["TableName"], table)
        self.assertEqual(stream["KeySchema"], [{"AttributeName": "id", "KeyType": "HASH"}])
        self.assertIsInstance(stream["CreationRequestDateTime"], datetime.datetime)
        shard = stream["Shards"][0]
        self.assertGreaterEqual(len(shard["ShardId"]), 28)
        self.assertNotIn("EndingSequenceNumber", shard["SequenceNumberRange"])
        later = self.streams.describe_stream(StreamArn=arn, ExclusiveStartShardId=shard["ShardId"])
        self.assertEqual(later["StreamDescription"]["Shards"], [])

    def test_an_arn_is_echoed_as_json(self):
        _, arn = self.create()
        strange = arn.replace("arn:aws:", 'arn:aws"\\ \u00e9:')
        described = self.streams.describe_stream(StreamArn=strange)["StreamDescription"]
        self.assertEqual(described["StreamArn"], strange)

    def test_a_region_that_is_none_is_refused(self):
        client = boto3.client("dynamodb", endpoint_url=server.endpoint, region_name="us-east-1",
                              aws_access_key_id="millrace", aws_secret_access_key="millrace-secret")
        client._request_signer._region_name = 'us"east'
        with self.assertRaises(ClientError) as refused:
            client.list_tables()
        self.assertEqual(refused.exception.response["Error"]["Code"], "IncompleteSignatureException")
        client.close()

    def test_lists_in_pages(self):
        arns = {self.create()[1] for _ in range(3)}
        seen, start = [], {}
        while True:
            page = self.streams.list_streams(Limit=1, **start)
            seen += [stream["StreamArn"] for stream in page["Streams"]]
            if "LastEvaluatedStreamArn" not in page:
                break
            start = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}
        self.assertEqual(len(seen), len(set(seen)))
        self.assertTrue(arns <= set(seen))

    def test_every_change_is_a_record(self):
        table, arn = self.create()
        self.put(table, id="a", n=1)
        self.put(table, id="a", n=2)
        self.db.update_item(TableName=table, Key=wire({"id": "b"}), UpdateExpression="SET x = :x",
                            ExpressionAttributeValues=wire({":x": 1}))
        self.db.delete_item(TableName=table, Key=wire({"id": "a"}))
        records = self.read(arn)
        self.assertEqual([r["eventName"] for r in records], ["INSERT", "MODIFY", "INSERT", "REMOVE"])
        changes = [r["dynamodb"] for r in records]
        self.assertEqual([plain(c["Keys"])["id"] for c in changes], ["a", "a", "b", "a"])
        self.assertEqual([plain(c["NewImage"]) if "NewImage" in c else None for c in changes],
                         [{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "b", "x": 1}, None])
        self.assertEqual([plain(c["OldImage"]) if "OldImage" in c else None for c in changes],
                         [None, {"id": "a", "n": 1}, None, {"id": "a", "n": 2}])
        numbers = [c["SequenceNumber"] for c in changes]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(len({r["eventID"] for r in records}), 4)
        for record in records:
            self.assertEqual((record["eventSource"], record["eventVersion"], record["awsRegion"]),
                             ("aws:dynamodb", "1.1", REGION))
            self.assertEqual(record["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES")
            self.assertGreater(record["dynamodb"]["SizeBytes"], 0)
            age = time.time() - record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
            self.assertLess(abs(age), 60)

    def test_writes_that_change_nothing_are_no_records(self):
        table, arn = self.create()
        self.put(table, id="a", n=1)
        self.put(table, id="a", n=1)
        self.db.delete_item(TableName=table, Key=wire({"id": "none"}))
        self.db.update_item(TableName=table, Key=wire({"id": "a"}), UpdateExpression="REMOVE absent")
        self.assertEqual([r["eventName"] for r in self.read(arn)], ["INSERT"])

    def test_views(self):
        shown = {"KEYS_ONLY": set(), "NEW_IMAGE": {"NewImage"}, "OLD_IMAGE": {"OldImage"},
                 "NEW_AND_OLD_IMAGES": {"NewImage", "OldImage"}}
        for view, images in shown.items():
            with self.subTest(view):
                table, arn = self.create(view)
                self.put(table, id="a", n=1)
                self.put(table, id="a", n=2)
                change = self.read(arn)[1]["dynamodb"]
                self.assertEqual(plain(change["Keys"]), {"id": "a"})
                self.assertEqual({name for name in ("NewImage", "OldImage") if name in change}, images)
                self.assertEqual(change["StreamViewType"], view)

    def test_iterators_start_where_they_say(self):
        table, arn = self.create()
        latest_before = self.iterator(arn, "LATEST")
        for i in range(5):
            self.put(table, id=str(i))
        records = self.read(arn)
        numbers = [r["dynamodb"]["SequenceNumber"] for r in records]

        def ids(got):
            return [plain(r["dynamodb"]["Keys"])["id"] for r in got]

        self.assertEqual(ids(self.read(arn, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[2])), ["2", "3", "4"])
        self.assertEqual(ids(self.read(arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[2])), ["3", "4"])
        self.assertEqual(ids(self.read(arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[4])), [])
        self.assertEqual(self.read(arn, "LATEST"), [])
        self.assertEqual(ids(self.streams.get_records(ShardIterator=latest_before)["Records"]), list("01234"))

    def test_following_the_end(self):
        table, arn = self.create()
        iterator = self.iterator(arn)
        seen = []
        for i in range(30):
            self.put(table, id=str(i))
            answer = self.streams.get_records(ShardIterator=iterator, Limit=7)
            seen += [plain(r["dynamodb"]["Keys"])["id"] for r in answer["Records"]]
            iterator = answer["NextShardIterator"]
        self.assertEqual(seen, [str(i) for i in range(30)])

    def test_limits(self):
        table, arn = self.create()
        for i in range(10):
            self.put(table, id=str(i), big="x" * 200_000)
        iterator, counts = self.iterator(arn), []
        while sum(counts) < 10:
            answer = self.streams.get_records(ShardIterator=iterator)
            counts.append(len(answer["Records"]))
            self.assertGreater(counts[-1], 0)
            iterator = answer["NextShardIterator"]
        self.assertLessEqual(max(counts), 5)
        self.assertEqual(len(self.streams.get_records(ShardIterator=self.iterator(arn), Limit=3)["Records"]), 3)

    def test_the_feed_survives_a_kill(self):
        if server.external:
            self.skipTest("the server is not ours to kill")
        table, arn = self.create()
        for i in range(20):
            self.put(table, id=str(i))
        iterator = self.iterator(arn)
        before = self.read(arn)
        server.restart()
        self.db = server.client("dynamodb")
        self.streams = server.client("dynamodbstreams", parameter_validation=False)
        self.put(table, id="after")
        after = self.streams.get_records(ShardIterator=iterator)["Records"]
        self.assertEqual([r["dynamodb"]["SequenceNumber"] for r in before],
                         [r["dynamodb"]["SequenceNumber"] for r in after[:20]])
        self.assertEqual([r["eventID"] for r in before], [r["eventID"] for r in after[:20]])
        self.assertEqual(plain(after[20]["dynamodb"]["Keys"]), {"id": "after"})

    def test_a_dropped_table_has_no_feed(self):
        table, arn = self.create()
        self.put(table, id="a")
        shard, iterator = self.shard(arn), self.iterator(arn)
        self.db.delete_table(TableName=table)
        for call, arguments in [
            (self.streams.describe_stream, {"StreamArn": arn}),
            (self.streams.get_shard_iterator, {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"}),
            (self.streams.get_records, {"ShardIterator": iterator}),
        ]:
            self.refused("ResourceNotFoundException", "Requested resource not found", call, **arguments)
        time.sleep(0.002)
        self.create(name=table)
        self.refused("ResourceNotFoundException", "has been deleted", self.streams.get_records, ShardIterator=iterator)
        self.refused("ResourceNotFoundException", "not found", self.streams.describe_stream, StreamArn=arn)

    def test_refuses(self):
        table, arn = self.create()
        shard = self.shard(arn)
        place = {"StreamArn": arn, "ShardId": shard}
        later = "1" + "9".zfill(20)
        cases = [
            ("ValidationException", "Invalid StreamArn", self.streams.describe_stream, {"StreamArn": "x" * 40}),
            ("ResourceNotFoundException", "not found", self.streams.describe_stream, {"StreamArn": arn + "x"}),
            ("ResourceNotFoundException", "Shard does not exist", self.streams.get_shard_iterator,
             {"StreamArn": arn, "ShardId": "shardId-" + "0" * 30, "ShardIteratorType": "LATEST"}),
            ("ValidationException", "enum value set", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "AT_NOON"}),
            ("ValidationException", "Timestamp must be specified", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "AT_TIMESTAMP"}),
            ("ValidationException", "SequenceNumber must not be specified", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "LATEST", "SequenceNumber": later}),
            ("ValidationException", "2 validation errors detected: Value '0' at 'limit'", self.streams.list_streams,
             {"Limit": 0, "ExclusiveStartStreamArn": "x"}),
            ("ValidationException", "regular expression pattern", self.streams.list_streams, {"TableName": "a b c"}),
            ("ValidationException", "less than or equal to 100", self.streams.describe_stream,
             {"StreamArn": arn, "Limit": 101}),
            ("ResourceNotFoundException", "not found", self.streams.describe_stream,
             {"StreamArn": arn.replace("us-east-1", "eu-west-1")}),
            ("ResourceNotFoundException", "not found", self.streams.get_shard_iterator,
             {**place, "StreamArn": arn.replace("000000000000", "111111111111"), "ShardIteratorType": "LATEST"}),
            ("ValidationException", "SequenceNumber must be specified", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}),
            ("ValidationException", "Invalid SequenceNumber", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1" + "x" * 21}),
            ("ValidationException", "Invalid SequenceNumber", self.streams.get_shard_iterator,
             {**place, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": later}),
            ("ValidationException", "Invalid ShardIterator", self.streams.get_records, {"ShardIterator": "AAAA"}),
            ("ValidationException", "less than or equal to 1000", self.streams.get_records,
             {"ShardIterator": self.iterator(arn), "Limit": 1001}),
            ("ValidationException", "Value null at 'shardIterator'", self.streams.get_records, {}),
        ]
        for code, text, call, arguments in cases:
            with self.subTest(text):
                self.refused(code, text, call, **arguments)

    def test_an_empty_shard_may_be_read_after_its_own_beginning(self):
        table, arn = self.create()
        described = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]
        begin = described["SequenceNumberRange"]["StartingSequenceNumber"]
        iterator = self.iterator(arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=begin)
        self.db.put_item(TableName=table, Item={"id": {"S": "first"}})
        self.assertEqual(len(self.streams.get_records(ShardIterator=iterator)["Records"]), 1)

    def ask(self, operation, **body):
        status, _, answer = server.request(f"DynamoDBStreams_20120810.{operation}", json.dumps(body), service="dynamodb",
                                           content_type="application/x-amz-json-1.0")
        return status, json.loads(answer)

    # Debian's client does not know these members yet.
    def test_what_newer_clients_ask(self):
        table, arn = self.create()
        place = {"StreamArn": arn, "ShardId": self.shard(arn)}
        self.db.put_item(TableName=table, Item={"id": {"S": "before"}})
        time.sleep(0.05)
        between = time.time()
        time.sleep(0.05)
        self.db.put_item(TableName=table, Item={"id": {"S": "after"}})
        status, answer = self.ask("GetShardIterator", **place, ShardIteratorType="AT_TIMESTAMP", Timestamp=between)
        self.assertEqual(status, 200, answer)
        records = self.streams.get_records(ShardIterator=answer["ShardIterator"])["Records"]
        self.assertEqual([record["dynamodb"]["Keys"] for record in records], [{"id": {"S": "after"}}])
        children = {"Type": "CHILD_SHARDS", "ShardId": place["ShardId"]}
        self.assertEqual(self.ask("DescribeStream", StreamArn=arn, ShardFilter=children)[1]["StreamDescription"]["Shards"],
                         [])
        status, answer = self.ask("DescribeStream", StreamArn=arn, ShardFilter={"Type": "CHILD_SHARDS"})
        self.assertEqual(status, 400)
        self.assertIn("ShardFilter", answer["message"])


if __name__ == "__main__":
    unittest.main()
