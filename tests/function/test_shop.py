"""The two functions of the shop, as examples/shop/millrace.toml configures them: prices and their history stay one
consistent chain while the processes and the server are killed, and fast visitors are marked exactly."""

import json
import math
import os
import random
import signal
import sys
import time
import unittest
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "aws"))
from server import ROOT, Server  # noqa: E402

WAIT_SECONDS = 60
NOON_MS = 1_700_000_000_000
KEYS = {
    "ProductDemand": ["product_id"],
    "ProductCatalog": ["product_id"],
    "PriceHistory": ["product_id", "version"],
    "FlaggedVisitors": ["visitor_id"],
}


class Product:
    """Its demand: the decayed counts that the pricing job would write."""

    def __init__(self, product_id, list_price):
        self.product_id = product_id
        self.list_price = Decimal(list_price)
        self.fast = self.slow = 0.0
        self.now_ms = NOON_MS

    def views(self, count, after_ms):
        self.fast = self.fast * math.exp2(-after_ms / 5_000) + count
        self.slow = self.slow * math.exp2(-after_ms / 60_000) + count
        self.now_ms += after_ms
        return self

    def row(self):
        number = {"views": self.fast, "cart_adds": 0, "units": 0, "slow_views": self.slow, "slow_cart_adds": 0,
                  "slow_units": 0, "list_price": self.list_price, "stock": 100, "first_event_ms": NOON_MS,
                  "last_event_ms": self.now_ms}
        return {"product_id": {"S": self.product_id}, **{name: {"N": str(value)} for name, value in number.items()}}


