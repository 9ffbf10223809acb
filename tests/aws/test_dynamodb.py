"""DynamoDB as boto3 speaks it: tables, items, expressions, queries, batches, errors."""

import decimal
import json
import os
import random
import sys
import threading
import unittest
import zlib
from decimal import Decimal

import boto3.dynamodb.types
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import ACCESS_KEY, REGION, SECRET_KEY, Server  # noqa: E402

server = Server()
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))


def setUpModule():
    server.start()


def tearDownModule():
    server.stop()


# Numbers come in plain notation, as from AWS; boto3 refuses those of more than 38 digits, zeros or not (boto3#2500).
boto3.dynamodb.types.DYNAMODB_CONTEXT = decimal.Context(prec=300)
to_wire = boto3.dynamodb.types.TypeSerializer().serialize
from_wire = boto3.dynamodb.types.TypeDeserializer().deserialize


def wire(item):
    return {name: to_wire(value) for name, value in item.items()}


def plain(item):
    return {name: from_wire(value) for name, value in item.items()}


class DynamoDbTest(unittest.TestCase):
    count = 0

    def setUp(self):
        self.db = server.client("dynamodb", parameter_validation=False)
        self.created = []

    def tearDown(self):
        for name in self.created:
            try:
                self.db.delete_table(TableName=name)
            except ClientError:
                pass
        self.db.close()

    def name(self):
        DynamoDbTest.count += 1
        return f"table-{os.getpid()}-{DynamoDbTest.count}"

    def create(self, range_type=None, hash_type="S", **more):
        name = self.name()
        attributes = [{"AttributeName": "id", "AttributeType": hash_type}]
        keys = [{"AttributeName": "id", "KeyType": "HASH"}]
        if range_type:
            attributes.append({"AttributeName": "pos", "AttributeType": range_type})
            keys.append({"AttributeName": "pos", "KeyType": "RANGE"})
        more.setdefault("BillingMode", "PAY_PER_REQUEST")
        self.db.create_table(TableName=name, AttributeDefinitions=attributes, KeySchema=keys, **more)
        self.created.append(name)
        self.db.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        return name

    def put(self, table, **item):
        return self.db.put_item(TableName=table, Item=wire(item))

    def get(self, table, **key):
        answer = self.db.get_item(TableName=table, Key=wire(key), ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def update(self, table, key, expression, values=None, **more):
        if values:
            more["ExpressionAttributeValues"] = wire(values)
        return self.db.update_item(TableName=table, Key=wire(key), UpdateExpression=expression, **more)

    def refused(self, code, text, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        self.assertIn(text, error["Message"])
        return caught.exception.response


class TablesTest(DynamoDbTest):
    def test_describes_what_was_created(self):
        name = self.create("N", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        table = self.db.describe_table(TableName=name)["Table"]
        self.assertEqual(table["TableName"], name)
        self.assertEqual(table["TableStatus"], "ACTIVE")
        self.assertEqual(
            table["KeySchema"],
            [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "pos", "KeyType": "RANGE"}],
        )
        self.assertIn({"AttributeName": "pos", "AttributeType": "N"}, table["AttributeDefinitions"])
        self.assertEqual(table["TableArn"], f"arn:aws:dynamodb:{REGION}:000000000000:table/{name}")
        self.assertEqual(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        self.assertEqual(table["ProvisionedThroughput"]["ReadCapacityUnits"], 0)
        self.assertEqual(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES")
        self.assertEqual(table["LatestStreamArn"], table["TableArn"] + "/stream/" + table["LatestStreamLabel"])
        self.assertEqual(table["ItemCount"], 0)
        self.assertRegex(table["TableId"], "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        raw = json.loads(
            server.request("DynamoDB_20120810.DescribeTable", json.dumps({"TableName": name}), service="dynamodb")[2]
        )["Table"]
        self.assertIsInstance(raw["CreationDateTime"], float)
        self.assertEqual(raw["WarmThroughput"]["Status"], "ACTIVE")
        self.assertFalse(raw["DeletionProtectionEnabled"])

    def test_keeps_provisioned_throughput(self):
        name = self.create(
            BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
        )
        table = self.db.describe_table(TableName=name)["Table"]
        self.assertEqual(table["ProvisionedThroughput"]["ReadCapacityUnits"], 5)
        self.assertEqual(table["ProvisionedThroughput"]["WriteCapacityUnits"], 7)
        self.assertNotIn("BillingModeSummary", table)

    def test_counts_items(self):
        name = self.create()
        for i in range(5):
            self.put(name, id=str(i))
        table = self.db.describe_table(TableName=name)["Table"]
        self.assertEqual(table["ItemCount"], 5)
        self.assertGreater(table["TableSizeBytes"], 0)

    def test_lists_in_pages(self):
        names = sorted(self.create() for _ in range(3))
        pages = self.db.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
        listed = [name for page in pages for name in page["TableNames"]]
        self.assertEqual(listed, sorted(listed))
        self.assertTrue(set(names) <= set(listed))

    def test_deletes(self):
        name = self.create()
        answer = self.db.delete_table(TableName=name)
        self.assertEqual(answer["TableDescription"]["TableStatus"], "DELETING")
        self.refused("ResourceNotFoundException", f"Table: {name} not found", self.db.describe_table, TableName=name)
        self.refused("ResourceNotFoundException", "Requested resource not found", self.db.get_item, TableName=name,
                     Key=wire({"id": "a"}))
        self.refused("ResourceNotFoundException", "not found", self.db.delete_table, TableName=name)

    def test_a_new_table_of_the_same_name_is_empty(self):
        name = self.create()
        self.put(name, id="a")
        self.db.delete_table(TableName=name)
        self.db.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                             AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                             KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
        self.assertIsNone(self.get(name, id="a"))

    def test_refuses(self):
        name = self.create()
        good = {
            "TableName": self.name(),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        }
        index = [{"IndexName": "by_x", "KeySchema": good["KeySchema"], "Projection": {"ProjectionType": "ALL"}}]
        cases = [
            ("ResourceInUseException", "Table already exists: " + name, {"TableName": name}),
            ("ValidationException", "Member must have length greater than or equal to 3", {"TableName": "ab"}),
            ("ValidationException", "regular expression pattern: [a-zA-Z0-9_.-]+", {"TableName": "a/b/c"}),
            ("ValidationException", "keyType' failed to satisfy constraint", {
                "KeySchema": [{"AttributeName": "id", "KeyType": "ROOT"}]}),
            ("ValidationException", "The first KeySchemaElement is not a HASH key type", {
                "KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]}),
            ("ValidationException", "Some index key attributes are not defined in AttributeDefinitions. Keys: [other]", {
                "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]}),
            ("ValidationException", "does not exactly match number of attributes", {
                "AttributeDefinitions": good["AttributeDefinitions"] + [{"AttributeName": "x", "AttributeType": "N"}]}),
            ("ValidationException", "enum value set: [B, N, S]", {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "SS"}]}),
            ("ValidationException", "must both be specified when BillingMode is PROVISIONED", {
                "BillingMode": "PROVISIONED"}),
            ("ValidationException", "Table KeySchema does not have a range key", {"LocalSecondaryIndexes": index}),
            ("ValidationException", "StreamViewType is required", {"StreamSpecification": {"StreamEnabled": True}}),
            ("ValidationException", "Value null at 'keySchema'", {"KeySchema": None}),
        ]
        for code, text, change in cases:
            with self.subTest(text):
                request = {key: value for key, value in {**good, **change}.items() if value is not None}
                self.refused(code, text, self.db.create_table, **request)
        self.assertNotIn(good["TableName"], self.db.list_tables()["TableNames"])

    def test_all_that_is_wrong_is_told_at_once(self):
        self.refused("ValidationException", "2 validation errors detected: Value 'a b' at 'exclusiveStartTableName' "
                     "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
                     "Value '0' at 'limit' failed to satisfy constraint", self.db.list_tables, Limit=0, ExclusiveStartTableName="a b")
        self.refused("ValidationException", "3 validation errors detected", self.db.create_table, TableName="", KeySchema=[],
                     BillingMode="FREE")
        self.refused("ValidationException", "Member must not be null", self.db.update_time_to_live,
                     TableName="absent", TimeToLiveSpecification={"Enabled": True})

    def test_an_arn_of_elsewhere_is_no_table_here(self):
        name = self.create()
        arn = self.db.describe_table(TableName=name)["Table"]["TableArn"]
        item = {"id": {"S": "a"}}
        self.db.put_item(TableName=arn, Item=item)
        for elsewhere in (arn.replace(REGION, "eu-west-9"), arn.replace("000000000000", "123456789012")):
            for call, arguments in (
                    (self.db.describe_table, {"TableName": elsewhere}), (self.db.delete_table, {"TableName": elsewhere}),
                    (self.db.tag_resource, {"ResourceArn": elsewhere, "Tags": [{"Key": "a", "Value": "b"}]}),
                    (self.db.put_item, {"TableName": elsewhere, "Item": item}),
                    (self.db.get_item, {"TableName": elsewhere, "Key": item}), (self.db.scan, {"TableName": elsewhere}),
                    (self.db.batch_get_item, {"RequestItems": {elsewhere: {"Keys": [item]}}}),
                    (self.db.batch_write_item, {"RequestItems": {elsewhere: [{"DeleteRequest": {"Key": item}}]}}),
                    (self.db.transact_write_items, {"TransactItems": [{"Delete": {"TableName": elsewhere, "Key": item}}]}),
                    (self.db.transact_get_items, {"TransactItems": [{"Get": {"TableName": elsewhere, "Key": item}}]})):
                self.refused("ResourceNotFoundException", "not found", call, **arguments)
        self.assertEqual(self.db.get_item(TableName=arn, Key=item)["Item"], item)

    def test_answers_what_tools_ask_beside(self):
        name = self.create()
        arn = self.db.describe_table(TableName=name)["Table"]["TableArn"]
        ttl = self.db.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        self.assertEqual(ttl["TimeToLiveStatus"], "DISABLED")
        self.assertEqual(self.db.list_tags_of_resource(ResourceArn=arn)["Tags"], [])
        backups = self.db.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        self.assertEqual(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "DISABLED")
        self.assertEqual(self.db.describe_table(TableName=arn)["Table"]["TableName"], name)


class ItemsTest(DynamoDbTest):
    def test_keeps_every_type(self):
        table = self.create()
        item = {
            "id": "a",
            "text": "quote \" backslash \\ newline \n tab \t é 😀 \x01",
            "empty": "",
            "number": Decimal("-12.50"),
            "precise": Decimal("3.1415926535897932384626433832795028841"),
            "large": Decimal("9.9e125"),
            "small": Decimal("1e-130"),
            "bytes": boto3.dynamodb.types.Binary(bytes(range(256))),
            "yes": True,
            "none": None,
            "list": [1, "two", [Decimal("3.5")], {"four": [None, False]}],
            "map": {"a b": {"c": {}}, " ": "a space"},
            "strings": {"x", "y"},
            "numbers": {Decimal(1), Decimal("2.5")},
            "blobs": {boto3.dynamodb.types.Binary(b"\0"), boto3.dynamodb.types.Binary(b"\xff")},
        }
        self.put(table, **item)
        self.assertEqual(self.get(table, id="a"), item)
        self.assertIsNone(self.get(table, id="b"))

    def test_numbers_come_back_in_plain_notation(self):
        table = self.create(hash_type="N")
        for given, answered in [("1e2", "100"), ("0.0010", "0.001"), ("-0", "0"), ("+7", "7"), ("1E-3", "0.001")]:
            self.db.put_item(TableName=table, Item={"id": {"N": given}})
            item = self.db.get_item(TableName=table, Key={"id": {"N": answered}})["Item"]
            self.assertEqual(item, {"id": {"N": answered}})

    def test_returns_old_and_new_values(self):
        table = self.create()
        self.assertNotIn("Attributes", self.put(table, id="a", x=1, y=1))
        old = self.db.put_item(TableName=table, Item=wire({"id": "a", "x": 2, "y": 2}), ReturnValues="ALL_OLD")
        self.assertEqual(plain(old["Attributes"]), {"id": "a", "x": 1, "y": 1})
        for kind, expected in [
            ("ALL_OLD", {"id": "a", "x": 2, "y": 2}),
            ("UPDATED_OLD", {"x": 3}),
            ("ALL_NEW", {"id": "a", "x": 5, "y": 2}),
            ("UPDATED_NEW", {"x": 6}),
            ("NONE", None),
        ]:
            answer = self.update(table, {"id": "a"}, "ADD x :one", {":one": 1}, ReturnValues=kind)
            self.assertEqual(plain(answer["Attributes"]) if "Attributes" in answer else None, expected, kind)
        gone = self.db.delete_item(TableName=table, Key=wire({"id": "a"}), ReturnValues="ALL_OLD")
        self.assertEqual(plain(gone["Attributes"]), {"id": "a", "x": 7, "y": 2})
        self.assertNotIn("Attributes", self.db.delete_item(TableName=table, Key=wire({"id": "a"}), ReturnValues="ALL_OLD"))

    def test_updates(self):
        table = self.create()
        self.update(table, {"id": "a"}, "SET n = :n, m = :m, l = :l", {":n": 1, ":m": {"x": {"y": 1}}, ":l": [1, 2, 3]})
        self.update(table, {"id": "a"}, "SET n = n + :one, m.x.y = :two, l[7] = :more REMOVE l[0]",
                    {":one": 1, ":two": 2, ":more": 4})
        self.assertEqual(self.get(table, id="a"), {"id": "a", "n": 2, "m": {"x": {"y": 2}}, "l": [2, 3, 4]})
        self.update(table, {"id": "a"}, "ADD tags :t DELETE absent :t SET #s = if_not_exists(#s, :z)",
                    {":t": {"hot"}, ":z": 0}, ExpressionAttributeNames={"#s": "status"})
        item = self.get(table, id="a")
        self.assertEqual((item["tags"], item["status"]), ({"hot"}, 0))

    def test_an_update_that_makes_its_item_sees_the_key(self):
        table = self.create()
        self.update(table, {"id": "a"}, "SET twin = id, kept = if_not_exists(id, :d)", {":d": "default"})
        self.assertEqual(self.get(table, id="a"), {"id": "a", "twin": "a", "kept": "a"})

    def test_size_of_a_text_is_in_utf_16(self):
        table = self.create()
        for text, units in (("abc", 3), ("\u00e9", 1), ("\u65e5\u672c\u8a9e", 3), ("\U0001f600", 2)):
            self.db.put_item(TableName=table, Item=wire({"id": text}))
            found = self.db.scan(TableName=table, FilterExpression="size(id) = :n and id = :id",
                                 ExpressionAttributeValues=wire({":n": units, ":id": text}))
            self.assertEqual(found["Count"], 1, text)

    def test_update_without_an_expression_makes_the_item(self):
        table = self.create()
        self.db.update_item(TableName=table, Key=wire({"id": "a"}))
        self.assertEqual(self.get(table, id="a"), {"id": "a"})

    def test_conditions(self):
        table = self.create()
        once = {"TableName": table, "Item": wire({"id": "a", "n": 1}), "ConditionExpression": "attribute_not_exists(id)"}
        self.db.put_item(**once)
        response = self.refused("ConditionalCheckFailedException", "The conditional request failed", self.db.put_item,
                                **once)
        self.assertNotIn("Item", response)
        body = {"TableName": table, "Key": wire({"id": "a"}), "ConditionExpression": "n > :n",
                "ExpressionAttributeValues": wire({":n": 5}), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        status, _, answer = server.request("DynamoDB_20120810.DeleteItem", json.dumps(body), service="dynamodb")
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(answer)["__type"],
                         "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException")
        self.assertEqual(plain(json.loads(answer)["Item"]), {"id": "a", "n": 1})
        self.assertEqual(self.get(table, id="a"), {"id": "a", "n": 1})

    def test_parallel_additions_all_count(self):
        table = self.create()

        def add():
            client = server.client("dynamodb")
            for _ in range(50):
                client.update_item(TableName=table, Key=wire({"id": "a"}), UpdateExpression="ADD n :one",
                                   ExpressionAttributeValues=wire({":one": 1}))
            client.close()

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.get(table, id="a")["n"], 200)

    def test_projections(self):
        table = self.create()
        self.put(table, id="a", n=1, m={"x": 1, "y": [1, {"z": 2}]})
        answer = self.db.get_item(TableName=table, Key=wire({"id": "a"}), ProjectionExpression="#n, m.y[1].z, absent",
                                  ExpressionAttributeNames={"#n": "n"})
        self.assertEqual(plain(answer["Item"]), {"n": 1, "m": {"y": [{"z": 2}]}})

    def test_capacity(self):
        table = self.create()
        big = "x" * 5000
        put = self.db.put_item(TableName=table, Item=wire({"id": "a", "big": big}), ReturnConsumedCapacity="TOTAL")
        self.assertEqual(put["ConsumedCapacity"], {"TableName": table, "CapacityUnits": 5.0})
        small = self.db.put_item(TableName=table, Item=wire({"id": "a"}), ReturnConsumedCapacity="INDEXES")
        self.assertEqual(small["ConsumedCapacity"]["Table"], {"CapacityUnits": 5.0})
        get = self.db.get_item(TableName=table, Key=wire({"id": "a"}), ReturnConsumedCapacity="TOTAL")
        self.assertEqual(get["ConsumedCapacity"]["CapacityUnits"], 0.5)
        self.put(table, id="a", big=big)
        get = self.db.get_item(TableName=table, Key=wire({"id": "a"}), ReturnConsumedCapacity="TOTAL",
                               ConsistentRead=True, ProjectionExpression="id")
        self.assertEqual(get["ConsumedCapacity"]["CapacityUnits"], 2.0)

    def test_refuses(self):
        table = self.create("N")
        key = wire({"id": "a", "pos": 1})
        cases = [
            ("Missing the key pos in the item", self.db.put_item, {"Item": wire({"id": "a"})}),
            ("Type mismatch for key pos", self.db.put_item, {"Item": wire({"id": "a", "pos": "x"})}),
            ("cannot contain an empty string value", self.db.put_item, {"Item": wire({"id": "", "pos": 1})}),
            ("The provided key element does not match the schema", self.db.get_item, {"Key": wire({"id": "a"})}),
            ("Item size has exceeded the maximum allowed size", self.db.put_item,
             {"Item": wire({"id": "a", "pos": 1, "big": "x" * 410_000})}),
            ("An string set  may not be empty", self.db.put_item, {"Item": {**key, "s": {"SS": []}}}),
            ("contains duplicates", self.db.put_item, {"Item": {**key, "s": {"SS": ["a", "a"]}}}),
            ("cannot be converted to a numeric value: 1x", self.db.put_item, {"Item": {**key, "n": {"N": "1x"}}}),
            ("Number overflow", self.db.put_item, {"Item": {**key, "n": {"N": "1e126"}}}),
            ("must contain exactly one of the supported datatypes", self.db.put_item, {"Item": {**key, "n": {}}}),
            ("Syntax error; token: \"<EOF>\"", self.db.put_item, {"Item": key, "ConditionExpression": "a ="}),
            ("reserved keyword: name", self.db.update_item, {"Key": key, "UpdateExpression": "REMOVE name"}),
            ("unused in expressions: keys: {:b}", self.db.update_item,
             {"Key": key, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": wire({":a": 1, ":b": 2})}),
            ("This attribute is part of the key", self.db.update_item, {"Key": key, "UpdateExpression": "REMOVE id"}),
            ("Can not use both expression and non-expression parameters", self.db.put_item,
             {"Item": key, "Expected": {"a": {"Exists": False}}, "ConditionExpression": "attribute_exists(a)"}),
            ("Return values set to invalid value", self.db.put_item, {"Item": key, "ReturnValues": "ALL_NEW"}),
            ("Value null at 'key'", self.db.get_item, {}),
        ]
        for text, call, arguments in cases:
            with self.subTest(text):
                self.refused("ValidationException", text, call, TableName=table, **arguments)
        self.refused("ResourceNotFoundException", "Requested resource not found", self.db.put_item,
                     TableName="no-such-table", Item=key)

    def test_wrong_json(self):
        table = self.create()
        for body in ['{"TableName":', "[]", "", '{"TableName": "%s", "Key": {"id": {"S": 5}}}' % table,
                     '{"TableName": 5}', '{"TableName": "%s", "Key": {"id": {"S": "a"}}} x' % table,
                     '{"TableName": "ab", "Key": ']:
            with self.subTest(body):
                status, headers, answer = server.request("DynamoDB_20120810.GetItem", body, service="dynamodb",
                                                         content_type="application/x-amz-json-1.0")
                self.assertEqual(status, 400)
                self.assertEqual(json.loads(answer)["__type"], "com.amazon.coral.service#SerializationException")
                self.assertEqual(int(headers["x-amz-crc32"]), zlib.crc32(answer))

    def test_unknown_members_are_left_alone(self):
        table = self.create()
        body = json.dumps({"Later": {"added": [1]}, "TableName": table, "Item": wire({"id": "a"})})
        status, headers, answer = server.request("DynamoDB_20120810.PutItem", body, service="dynamodb",
                                                 content_type="application/x-amz-json-1.0")
        self.assertEqual((status, answer), (200, b"{}"))
        self.assertEqual(headers["Content-Type"], "application/x-amz-json-1.0")
        self.assertEqual(int(headers["x-amz-crc32"]), zlib.crc32(answer))

    def test_acknowledged_writes_survive_a_kill(self):
        if server.external:
            self.skipTest("the server is not ours to kill")
        table = self.create("N")
        for i in range(200):
            self.put(table, id=f"k{i % 7}", pos=i, text="x" * (i % 50))
        self.update(table, {"id": "k0", "pos": 0}, "SET #t = :t", {":t": "after"}, ExpressionAttributeNames={"#t": "text"})
        self.db.delete_item(TableName=table, Key=wire({"id": "k1", "pos": 1}))
        server.restart()
        self.db = server.client("dynamodb", parameter_validation=False)
        self.assertEqual(self.get(table, id="k0", pos=0)["text"], "after")
        self.assertIsNone(self.get(table, id="k1", pos=1))
        self.assertEqual(self.db.scan(TableName=table)["Count"], 199)


class QueryTest(DynamoDbTest):
    def fill(self, table, count=20):
        for start in range(0, count, 25):
            writes = [{"PutRequest": {"Item": wire({"id": "a", "pos": i, "n": i % 3, "text": f"t{i:02}"})}}
                      for i in range(start, min(count, start + 25))]
            self.db.batch_write_item(RequestItems={table: writes})
        self.put(table, id="b", pos=1)

    def query(self, table, condition, values, **more):
        answer = self.db.query(TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues=wire(values),
                               **more)
        return [int(plain(item)["pos"]) for item in answer["Items"]]

    def test_ranges(self):
        table = self.create("N")
        self.fill(table)
        a = {":id": "a"}
        self.assertEqual(self.query(table, "id = :id", a), list(range(20)))
        self.assertEqual(self.query(table, "id = :id", a, ScanIndexForward=False), list(range(19, -1, -1)))
        self.assertEqual(self.query(table, "id = :id AND pos = :x", {**a, ":x": 5}), [5])
        self.assertEqual(self.query(table, "pos < :x AND id = :id", {**a, ":x": 3}), [0, 1, 2])
        self.assertEqual(self.query(table, "id = :id AND :x >= pos", {**a, ":x": 2}), [0, 1, 2])
        self.assertEqual(self.query(table, "id = :id AND pos > :x", {**a, ":x": 17}), [18, 19])
        self.assertEqual(self.query(table, "id = :id AND pos BETWEEN :x AND :y", {**a, ":x": 4, ":y": 6}), [4, 5, 6])
        self.assertEqual(self.query(table, "id = :id", {":id": "none"}), [])
        self.assertEqual(self.query(table, "id = :id", a, Limit=2, ScanIndexForward=False), [19, 18])

    def test_numbers_sort_as_numbers(self):
        table = self.create("N")
        values = [Decimal(t) for t in ["-1e100", "-10.5", "-10", "-2", "-0.5", "0", "1e-100", "2", "10", "10.5", "1e100"]]
        for value in random.Random(SEED).sample(values, len(values)):
            self.put(table, id="a", pos=value)
        answer = self.db.query(TableName=table, KeyConditionExpression="id = :id",
                               ExpressionAttributeValues=wire({":id": "a"}))
        self.assertEqual([plain(item)["pos"] for item in answer["Items"]], values)

    def test_prefixes_of_strings_and_bytes(self):
        for kind, make in [("S", str), ("B", lambda text: boto3.dynamodb.types.Binary(text.encode()))]:
            table = self.create(kind)
            for text in ["a", "ab", "ab\0", "abc", "ac", "b"]:
                self.put(table, id="x", pos=make(text))
            answer = self.db.query(TableName=table, KeyConditionExpression="id = :id AND begins_with(pos, :p)",
                                   ExpressionAttributeValues=wire({":id": "x", ":p": make("ab")}))
            self.assertEqual([plain(item)["pos"] for item in answer["Items"]], [make("ab"), make("ab\0"), make("abc")])

    def test_filters_and_pages(self):
        table = self.create("N")
        self.fill(table)
        answer = self.db.query(TableName=table, KeyConditionExpression="id = :id", FilterExpression="n = :n",
                               ExpressionAttributeValues=wire({":id": "a", ":n": 0}), Limit=7)
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (3, 7))
        self.assertEqual(plain(answer["LastEvaluatedKey"]), {"id": "a", "pos": 6})
        pages = self.db.get_paginator("query").paginate(
            TableName=table, KeyConditionExpression="id = :id", FilterExpression="n = :n",
            ExpressionAttributeValues=wire({":id": "a", ":n": 0}), PaginationConfig={"PageSize": 7})
        self.assertEqual([int(plain(i)["pos"]) for page in pages for i in page["Items"]], list(range(0, 20, 3)))

    def test_counts_and_projections(self):
        table = self.create("N")
        self.fill(table)
        counted = self.db.query(TableName=table, KeyConditionExpression="id = :id", Select="COUNT",
                                ExpressionAttributeValues=wire({":id": "a"}))
        self.assertEqual((counted["Count"], counted["ScannedCount"]), (20, 20))
        self.assertNotIn("Items", counted)
        answer = self.db.query(TableName=table, KeyConditionExpression="id = :id AND pos = :at",
                               ProjectionExpression="#t", ExpressionAttributeNames={"#t": "text"},
                               ExpressionAttributeValues=wire({":id": "a", ":at": 3}))
        self.assertEqual([plain(item) for item in answer["Items"]], [{"text": "t03"}])

    def test_pages_end_at_a_megabyte(self):
        table = self.create("N")
        for i in range(8):
            self.put(table, id="a", pos=i, big="x" * 300_000)
        sizes = [page["Count"] for page in self.db.get_paginator("scan").paginate(TableName=table)]
        self.assertEqual(sum(sizes), 8)
        self.assertEqual(max(sizes), 3)

    def test_parallel_scan_sees_each_item_once(self):
        table = self.create()
        ids = {f"item-{i}" for i in range(100)}
        for chunk in range(0, 100, 25):
            self.db.batch_write_item(RequestItems={table: [
                {"PutRequest": {"Item": wire({"id": f"item-{i}"})}} for i in range(chunk, chunk + 25)]})
        seen = []
        for segment in range(7):
            pages = self.db.get_paginator("scan").paginate(TableName=table, Segment=segment, TotalSegments=7,
                                                           PaginationConfig={"PageSize": 3})
            seen += [plain(item)["id"] for page in pages for item in page["Items"]]
        self.assertEqual(sorted(seen), sorted(ids))

    def test_capacity_counts_what_was_read(self):
        table = self.create("N")
        for i in range(10):
            self.put(table, id="a", pos=i, big="x" * 2000)
        answer = self.db.scan(
            TableName=table, FilterExpression="#b = :x", ExpressionAttributeNames={"#b": "big"},
            ExpressionAttributeValues=wire({":x": "none"}), ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["Count"], 0)
        self.assertEqual(answer["ConsumedCapacity"]["CapacityUnits"], 5.0)
        query = self.db.query(TableName=table, KeyConditionExpression="id = :id", FilterExpression="big = :none",
                              ExpressionAttributeValues=wire({":id": "a", ":none": "none"}),
                              ReturnConsumedCapacity="TOTAL")
        self.assertEqual(query["ConsumedCapacity"]["CapacityUnits"], 2.5)

    def test_refuses(self):
        table = self.create("N")
        values = wire({":id": "a"})
        cases = [
            ("Query condition missed key schema element: id", self.db.query,
             {"KeyConditionExpression": "pos = :x", "ExpressionAttributeValues": wire({":x": 1})}),
            ("Query key condition not supported", self.db.query,
             {"KeyConditionExpression": "id > :id", "ExpressionAttributeValues": values}),
            ("Condition parameter type does not match schema type", self.db.query,
             {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": wire({":id": 5})}),
            ("Either the KeyConditions or KeyConditionExpression parameter must be specified", self.db.query, {}),
            ("Conditions can be of length 1 or 2 only", self.db.query, {"KeyConditions": {}}),
            ("The table does not have the specified index: by_x", self.db.query,
             {"IndexName": "by_x", "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": values}),
            ("Member must have value greater than or equal to 1", self.db.scan, {"Limit": 0}),
            ("The TotalSegments parameter is required", self.db.scan, {"Segment": 0}),
            ("must be less than parameter TotalSegments", self.db.scan, {"Segment": 5, "TotalSegments": 5}),
            ("get only the Count", self.db.scan, {"Select": "COUNT", "ProjectionExpression": "id"}),
            ("The provided starting key is invalid", self.db.scan, {"ExclusiveStartKey": wire({"id": "a"})}),
            ("Filter Expression can only contain non-primary key attributes: Primary key attribute: pos", self.db.query,
             {"KeyConditionExpression": "id = :id", "FilterExpression": "pos > :n",
              "ExpressionAttributeValues": {**values, **wire({":n": 1})}}),
            ("Invalid FilterExpression: Incorrect operand type", self.db.scan,
             {"FilterExpression": "size(:n) = :n", "ExpressionAttributeValues": wire({":n": 1})}),
        ]
        for text, call, arguments in cases:
            with self.subTest(text):
                self.refused("ValidationException", text, call, TableName=table, **arguments)


class BatchTest(DynamoDbTest):
    def test_writes_and_gets(self):
        one, two = self.create(), self.create()
        answer = self.db.batch_write_item(RequestItems={
            one: [{"PutRequest": {"Item": wire({"id": "a", "n": 1})}}, {"PutRequest": {"Item": wire({"id": "b"})}}],
            two: [{"PutRequest": {"Item": wire({"id": "c"})}}, {"DeleteRequest": {"Key": wire({"id": "gone"})}}],
        })
        self.assertEqual(answer["UnprocessedItems"], {})
        answer = self.db.batch_get_item(RequestItems={
            one: {"Keys": [wire({"id": "a"}), wire({"id": "none"}), wire({"id": "b"})]},
            two: {"Keys": [wire({"id": "c"})], "ProjectionExpression": "#i", "ExpressionAttributeNames": {"#i": "id"}},
        })
        found = sorted((plain(item) for item in answer["Responses"][one]), key=lambda item: item["id"])
        self.assertEqual(found, [{"id": "a", "n": 1}, {"id": "b"}])
        self.assertEqual([plain(item) for item in answer["Responses"][two]], [{"id": "c"}])
        self.assertEqual(answer["UnprocessedKeys"], {})

    def test_unprocessed_keys_lead_to_the_rest(self):
        table = self.create()
        for i in range(60):
            self.put(table, id=str(i), big="x" * 390_000)
        wanted = {table: {"Keys": [wire({"id": str(i)}) for i in range(60)], "ConsistentRead": True}}
        found, rounds = [], 0
        while wanted:
            answer = self.db.batch_get_item(RequestItems=wanted)
            found += [plain(item)["id"] for item in answer["Responses"][table]]
            wanted = answer["UnprocessedKeys"]
            rounds += 1
        self.assertEqual(sorted(found, key=int), [str(i) for i in range(60)])
        self.assertEqual(rounds, 2)

    def test_large_items_are_written_over_large_items(self):
        table = self.create(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        for letter in "ab":
            wanted = {table: [{"PutRequest": {"Item": wire({"id": str(i), "text": letter * (390 << 10)})}} for i in range(25)]}
            while wanted:
                wanted = self.db.batch_write_item(RequestItems=wanted)["UnprocessedItems"]
        for i in range(25):
            self.assertEqual(self.get(table, id=str(i))["text"], "b" * (390 << 10))

    def test_a_refused_batch_writes_nothing(self):
        table = self.create()
        good = {"PutRequest": {"Item": wire({"id": "a"})}}
        self.refused("ValidationException", "Missing the key id", self.db.batch_write_item,
                     RequestItems={table: [good, {"PutRequest": {"Item": wire({"x": 1})}}]})
        self.assertIsNone(self.get(table, id="a"))

    def test_capacity(self):
        table = self.create()
        answer = self.db.batch_write_item(ReturnConsumedCapacity="TOTAL", RequestItems={
            table: [{"PutRequest": {"Item": wire({"id": str(i), "big": "x" * 1500})}} for i in range(3)]})
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": table, "CapacityUnits": 6.0}])
        answer = self.db.batch_get_item(ReturnConsumedCapacity="TOTAL", RequestItems={
            table: {"Keys": [wire({"id": str(i)}) for i in range(4)]}})
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": table, "CapacityUnits": 2.0}])

    def test_refuses(self):
        table = self.create()
        put = {"PutRequest": {"Item": wire({"id": "a"})}}
        cases = [
            ("Too many items requested for the BatchWriteItem call", self.db.batch_write_item,
             {table: [{"PutRequest": {"Item": wire({"id": str(i)})}} for i in range(26)]}),
            ("Provided list of item keys contains duplicates", self.db.batch_write_item, {table: [put, put]}),
            ("exactly one of PutRequest and DeleteRequest", self.db.batch_write_item, {table: [{}]}),
            ("Member must have length greater than or equal to 1", self.db.batch_write_item, {}),
            ("Too many items requested for the BatchGetItem call", self.db.batch_get_item,
             {table: {"Keys": [wire({"id": str(i)}) for i in range(101)]}}),
            ("Provided list of item keys contains duplicates", self.db.batch_get_item,
             {table: {"Keys": [wire({"id": "a"}), wire({"id": "a"})]}}),
            ("The provided key element does not match the schema", self.db.batch_get_item,
             {table: {"Keys": [wire({"x": "a"})]}}),
        ]
        for text, call, items in cases:
            with self.subTest(text):
                self.refused("ValidationException", text, call, RequestItems=items)
        self.refused("ResourceNotFoundException", "Requested resource not found", self.db.batch_get_item,
                     RequestItems={"no-such-table": {"Keys": [wire({"id": "a"})]}})


class AgainstAModelTest(DynamoDbTest):
    """Random writes, and the same in a dictionary: after them both hold the same."""

    def test_random_writes(self):
        random_source = random.Random(SEED)
        table = self.create("N")
        model = {}
        for step in range(400):
            key = (random_source.choice("abc"), random_source.randrange(5))
            named = {"id": key[0], "pos": key[1]}
            action = random_source.randrange(5)
            if action == 0:
                value = random_source.randrange(100)
                self.put(table, **named, n=value)
                model[key] = {"n": value}
            elif action == 1:
                self.db.delete_item(TableName=table, Key=wire(named))
                model.pop(key, None)
            elif action == 2:
                self.update(table, named, "ADD n :d", {":d": 3})
                model.setdefault(key, {})
                model[key]["n"] = model[key].get("n", 0) + 3
            elif action == 3:
                try:
                    self.update(table, named, "SET x = :x", {":x": step}, ConditionExpression="attribute_exists(n)")
                    self.assertIn("n", model.get(key, {}), f"seed {SEED}, step {step}")
                    model[key]["x"] = step
                except ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "ConditionalCheckFailedException")
                    self.assertNotIn("n", model.get(key, {}), f"seed {SEED}, step {step}")
            else:
                expected = model.get(key)
                found = self.get(table, **named)
                self.assertEqual(found, None if expected is None else {**named, **expected}, f"seed {SEED}, step {step}")
        items = [plain(item) for item in self.db.scan(TableName=table)["Items"]]
        self.assertEqual({(i.pop("id"), int(i.pop("pos"))): i for i in items}, model, f"seed {SEED}")


if __name__ == "__main__":
    unittest.main()
