"""Powertools for AWS Lambda: its idempotency layer keeps what it knows in a table."""

import os
import time
import unittest

import server

os.environ.setdefault("AWS_DEFAULT_REGION", server.REGION)
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError


class Idempotency(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = server.Server().start()
        cls.addClassCleanup(cls.running.stop)
        cls.tables = cls.running.client("dynamodb")
        cls.tables.create_table(TableName="Seen", BillingMode="PAY_PER_REQUEST",
                                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
        cls.tables.update_time_to_live(TableName="Seen", TimeToLiveSpecification={
            "Enabled": True, "AttributeName": "expiration"})

    def guarded(self, function, seconds=3600):
        layer = DynamoDBPersistenceLayer(table_name="Seen", boto3_client=self.tables)
        config = IdempotencyConfig(expires_after_seconds=seconds, use_local_cache=False)
        return idempotent_function(function, data_keyword_argument="order", persistence_store=layer, config=config)

    def test_what_was_done_is_not_done_again(self):
        done = []

        def pay(order):
            done.append(order["id"])
            return {"paid": order["id"]}

        paid = self.guarded(pay)
        self.assertEqual([paid(order={"id": i})["paid"] for i in (1, 1, 2, 1)], [1, 1, 2, 1])
        self.assertEqual(done, [1, 2])

    def test_what_failed_is_tried_again_and_what_is_under_way_is_left(self):
        calls = []

        def ship(order):
            calls.append(order)
            if len(calls) == 1:
                raise ValueError("no van")
            if len(calls) == 2:
                with self.assertRaises(IdempotencyAlreadyInProgressError):
                    shipped(order=order)
            return "shipped"

        shipped = self.guarded(ship)
        with self.assertRaises(ValueError):
            shipped(order={"id": 9})
        self.assertEqual(shipped(order={"id": 9}), "shipped")
        self.assertEqual(len(calls), 2)

    def test_it_is_forgotten_in_time(self):
        done = []

        def count(order):
            done.append(order)
            return len(done)

        counted = self.guarded(count, seconds=1)
        self.assertEqual(counted(order={"id": "soon"}), 1)
        time.sleep(2.1)
        self.assertEqual(counted(order={"id": "soon"}), 2)


if __name__ == "__main__":
    unittest.main()
