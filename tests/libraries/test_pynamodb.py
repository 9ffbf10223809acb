"""PynamoDB, the object mapper, as its users have it: models with indexes, versions, transactions, time to live."""

import datetime
import time
import unittest

import server
from pynamodb.attributes import (ListAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute, UnicodeSetAttribute,
                                 UTCDateTimeAttribute, VersionAttribute)
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite


class OrdersOfBuyer(GlobalSecondaryIndex):
    class Meta:
        index_name = "of-buyer"
        projection = AllProjection()
        read_capacity_units = 1
        write_capacity_units = 1

    buyer = UnicodeAttribute(hash_key=True)
    paid = NumberAttribute(range_key=True)


class LinesByPrice(LocalSecondaryIndex):
    class Meta:
        index_name = "by-price"
        projection = KeysOnlyProjection()

    order = UnicodeAttribute(hash_key=True)
    price = NumberAttribute(range_key=True)


class Order(Model):
    class Meta:
        table_name = "Orders"
        region = server.REGION
        aws_access_key_id = server.ACCESS_KEY
        aws_secret_access_key = server.SECRET_KEY
        max_retry_attempts = 0
        billing_mode = "PAY_PER_REQUEST"

    id = UnicodeAttribute(hash_key=True)
    buyer = UnicodeAttribute()
    paid = NumberAttribute(default=0)
    tags = UnicodeSetAttribute(null=True)
    notes = ListAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)
    ends = TTLAttribute(null=True)
    version = VersionAttribute()
    of_buyer = OrdersOfBuyer()


class Line(Model):
    class Meta(Order.Meta):
        table_name = "Lines"

    order = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    price = NumberAttribute()
    by_price = LinesByPrice()


class PynamoDb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = server.Server().start()
        cls.addClassCleanup(cls.running.stop)
        for model in (Order, Line):
            model.Meta.host = cls.running.endpoint
            model.create_table(wait=True)

    def test_items_come_back_as_they_were(self):
        at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)
        Order("1", buyer="ann", paid=19.99, tags={"a", "b"}, notes=[1, "two"], at=at).save()
        order = Order.get("1", consistent_read=True)
        self.assertEqual((order.buyer, order.paid, order.tags, list(order.notes), order.at, order.version),
                         ("ann", 19.99, {"a", "b"}, [1, "two"], at, 1))
        with self.assertRaises(DoesNotExist):
            Order.get("none")

    def test_a_version_keeps_writers_from_each_other(self):
        Order("2", buyer="ann").save()
        mine, other = Order.get("2"), Order.get("2")
        mine.update(actions=[Order.paid.set(Order.paid + 5), Order.tags.add({"new"})])
        self.assertEqual((mine.paid, mine.version), (5, 2))
        other.paid = 7
        with self.assertRaises(PutError) as refused:
            other.save()
        self.assertEqual(refused.exception.cause_response_code, "ConditionalCheckFailedException")
        self.assertEqual(Order.get("2").paid, 5)

    def test_indexes_are_queried_in_their_order(self):
        with Order.batch_write() as batch:
            for i in range(30):
                batch.save(Order(f"b{i}", buyer="bob", paid=30 - i))
        found = [order.paid for order in Order.of_buyer.query("bob", Order.paid.between(6, 10), scan_index_forward=False)]
        self.assertEqual(found, [10, 9, 8, 7, 6])
        pages = Order.of_buyer.query("bob", page_size=7)
        self.assertEqual([order.paid for order in pages], list(range(1, 31)))
        for number in range(10):
            Line("o", number, price=10 - number).save()
        self.assertEqual([line.number for line in Line.by_price.query("o", Line.price <= 3)], [9, 8, 7])
        self.assertEqual(Line.count("o", Line.number > 4), 5)

    def test_conditions_and_filters(self):
        Order("3", buyer="cy", paid=3, tags={"x"}).save()
        with self.assertRaises(PutError):
            Order("3", buyer="dan").save(Order.id.does_not_exist())
        self.assertEqual([order.id for order in Order.scan((Order.buyer == "cy") & Order.tags.contains("x"))], ["3"])
        order = Order.get("3")
        order.update(actions=[Order.notes.set(["first"]), Order.tags.remove()], condition=Order.paid.is_in(3, 4))
        order.update(actions=[Order.notes.set(Order.notes.append(["second"]))])
        self.assertEqual((list(Order.get("3").notes), Order.get("3").tags), (["first", "second"], None))
        order.delete(condition=Order.paid == 3)
        with self.assertRaises(DoesNotExist):
            Order.get("3")

    def test_transactions_are_whole(self):
        connection = Connection(host=self.running.endpoint, region=server.REGION, max_retry_attempts=0)
        connection.session.set_credentials(server.ACCESS_KEY, server.SECRET_KEY)
        with TransactWrite(connection=connection, client_request_token="once") as transaction:
            transaction.save(Order("t1", buyer="eve", paid=1))
            transaction.save(Line("t1", 1, price=1))
        with self.assertRaises(TransactWriteError) as refused:
            with TransactWrite(connection=connection) as transaction:
                transaction.condition_check(Order, "t1", condition=Order.paid == 2)
                transaction.update(Line("t1", 1), actions=[Line.price.set(9)])
        self.assertEqual([reason and reason.code for reason in refused.exception.cancellation_reasons],
                         ["ConditionalCheckFailed", None])
        with TransactGet(connection=connection) as transaction:
            order, line = transaction.get(Order, "t1"), transaction.get(Line, "t1", 1)
        self.assertEqual((order.get().paid, line.get().price), (1, 1))

    def test_many_are_got_at_once(self):
        keys = [f"g{i}" for i in range(120)]
        with Order.batch_write() as batch:
            for key in keys:
                batch.save(Order(key, buyer="gil"))
        self.assertEqual({order.id for order in Order.batch_get(keys + ["absent"])}, set(keys))

    def test_create_table_switches_time_to_live_on(self):
        Order("gone", buyer="hal", ends=datetime.timedelta(seconds=-5)).save()
        deadline = time.monotonic() + 30
        while Order.count("gone") and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(Order.count("gone"), 0)


if __name__ == "__main__":
    unittest.main()
