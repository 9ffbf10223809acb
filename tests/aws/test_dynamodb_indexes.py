"""Indexes, changes of tables, transactions, time to live, tags and the parameters from before expressions, as boto3's
client and resource speak them."""

import json
import os
import random
import sys
import threading
import time
import unittest

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_dynamodb as base  # noqa: E402
from test_dynamodb import DynamoDbTest, plain, server, wire  # noqa: E402

tearDownModule = base.tearDownModule
SEED = base.SEED


def setUpModule():
    server.data = None  # that of the other file's tests is gone
    server.start()


def attribute(name, kind="S"):
    return {"AttributeName": name, "AttributeType": kind}


def keys(hash_key, range_key=None):
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": range_key, "KeyType": "RANGE"}] if range_key else [])


def index(name, hash_key, range_key=None, projection="ALL", included=None):
    made = {"IndexName": name, "KeySchema": keys(hash_key, range_key), "Projection": {"ProjectionType": projection}}
    if included:
        made["Projection"]["NonKeyAttributes"] = included
    return made


class IndexesTest(DynamoDbTest):
    def make(self, attributes=(), global_=(), local=(), **more):
        name = self.name()
        for parameter, given in (("GlobalSecondaryIndexes", global_), ("LocalSecondaryIndexes", local)):
            if given:
                more[parameter] = list(given)
        self.db.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=keys("id", "pos"),
            AttributeDefinitions=[attribute("id"), attribute("pos", "N"), *attributes], **more)
        self.created.append(name)
        return name

    def active(self, table, name=None):
        for _ in range(500):
            described = self.db.describe_table(TableName=table)["Table"]
            found = {each["IndexName"]: each["IndexStatus"] for each in described.get("GlobalSecondaryIndexes", [])}
            if described["TableStatus"] == "ACTIVE" and (name is None or found.get(name) == "ACTIVE"):
                return described
            time.sleep(0.02)
        self.fail(f"{table} is {described}")

    def all_of(self, call, **arguments):
        items = []
        while True:
            answer = call(**arguments)
            items += [plain(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return items
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def test_describes_and_answers(self):
        table = self.make([attribute("city"), attribute("total", "N")],
                          [index("by_city", "city", "total"), index("keys", "city", projection="KEYS_ONLY"),
                           index("some", "city", projection="INCLUDE", included=["note"])],
                          [index("by_total", "id", "total", "KEYS_ONLY")])
        described = self.db.describe_table(TableName=table)["Table"]
        found = {each["IndexName"]: each for each in described["GlobalSecondaryIndexes"]}
        self.assertEqual(found["by_city"]["KeySchema"], keys("city", "total"))
        self.assertEqual(found["some"]["Projection"], {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]})
        self.assertEqual(found["keys"]["IndexArn"], described["TableArn"] + "/index/keys")
        self.assertEqual(described["LocalSecondaryIndexes"][0]["IndexName"], "by_total")
        self.assertEqual({each["AttributeName"] for each in described["AttributeDefinitions"]},
                         {"id", "pos", "city", "total"})
        for number, (city, total) in enumerate([("Rome", 30), ("Rome", -5), ("Oslo", 7), (None, 9)]):
            more = {"city": city} if city else {}
            self.put(table, id="a", pos=number, total=total, note=f"n{number}", rest="r", **more)
        rome = {"TableName": table, "KeyConditionExpression": "city = :c",
                "ExpressionAttributeValues": wire({":c": "Rome"})}
        self.assertEqual([item["pos"] for item in self.all_of(self.db.query, IndexName="by_city", **rome)], [1, 0])
        self.assertEqual([item["pos"] for item in
                          self.all_of(self.db.query, IndexName="by_city", ScanIndexForward=False, Limit=1, **rome)],
                         [0, 1])
        self.assertEqual(self.all_of(self.db.query, IndexName="some", **rome)[0].keys(), {"id", "pos", "city", "note"})
        self.assertEqual(self.all_of(self.db.scan, TableName=table, IndexName="keys")[0].keys(), {"id", "pos", "city"})
        self.assertEqual(self.db.scan(TableName=table, IndexName="keys", Select="COUNT")["Count"], 3)
        local = self.db.query(TableName=table, IndexName="by_total", KeyConditionExpression="id = :i",
                              ExpressionAttributeValues=wire({":i": "a"}), Select="ALL_ATTRIBUTES", ConsistentRead=True,
                              ReturnConsumedCapacity="INDEXES")
        self.assertEqual([plain(item)["rest"] for item in local["Items"]], ["r"] * 4)
        self.assertEqual([plain(item)["pos"] for item in local["Items"]], [1, 2, 3, 0])
        self.assertIn("by_total", local["ConsumedCapacity"]["LocalSecondaryIndexes"])
        described = self.db.describe_table(TableName=table)["Table"]
        self.assertEqual({each["IndexName"]: each["ItemCount"] for each in described["GlobalSecondaryIndexes"]},
                         {"by_city": 3, "keys": 3, "some": 3})

    def test_refuses(self):
        table = self.make([attribute("city")], [index("keys", "city", projection="KEYS_ONLY")])
        key = {"id": "a", "pos": 1}
        rome = {"KeyConditionExpression": "city = :c", "ExpressionAttributeValues": wire({":c": "Rome"})}
        cases = [
            ("Type mismatch for Index Key city Expected: S Actual: N IndexName: keys", self.db.put_item,
             {"Item": wire({**key, "city": 1})}),
            ("cannot contain an empty string value. IndexName: keys, IndexKey: city", self.db.put_item,
             {"Item": wire({**key, "city": ""})}),
            ("Type mismatch for Index Key city", self.db.batch_write_item,
             {"RequestItems": {table: [{"PutRequest": {"Item": wire({**key, "city": 1})}}]}}),
            ("secondary index key to unsupported type", self.db.update_item,
             {"Key": wire(key), "UpdateExpression": "SET city = :c", "ExpressionAttributeValues": wire({":c": 1})}),
            ("The table does not have the specified index: other", self.db.query, {"IndexName": "other", **rome}),
            ("Consistent reads are not supported on global secondary indexes", self.db.query,
             {"IndexName": "keys", "ConsistentRead": True, **rome}),
            ("Global secondary index keys does not project [note]", self.db.query,
             {"IndexName": "keys", "ProjectionExpression": "note", **rome}),
            ("ALL_ATTRIBUTES is not supported for global secondary index keys", self.db.query,
             {"IndexName": "keys", "Select": "ALL_ATTRIBUTES", **rome}),
            ("The provided starting key is invalid", self.db.query,
             {"IndexName": "keys", "ExclusiveStartKey": wire(key), **rome}),
            ("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName", self.db.scan,
             {"Select": "ALL_PROJECTED_ATTRIBUTES"}),
        ]
        for text, call, arguments in cases:
            with self.subTest(text):
                if "RequestItems" not in arguments:
                    arguments["TableName"] = table
                self.refused("ValidationException", text, call, **arguments)
        good = {"TableName": self.name(), "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("id", "pos"),
                "AttributeDefinitions": [attribute("id"), attribute("pos", "N"), attribute("x")]}
        one = index("one", "x")
        cases = [
            ("Duplicate index name: one", {"GlobalSecondaryIndexes": [one, one]}),
            ("List of GlobalSecondaryIndexes is empty", {"GlobalSecondaryIndexes": []}),
            ("Some AttributeDefinitions are not used. AttributeDefinitions: [id, pos, x], keys used: [id, pos]",
             {"GlobalSecondaryIndexes": [index("one", "pos")]}),
            ("not defined in AttributeDefinitions. Keys: [y]", {"GlobalSecondaryIndexes": [index("one", "y")]}),
            ("GlobalSecondaryIndex count exceeds the per-table limit of 20",
             {"GlobalSecondaryIndexes": [index(f"one{i}", "x") for i in range(21)]}),
            ("Number of LocalSecondaryIndexes exceeds per-table limit of 5",
             {"LocalSecondaryIndexes": [index(f"one{i}", "id", "x") for i in range(6)]}),
            ("Index KeySchema does not have a range key for index: one",
             {"LocalSecondaryIndexes": [index("one", "id")], "GlobalSecondaryIndexes": [index("two", "x")]}),
            ("same leading hash key as table KeySchema for index: one",
             {"LocalSecondaryIndexes": [index("one", "x", "pos")]}),
            ("ProjectionType is ALL, but NonKeyAttributes is specified",
             {"GlobalSecondaryIndexes": [index("one", "x", included=["y"])]}),
            ("ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
             {"GlobalSecondaryIndexes": [index("one", "x", projection="INCLUDE")]}),
            ("ProvisionedThroughput should not be specified for index: one",
             {"GlobalSecondaryIndexes": [
                 {**one, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}]}),
        ]
        for text, change in cases:
            with self.subTest(text):
                self.refused("ValidationException", text, self.db.create_table, **{**good, **change})

    def test_one_is_added_to_a_live_table_and_survives_a_crash(self):
        """Writes go on while it is made; after a kill in the middle it is finished, and equals the items."""
        table = self.make()
        seed = random.Random(SEED)
        print(f"seed {SEED}", file=sys.stderr)
        wanted = {}
        for start in range(0, 2000, 25):
            batch = [{"id": f"i{start + i}", "pos": 1, "city": f"c{seed.randrange(5)}"} for i in range(25)]
            wanted.update({item["id"]: item["city"] for item in batch})
            self.db.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": wire(item)}} for item in batch]})
        create = {"AttributeDefinitions": [attribute("city")],
                  "GlobalSecondaryIndexUpdates": [{"Create": index("by_city", "city", projection="KEYS_ONLY")}]}
        made = self.db.update_table(TableName=table, **create)["TableDescription"]["GlobalSecondaryIndexes"]
        self.assertEqual([(each["IndexName"], each["IndexStatus"]) for each in made], [("by_city", "CREATING")])
        for number in range(100):
            name = f"i{seed.randrange(2500)}"
            if number % 3 == 0:
                self.db.delete_item(TableName=table, Key=wire({"id": name, "pos": 1}))
                wanted.pop(name, None)
            else:
                self.put(table, id=name, pos=1, city="new")
                wanted[name] = "new"
            if number == 20:
                server.kill()
                server.start()
                self.db = server.client("dynamodb", parameter_validation=False)
        self.active(table, "by_city")
        found = self.all_of(self.db.scan, TableName=table, IndexName="by_city", Limit=300)
        self.assertEqual({item["id"]: item["city"] for item in found}, wanted)
        self.assertEqual(len(found), len(wanted))
        self.refused("ValidationException", "already exists", self.db.update_table, TableName=table, **create)
        delete = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by_city"}}]}
        self.db.update_table(TableName=table, **delete)
        self.assertNotIn("GlobalSecondaryIndexes", self.db.describe_table(TableName=table)["Table"])
        self.refused("ResourceNotFoundException", "Requested resource not found", self.db.update_table,
                     TableName=table, **delete)

    def test_equals_the_items_whatever_is_killed(self):
        table = self.make([attribute("city"), attribute("total", "N")],
                          [index("by_city", "city", "total"), index("by_total", "total", projection="KEYS_ONLY")])
        seed = random.Random(SEED + 1)
        print(f"seed {SEED + 1}", file=sys.stderr)
        for _ in range(3):
            stop = threading.Event()

            def write(number):
                own = random.Random(SEED + number)
                client = server.client("dynamodb", retries=0)
                while not stop.is_set():
                    key = {"id": f"i{own.randrange(30)}", "pos": own.randrange(2)}
                    try:
                        if own.random() < 0.2:
                            client.delete_item(TableName=table, Key=wire(key))
                        elif own.random() < 0.5:
                            client.put_item(TableName=table, Item=wire(
                                {**key, "city": f"c{own.randrange(3)}", "total": own.randrange(5)}))
                        else:
                            client.update_item(
                                TableName=table, Key=wire(key), UpdateExpression="SET city = :c REMOVE total",
                                ExpressionAttributeValues=wire({":c": f"c{own.randrange(3)}"}))
                    except Exception:
                        return

            threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.2 + seed.random() / 5)
            server.kill()
            stop.set()
            for thread in threads:
                thread.join()
            server.start()
            self.db = server.client("dynamodb", parameter_validation=False)
            items = self.all_of(self.db.scan, TableName=table, ConsistentRead=True)
            order = lambda item: (item["id"], item["pos"])  # noqa: E731
            self.assertEqual(sorted(self.all_of(self.db.scan, TableName=table, IndexName="by_city"), key=order),
                             sorted((item for item in items if "city" in item and "total" in item), key=order))
            self.assertEqual(sorted(map(order, self.all_of(self.db.scan, TableName=table, IndexName="by_total"))),
                             sorted(order(item) for item in items if "total" in item))

    def test_the_resource_queries_it(self):
        name = self.make([attribute("city")], [index("by_city", "city")])
        import boto3
        table = boto3.resource("dynamodb", endpoint_url=server.endpoint, region_name=base.REGION,
                               aws_access_key_id=base.ACCESS_KEY,
                               aws_secret_access_key=base.SECRET_KEY).Table(name)
        with table.batch_writer() as batch:
            for number in range(30):
                batch.put_item(Item={"id": "a", "pos": number, "city": f"c{number % 2}", "even": number % 4 == 0})
        found = table.query(IndexName="by_city", KeyConditionExpression=Key("city").eq("c0"),
                            FilterExpression=Attr("even").eq(True))
        self.assertEqual((found["Count"], found["ScannedCount"]), (8, 15))
        self.assertEqual(table.scan(IndexName="by_city", Select="COUNT")["Count"], 30)

    def protect(self, table, protected):
        """By hand: boto3 of Debian 12 does not know of it."""
        body = json.dumps({"TableName": table, "DeletionProtectionEnabled": protected})
        answer = json.loads(server.request("DynamoDB_20120810.UpdateTable", body, service="dynamodb")[2])
        self.assertEqual(answer["TableDescription"]["DeletionProtectionEnabled"], protected)

    def test_changes_of_a_table(self):
        table = self.make()
        self.refused("ValidationException", "At least one of", self.db.update_table, TableName=table)
        self.refused("ResourceNotFoundException", "not found", self.db.update_table, TableName="missing-table",
                     BillingMode="PAY_PER_REQUEST")
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
        self.refused("ValidationException", "must both be specified", self.db.update_table, TableName=table,
                     BillingMode="PROVISIONED")
        changed = self.db.update_table(TableName=table, BillingMode="PROVISIONED", ProvisionedThroughput=units)
        self.assertEqual(changed["TableDescription"]["ProvisionedThroughput"]["WriteCapacityUnits"], 6)
        self.refused("ValidationException", "will not change", self.db.update_table, TableName=table,
                     ProvisionedThroughput=units)
        self.db.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")
        self.put(table, id="before", pos=1)
        changed = self.db.update_table(
            TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        arn = changed["TableDescription"]["LatestStreamArn"]
        self.refused("ValidationException", "already has an enabled stream", self.db.update_table, TableName=table,
                     StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
        self.put(table, id="after", pos=1)
        streams = server.client("dynamodbstreams")
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        self.assertEqual([plain(record["dynamodb"]["NewImage"])["id"] for record in records], ["after"])
        self.db.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
        self.assertNotIn("StreamSpecification", self.db.describe_table(TableName=table)["Table"])
        self.protect(table, True)
        self.db.update_table(TableName=table, TableClass="STANDARD_INFREQUENT_ACCESS")
        self.refused("ValidationException", "protected against deletion", self.db.delete_table, TableName=table)
        server.kill()
        server.start()
        self.db = server.client("dynamodb", parameter_validation=False)
        self.refused("ValidationException", "protected against deletion", self.db.delete_table, TableName=table)
        described = self.db.describe_table(TableName=table)["Table"]
        self.assertEqual(described["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS")
        self.assertEqual(described["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        self.protect(table, False)
        self.db.delete_table(TableName=table)

    def test_tags(self):
        table = self.make(Tags=[{"Key": "team", "Value": "blue"}])
        arn = self.db.describe_table(TableName=table)["Table"]["TableArn"]
        self.db.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "red"}])
        self.assertEqual(self.db.list_tags_of_resource(ResourceArn=arn)["Tags"],
                         [{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "red"}])
        self.db.untag_resource(ResourceArn=arn, TagKeys=["team", "other"])
        self.assertEqual(self.db.list_tags_of_resource(ResourceArn=arn)["Tags"], [{"Key": "stage", "Value": "test"}])
        self.refused("ValidationException", "Too many tags", self.db.tag_resource, ResourceArn=arn,
                     Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])

    def test_time_to_live(self):
        table = self.make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
        self.put(table, id="early", pos=1, ends=int(time.time()) - 5)
        self.put(table, id="late", pos=1, ends=int(time.time()) + 1000)
        self.assertEqual(self.db.describe_time_to_live(TableName=table)["TimeToLiveDescription"],
                         {"TimeToLiveStatus": "DISABLED"})
        on = {"Enabled": True, "AttributeName": "ends"}
        self.assertEqual(self.db.update_time_to_live(TableName=table, TimeToLiveSpecification=on)[
            "TimeToLiveSpecification"], on)
        self.assertEqual(self.db.describe_time_to_live(TableName=table)["TimeToLiveDescription"],
                         {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"})
        self.refused("ValidationException", "TimeToLive is already enabled", self.db.update_time_to_live,
                     TableName=table, TimeToLiveSpecification=on)
        self.refused("ValidationException", "current AttributeName is ends", self.db.update_time_to_live,
                     TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "other"})
        deadline = time.monotonic() + 20
        while self.get(table, id="early", pos=1) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual([item["id"] for item in self.all_of(self.db.scan, TableName=table)], ["late"])
        self.assertNotIn("LocalSecondaryIndexes", self.db.describe_table(TableName=table)["Table"])
        arn = self.db.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        streams = server.client("dynamodbstreams")
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        self.assertEqual([record.get("userIdentity") for record in records],
                         [None, None, {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}])
        self.db.update_time_to_live(TableName=table, TimeToLiveSpecification={**on, "Enabled": False})


class TransactionsTest(DynamoDbTest):
    def test_all_or_nothing(self):
        table = self.create()
        self.put(table, id="a", n=1)
        self.put(table, id="c", n=1)
        write = [
            {"Update": {"TableName": table, "Key": wire({"id": "a"}), "UpdateExpression": "SET n = n + :one",
                        "ExpressionAttributeValues": wire({":one": 1})}},
            {"Put": {"TableName": table, "Item": wire({"id": "b", "n": 5}),
                     "ConditionExpression": "attribute_not_exists(id)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
            {"Delete": {"TableName": table, "Key": wire({"id": "c"})}},
            {"ConditionCheck": {"TableName": table, "Key": wire({"id": "d"}),
                                "ConditionExpression": "attribute_not_exists(id)"}},
        ]
        answer = self.db.transact_write_items(TransactItems=write, ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": table, "CapacityUnits": 8.0}])
        self.assertEqual((self.get(table, id="a")["n"], self.get(table, id="b")["n"], self.get(table, id="c")),
                         (2, 5, None))
        with self.assertRaises(ClientError) as caught:
            self.db.transact_write_items(TransactItems=write)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], "TransactionCanceledException")
        self.assertIn("[None, ConditionalCheckFailed, None, None]", response["Error"]["Message"])
        self.assertEqual([reason["Code"] for reason in response["CancellationReasons"]],
                         ["None", "ConditionalCheckFailed", "None", "None"])
        self.assertEqual(plain(response["CancellationReasons"][1]["Item"]), {"id": "b", "n": 5})
        self.assertEqual(self.get(table, id="a")["n"], 2)
        got = self.db.transact_get_items(TransactItems=[
            {"Get": {"TableName": table, "Key": wire({"id": name}), "ProjectionExpression": "n"}} for name in "abc"])
        self.assertEqual([plain(each["Item"]) if "Item" in each else None for each in got["Responses"]],
                         [{"n": 2}, {"n": 5}, None])

    def test_a_token_makes_it_once(self):
        table = self.create()
        add = {"TransactItems": [{"Update": {"TableName": table, "Key": wire({"id": "a"}), "UpdateExpression": "ADD n :one",
                                             "ExpressionAttributeValues": wire({":one": 1})}}],
               "ClientRequestToken": f"token-{table}"}
        for _ in range(3):
            self.db.transact_write_items(**add)
        self.assertEqual(self.get(table, id="a")["n"], 1)
        other = {**add, "TransactItems": [{"Delete": {"TableName": table, "Key": wire({"id": "a"})}}]}
        self.refused("IdempotentParameterMismatchException", "", self.db.transact_write_items, **other)
        server.kill()
        server.start()
        self.db = server.client("dynamodb", parameter_validation=False)
        self.db.transact_write_items(**add)
        self.assertEqual(self.get(table, id="a")["n"], 1)

    def test_refuses(self):
        table = self.create()
        put = {"Put": {"TableName": table, "Item": wire({"id": "a"})}}
        cases = [
            ("ValidationException", "have length greater than or equal to 1", []),
            ("ValidationException", "multiple operations on one item", [put, put]),
            ("ValidationException", "Invalid UpdateExpression", [
                {"Update": {"TableName": table, "Key": wire({"id": "a"}), "UpdateExpression": "SET"}}]),
            ("TransactionCanceledException", "[ValidationError, None]", [
                {"Put": {"TableName": table, "Item": wire({"other": 1})}}, put]),
            ("ResourceNotFoundException", "", [{"Put": {"TableName": "missing-table", "Item": wire({"id": "a"})}}]),
        ]
        for code, text, items in cases:
            with self.subTest(text):
                self.refused(code, text, self.db.transact_write_items, TransactItems=items)
        self.assertIsNone(self.get(table, id="a"))

    def test_money_is_neither_made_nor_lost(self):
        """Transfers from many clients at once; each reader sees the sum."""
        table = self.create()
        accounts = [f"a{number}" for number in range(6)]
        for account in accounts:
            self.put(table, id=account, n=100)

        def transfer(number):
            own = random.Random(SEED + number)
            client = server.client("dynamodb")
            for _ in range(40):
                source, target = own.sample(accounts, 2)
                amount = wire({":x": own.randrange(60)})
                try:
                    client.transact_write_items(TransactItems=[
                        {"Update": {"TableName": table, "Key": wire({"id": source}), "UpdateExpression": "SET n = n - :x",
                                    "ConditionExpression": "n >= :x", "ExpressionAttributeValues": amount}},
                        {"Update": {"TableName": table, "Key": wire({"id": target}), "UpdateExpression": "SET n = n + :x",
                                    "ExpressionAttributeValues": amount}}])
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "TransactionCanceledException", error

        threads = [threading.Thread(target=transfer, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        gets = [{"Get": {"TableName": table, "Key": wire({"id": account})}} for account in accounts]
        while any(thread.is_alive() for thread in threads):
            seen = [plain(each["Item"])["n"] for each in self.db.transact_get_items(TransactItems=gets)["Responses"]]
            self.assertEqual(sum(seen), 600)
            self.assertGreaterEqual(min(seen), 0)
        for thread in threads:
            thread.join()


class LegacyTest(DynamoDbTest):
    def test_writes(self):
        table = self.create()
        new = {"TableName": table, "Item": wire({"id": "a", "version": 1}), "Expected": {"id": {"Exists": False}}}
        self.db.put_item(**new)
        self.refused("ConditionalCheckFailedException", "", self.db.put_item, **new)
        updated = self.db.update_item(
            TableName=table, Key=wire({"id": "a"}), ReturnValues="ALL_NEW",
            AttributeUpdates={"version": {"Value": {"N": "2"}}, "owner": {"Action": "PUT", "Value": {"S": "x"}},
                              "count": {"Action": "ADD", "Value": {"N": "3"}}, "gone": {"Action": "DELETE"}},
            Expected={"version": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}]},
                      "owner": {"Exists": False}})
        self.assertEqual(plain(updated["Attributes"]), {"id": "a", "version": 2, "owner": "x", "count": 3})
        self.refused("ConditionalCheckFailedException", "", self.db.delete_item, TableName=table, Key=wire({"id": "a"}),
                     Expected={"owner": {"Value": {"S": "y"}}})
        self.db.delete_item(TableName=table, Key=wire({"id": "a"}), ConditionalOperator="OR",
                            Expected={"owner": {"Value": {"S": "y"}}, "version": {"Value": {"N": "2"}}})
        self.assertIsNone(self.get(table, id="a"))

    def test_reads(self):
        table = self.create("N")
        for number in range(6):
            self.put(table, id="a", pos=number, x=f"x{number}", y=number % 2)
        self.assertEqual(plain(self.db.get_item(TableName=table, Key=wire({"id": "a", "pos": 1}),
                                                AttributesToGet=["x", "missing"])["Item"]), {"x": "x1"})
        batch = self.db.batch_get_item(RequestItems={table: {"Keys": [wire({"id": "a", "pos": 2})],
                                                             "AttributesToGet": ["y"]}})
        self.assertEqual(plain(batch["Responses"][table][0]), {"y": 0})
        found = self.db.query(
            TableName=table, AttributesToGet=["pos"],
            KeyConditions={"id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
                           "pos": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}, {"N": "4"}]}},
            QueryFilter={"y": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "0"}]}})
        self.assertEqual([plain(item) for item in found["Items"]], [{"pos": 2}, {"pos": 4}])
        found = self.db.scan(
            TableName=table, ConditionalOperator="OR",
            ScanFilter={"x": {"ComparisonOperator": "IN", "AttributeValueList": [{"S": "x0"}, {"S": "x5"}]},
                        "pos": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "3"}]}})
        self.assertEqual(sorted(plain(item)["pos"] for item in found["Items"]), [0, 3, 5])
        self.refused("ValidationException", "Can not use both expression and non-expression parameters", self.db.query,
                     TableName=table, FilterExpression="y = :y", ExpressionAttributeValues=wire({":y": 0}),
                     KeyConditions={"id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}})
        self.refused("ValidationException", "not an indexable operation", self.db.query, TableName=table,
                     KeyConditions={"id": {"ComparisonOperator": "NE", "AttributeValueList": [{"S": "a"}]}})


# The tests of the base class are its own file's.
del DynamoDbTest

if __name__ == "__main__":
    unittest.main()