class ShopTest(unittest.TestCase):
    def setUp(self):
        if os.environ.get("MILLRACE_ENDPOINT"):
            self.skipTest("functions are configured in a server that the test starts itself")
        configuration = os.path.join(ROOT, "examples", "shop", "millrace.toml")
        self.server = Server(["--config", configuration]).start()
        self.connect()
        for name, key in KEYS.items():
            types = {attribute: "N" if attribute == "version" else "S" for attribute in key}
            self.dynamodb.create_table(
                TableName=name, BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in types.items()],
                KeySchema=[{"AttributeName": a, "KeyType": k} for a, k in zip(key, ["HASH", "RANGE"])])

    def tearDown(self):
        self.server.stop()

    def connect(self):
        self.dynamodb = self.server.client("dynamodb", retries=5)
        self.kinesis = self.server.client("kinesis", retries=5)

    def given_products(self, *products):
        for product in products:
            self.dynamodb.put_item(TableName="ProductCatalog", Item={
                "product_id": {"S": product.product_id}, "list_price": {"N": str(product.list_price)},
                "price": {"N": str(product.list_price)}, "price_version": {"N": "0"}})

    def put(self, product):
        self.dynamodb.put_item(TableName="ProductDemand", Item=product.row())

    def scan(self, name):
        return self.dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]

    def catalog(self, product):
        key = {"product_id": {"S": product.product_id}}
        return self.dynamodb.get_item(TableName="ProductCatalog", Key=key, ConsistentRead=True)["Item"]

    def history(self, product):
        return self.dynamodb.query(TableName="PriceHistory", KeyConditionExpression="product_id = :p",
                                   ExpressionAttributeValues={":p": {"S": product.product_id}},
                                   ConsistentRead=True)["Items"]

    def wait_for(self, what, condition):
        deadline = time.monotonic() + WAIT_SECONDS
        while not (value := condition()):
            self.assertLess(time.monotonic(), deadline, f"waited in vain for {what}: {self.server.messages()}")
            time.sleep(0.01)
        return value

    def kill_function(self, command):
        """Kills the process of a function as the machine might; False if there is none right now."""
        for process in os.listdir("/proc"):
            try:
                with open(f"/proc/{process}/cmdline") as f:
                    words = f.read().split("\0")
                with open(f"/proc/{process}/stat") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                if words[:2] == ["millrace", command] and parent == self.server.process.pid:
                    os.kill(int(process), signal.SIGKILL)
                    return True
            except (OSError, ValueError, IndexError):
                continue
        return False

    def expect_chain(self, product):
        """Every price follows from the one before it, within the guardrails, and the catalog has the last one."""
        price = product.list_price
        changed_ms = None
        for version, item in enumerate(self.history(product), 1):
            self.assertEqual(int(item["version"]["N"]), version)
            self.assertEqual(Decimal(item["price_before"]["N"]), price)
            now = Decimal(item["price_after"]["N"])
            self.assertGreaterEqual(now, product.list_price * Decimal("0.7"))
            self.assertLessEqual(now, product.list_price * Decimal("1.6"))
            self.assertLessEqual(abs(now - price), price * Decimal("0.1"))
            at_ms = int(item["caused_by_event_ms"]["N"])
            if changed_ms is not None:
                self.assertGreaterEqual(at_ms - changed_ms, 500)
            price, changed_ms = now, at_ms
        catalog = self.catalog(product)
        self.assertEqual(Decimal(catalog["price"]["N"]), price)
        self.assertEqual(int(catalog["price_version"]["N"]), len(self.history(product)))
        if changed_ms is not None:
            self.assertEqual(int(catalog["priced_ms"]["N"]), changed_ms)
        return price

    def test_a_rush_raises_a_price_and_says_why(self):
        calm, rushing = Product("calm", "50"), Product("rushing", "80")
        self.given_products(calm, rushing)
        for _ in range(40):
            self.put(calm.views(5, 500))
            self.put(rushing.views(5, 500))
        self.put(rushing.views(200, 300))
        self.put(calm.views(3, 300))
        history = self.wait_for("a price", lambda: self.history(rushing))
        self.assertEqual(history[0]["price_after"]["N"], "88")
        self.assertRegex(history[0]["reason"]["S"], r"^demand \d+(\.\d)? × its usual: raised, limited by the largest step$")
        self.assertEqual(history[0]["guardrails"]["L"], [{"S": "step"}])
        self.assertEqual(self.catalog(rushing)["price_reason"], history[0]["reason"])
        self.assertEqual(self.history(calm), [])

    def test_prices_stay_one_chain_while_everything_is_killed(self):
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        products = [Product(f"p-{i}", str(10 + i)) for i in range(8)]
        self.given_products(*products)
        killed = 0
        with self.subTest(seed=seed):
            for step in range(120):
                for product in products:
                    rush = product.product_id in ("p-1", "p-5") and 40 <= step < 80
                    self.put(product.views(chance.randint(150, 250) if rush else chance.randint(4, 6), 300))
                if step % 12 == 7:
                    killed += self.kill_function("reprice")
                if step in (50, 90):
                    self.server.restart()
                    self.connect()
            self.assertGreater(killed, 0)
            # The last word on a product nobody has touched yet comes when everything before it was handled.
            last = Product("last", "100").views(100, 10_000).views(300, 10_000)
            last.slow += 100
            self.given_products(last)
            self.put(last)
            self.wait_for("the last price", lambda: self.history(last))
            prices = {product.product_id: self.expect_chain(product) for product in products}
            self.assertGreaterEqual(len(self.history(products[1])), 5)
            self.assertLess(prices["p-0"], Decimal("11"))

    def test_fast_visitors_are_marked(self):
        self.kinesis.create_stream(StreamName="clickstream", ShardCount=2)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="clickstream", WaiterConfig={"Delay": 1})
        clicks = []
        for i in range(200):
            clicks.append(("bot", NOON_MS + i * 50))
            if i % 10 == 0:
                clicks.append(("person", NOON_MS + i * 50))
        for at in range(0, len(clicks), 50):
            self.kinesis.put_records(StreamName="clickstream", Records=[
                {"PartitionKey": visitor, "Data": json.dumps({
                    "event_id": f"e-{at + i}", "event_type": "view", "product_id": "p", "visitor_id": visitor,
                    "event_ms": event_ms, "price": 1.5}).encode()}
                for i, (visitor, event_ms) in enumerate(clicks[at:at + 50])])
        last_ms = str(NOON_MS + 199 * 50)
        flagged = self.wait_for("the last click", lambda: [
            item for item in self.scan("FlaggedVisitors") if item["last_flagged_ms"]["N"] == last_ms])
        self.assertEqual(self.scan("FlaggedVisitors"), [{
            "visitor_id": {"S": "bot"}, "first_flagged_ms": {"N": str(NOON_MS + 12 * 50)},
            "last_flagged_ms": {"N": last_ms}, "clicks": {"N": "40"}, "flags": {"N": "1"}}])
        self.assertEqual(len(flagged), 1)


if __name__ == "__main__":
    unittest.main()
