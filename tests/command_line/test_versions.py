"""What earlier versions have stored is served by this one: tests/versions holds their data directories."""

import json
import os
import pathlib
import tarfile
import tempfile
import time
import unittest

import server

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "versions"
CLICKS = 200
MORE = 30
PRODUCTS = 5
VISITORS = 9
START_MS = 1_790_000_000_000


def table(name, hash_key, range_key=None, feed=None):
    keys = [hash_key] + ([range_key] if range_key else [])
    made = {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in keys],
            "KeySchema": [{"AttributeName": key, "KeyType": role} for (key, _), role in zip(keys, ("HASH", "RANGE"))]}
    if feed:
        made["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": feed}
    return made


TABLES = [table("Products", ("id", "S"), ("part", "N"), "NEW_AND_OLD_IMAGES"), table("Counts", ("product", "S")),
          table("Windows", ("product", "S"), ("window_start", "N"))]
ITEMS = [
    {"id": {"S": "kettle"}, "part": {"N": "1"}, "price": {"N": "12.50"}, "tags": {"SS": ["red", "steel"]},
     "sizes": {"NS": ["1", "2.5"]}, "photo": {"B": b"\x00\xff"}, "photos": {"BS": [b"a", b"b"]},
     "more": {"M": {"old": {"BOOL": True}, "none": {"NULL": True}, "list": {"L": [{"N": "-1e-20"}, {"S": "ü😀"}]}}}},
    {"id": {"S": "kettle"}, "part": {"N": "-2"}, "price": {"N": "0"}},
    {"id": {"S": "lamp"}, "part": {"N": "1e30"}, "text": {"S": "x" * 3000}},
]


def click(number):
    return json.dumps({"product": f"p{number % PRODUCTS}", "visitor": f"v{number % VISITORS}",
                       "ms": START_MS + number * 100})


def counts_of(clicks):
    found = {}
    for number in range(clicks):
        n, visitors = found.setdefault(f"p{number % PRODUCTS}", [0, set()])
        found[f"p{number % PRODUCTS}"] = [n + 1, visitors | {number % VISITORS}]
    return {product: (n, len(visitors)) for product, (n, visitors) in found.items()}


def windows_of(clicks):
    """Those that are closed: the watermark is a second behind the last click."""
    closed_ms = START_MS + (clicks - 1) * 100 - 1000
    found = {}
    for number in range(clicks):
        start = (START_MS + number * 100) // 10_000 * 10_000
        if start + 10_000 <= closed_ms:
            key = (f"p{number % PRODUCTS}", start)
            found[key] = found.get(key, 0) + 1
    return found


def counts(dynamodb):
    return {item["product"]["S"]: (int(item["n"]["N"]), int(item["visitors"]["N"]))
            for item in dynamodb.scan(TableName="Counts", ConsistentRead=True)["Items"]}


def windows(dynamodb):
    return {(item["product"]["S"], int(item["window_start"]["N"])): int(item["n"]["N"])
            for item in dynamodb.scan(TableName="Windows", ConsistentRead=True)["Items"]}


class Versions(unittest.TestCase):
    def check(self, archive):
        running = server.Server()
        running.data = tempfile.mkdtemp(prefix="millrace-test-")
        self.addCleanup(running.stop)
        with tarfile.open(archive) as packed:
            packed.extractall(running.data)
        running.start()
        kinesis, dynamodb = running.client("kinesis"), running.client("dynamodb")
        self.assertEqual(sorted(dynamodb.list_tables()["TableNames"]), ["Counts", "Products", "Windows"])
        found = dynamodb.scan(TableName="Products", ConsistentRead=True)["Items"]

        def plain(items):
            return sorted(json.dumps(item, sort_keys=True, default=lambda value: value.hex()) for item in items)

        for item in found:
            for name in ("tags", "sizes", "photos"):
                for values in item.get(name, {}).values():
                    values.sort()
        wanted = json.loads(json.dumps(ITEMS, default=lambda value: value.hex()))
        for item in wanted:
            item.get("price", {}).update({"N": "12.5"} if item.get("price") == {"N": "12.50"} else {})
            item.get("part", {}).update(
                {"N": "1" + "0" * 30} if item["part"] == {"N": "1e30"} else {})
            if "more" in item:
                item["more"]["M"]["list"]["L"][0]["N"] = "-0.00000000000000000001"
        self.assertEqual(plain(found), plain(wanted))

        self.assertEqual(counts(dynamodb), counts_of(CLICKS))
        # What is read again from the stream, and the job, which goes on where it was.
        for number in range(CLICKS, CLICKS + MORE):
            kinesis.put_record(StreamName="clicks", PartitionKey=str(number), Data=click(number))
        texts = []
        for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            texts += [record["Data"].decode() for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
        self.assertTrue(set(texts) >= {click(number) for number in range(CLICKS, CLICKS + MORE)})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and counts(dynamodb) != counts_of(CLICKS + MORE):
            time.sleep(0.05)
        self.assertEqual(counts(dynamodb), counts_of(CLICKS + MORE))
        while time.monotonic() < deadline and windows(dynamodb) != windows_of(CLICKS + MORE):
            time.sleep(0.05)
        self.assertEqual(windows(dynamodb), windows_of(CLICKS + MORE))
        dynamodb.put_item(TableName="Products", Item={"id": {"S": "new"}, "part": {"N": "1"}})

    def test_every_version_is_served(self):
        archives = sorted(FOLDER.glob("*.tar.gz"))
        self.assertGreater(len(archives), 0)
        for archive in archives:
            with self.subTest(archive.name):
                self.check(archive)


if __name__ == "__main__":
    unittest.main()
