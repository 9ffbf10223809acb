"""Enhanced fan-out as boto3 speaks it: consumers, and what SubscribeToShard sends them."""

import http.client
import json
import os
import queue
import socket
import statistics
import sys
import threading
import time
import unittest

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cbor  # noqa: E402
from server import ACCESS_KEY, REGION, SECRET_KEY, Server  # noqa: E402

server = Server()
PATIENCE = 15


def setUpModule():
    server.start()


def tearDownModule():
    server.stop()


def messages_of(connection):
    """The messages of the event stream that a connection is answered with, as they come."""
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream", answer.headers
    buffer = EventStreamBuffer()
    while data := answer.read1(1 << 16):
        buffer.add_data(data)
        yield from buffer


class Subscription:
    """A call of SubscribeToShard whose events a thread gathers."""

    def __init__(self, client, consumer, position, shard="shardId-000000000000"):
        self.answer = client.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition=position)
        self.stream = self.answer["EventStream"]
        self.events = queue.Queue()
        self.error = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for event in self.stream:
                self.events.put((time.perf_counter(), event["SubscribeToShardEvent"]))
        except Exception as error:
            self.error = error
        self.ended.set()

    def event(self):
        return self.events.get(timeout=PATIENCE)[1]

    def records(self, count):
        """The next `count` records and the event that has the last of them."""
        found = []
        while len(found) < count:
            event = self.event()
            found += event["Records"]
        return found, event

    def close(self):
        # Its thread is waiting for bytes of the socket: shut down, it has them all.
        try:
            self.stream._raw_stream._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):  # it has ended already
            pass
        self.thread.join(PATIENCE)
        self.stream.close()


class FanOutTest(unittest.TestCase):
    names = 0

    def setUp(self):
        self.kinesis = server.client("kinesis", max_pool_connections=50)
        self.created = []

    def tearDown(self):
        for name in self.created:
            try:
                self.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
            except ClientError:
                pass
        self.kinesis.close()

    def create(self, shards=1):
        FanOutTest.names += 1
        name = f"fan-out-{os.getpid()}-{FanOutTest.names}"
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.created.append(name)
        return name, self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]

    def register(self, arn, name="one"):
        return self.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"]["ConsumerARN"]

    def subscribe(self, consumer, kind="LATEST", client=None, shard="shardId-000000000000", **more):
        subscription = Subscription(client or self.kinesis, consumer, {"Type": kind, **more}, shard)
        self.addCleanup(subscription.close)
        return subscription

    def put(self, name, *data):
        return [self.kinesis.put_record(StreamName=name, Data=each, PartitionKey="k")["SequenceNumber"] for each in data]

    def raw(self, consumer, finish=False, coding="application/x-amz-json-1.1", encode=json.dumps):
        """The connection of a subscription that nobody reads."""
        body = encode({"ConsumerARN": consumer, "ShardId": "shardId-000000000000",
                       "StartingPosition": {"Type": "TRIM_HORIZON"}})
        request = botocore.awsrequest.AWSRequest(
            method="POST", url=server.endpoint + "/", data=body,
            headers={"Content-Type": coding, "X-Amz-Target": "Kinesis_20131202.SubscribeToShard"})
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET_KEY), "kinesis",
                                REGION).add_auth(request)
        connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.request("POST", "/", body=body, headers=dict(request.headers.items()))
        self.addCleanup(connection.close)
        if finish:
            connection.sock.shutdown(socket.SHUT_WR)
        return connection

    def assert_refused(self, error_name, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], error_name, caught.exception)
        return str(caught.exception)


class ConsumersTest(FanOutTest):
    def test_a_consumers_life(self):
        name, arn = self.create()
        made = self.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="audit")["Consumer"]
        self.assertEqual(made["ConsumerName"], "audit")
        self.assertIn(made["ConsumerStatus"], ("CREATING", "ACTIVE"))
        epoch = int(made["ConsumerCreationTimestamp"].timestamp())
        self.assertEqual(made["ConsumerARN"], f"{arn}/consumer/audit:{epoch}")
        by_arn = self.kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
        by_name = self.kinesis.describe_stream_consumer(StreamARN=arn, ConsumerName="audit")["ConsumerDescription"]
        self.assertEqual(by_arn, by_name)
        self.assertEqual(by_arn, {**made, "StreamARN": arn, "ConsumerStatus": "ACTIVE"})
        self.assertIn("audit", self.assert_refused(
            "ResourceInUseException", self.kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="audit"))
        summary = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.assertEqual(summary["ConsumerCount"], 1)
        self.kinesis.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
        self.assert_refused("ResourceNotFoundException", self.kinesis.describe_stream_consumer,
                            ConsumerARN=made["ConsumerARN"])
        self.assertEqual(self.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"], [])

    def test_there_are_at_most_twenty_and_they_are_listed_in_pages(self):
        name, arn = self.create()
        names = [f"consumer-{i:02}" for i in range(20)]
        for each in names:
            self.register(arn, each)
        self.assert_refused("LimitExceededException", self.kinesis.register_stream_consumer, StreamARN=arn,
                            ConsumerName="one-more")
        pages = list(self.kinesis.get_paginator("list_stream_consumers").paginate(
            StreamARN=arn, PaginationConfig={"PageSize": 7}))
        self.assertEqual([len(page["Consumers"]) for page in pages], [7, 7, 6])
        self.assertEqual([each["ConsumerName"] for page in pages for each in page["Consumers"]], names)
        self.assert_refused("InvalidArgumentException", self.kinesis.list_stream_consumers, StreamARN=arn,
                            NextToken="no token!")
        created = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "StreamCreationTimestamp"]
        self.assertEqual(len(self.kinesis.list_stream_consumers(
            StreamARN=arn, StreamCreationTimestamp=created)["Consumers"]), 20)
        self.assert_refused("ResourceNotFoundException", self.kinesis.list_stream_consumers, StreamARN=arn,
                            StreamCreationTimestamp=1)

    def test_they_survive_a_crash(self):
        _, arn = self.create()
        kept, gone = self.register(arn, "kept"), self.register(arn, "gone")
        self.kinesis.deregister_stream_consumer(ConsumerARN=gone)
        server.restart()
        self.kinesis = server.client("kinesis")
        listed = self.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
        self.assertEqual([each["ConsumerARN"] for each in listed], [kept])

    def test_a_stream_with_consumers_is_deleted_only_where_that_is_meant(self):
        name, arn = self.create()
        self.register(arn)
        message = self.assert_refused("ResourceInUseException", self.kinesis.delete_stream, StreamName=name)
        self.assertIn("EnforceConsumerDeletion", message)
        self.assert_refused("ResourceInUseException", self.kinesis.delete_stream, StreamName=name,
                            EnforceConsumerDeletion=False)
        self.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.assertEqual(self.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"], [])

    def test_what_names_no_consumer_is_refused(self):
        name, arn = self.create()
        consumer = self.register(arn)
        describe = self.kinesis.describe_stream_consumer
        self.assert_refused("InvalidArgumentException", describe)
        self.assert_refused("InvalidArgumentException", describe, StreamARN=arn)
        self.assert_refused("ResourceNotFoundException", describe, StreamARN=arn, ConsumerName="two")
        self.assert_refused("ResourceNotFoundException", describe, ConsumerARN=consumer + "0")
        self.assert_refused("ResourceNotFoundException", describe, ConsumerARN=consumer.replace("us-east-1", "eu-west-9"))
        self.assert_refused("ResourceNotFoundException", describe, ConsumerARN=consumer.replace(name, "nothing"))
        self.assert_refused("InvalidArgumentException", describe, ConsumerARN=consumer, ConsumerName="two")
        self.assert_refused("ResourceNotFoundException", self.kinesis.register_stream_consumer,
                            StreamARN=arn + "-nothing", ConsumerName="a")
        self.assert_refused("ValidationException", self.kinesis.register_stream_consumer, StreamARN=arn,
                            ConsumerName="a b")


class SubscriptionTest(FanOutTest):
    def test_records_come_as_they_are_put(self):
        name, arn = self.create()
        subscription = self.subscribe(self.register(arn))
        first = subscription.event()
        self.assertEqual(first["Records"], [])
        self.assertEqual(first["MillisBehindLatest"], 0)
        numbers = self.put(name, b"a", b"\x00\xff" * 100)
        records, event = subscription.records(2)
        self.assertEqual([each["SequenceNumber"] for each in records], numbers)
        self.assertEqual([each["Data"] for each in records], [b"a", b"\x00\xff" * 100])
        self.assertEqual(records[0]["PartitionKey"], "k")
        self.assertLess(abs(records[0]["ApproximateArrivalTimestamp"].timestamp() - time.time()), 60)
        self.assertEqual(event["MillisBehindLatest"], 0)
        self.assertEqual(event["ContinuationSequenceNumber"], numbers[1])

    def test_each_of_many_consumers_gets_everything_in_order_while_writers_write(self):
        name, arn = self.create(2)
        shards = [each["ShardId"] for each in self.kinesis.list_shards(StreamName=name)["Shards"]]
        consumers = [self.register(arn, f"consumer-{i}") for i in range(3)]
        subscriptions = {(consumer, shard): self.subscribe(consumer, "TRIM_HORIZON", shard=shard)
                         for consumer in consumers for shard in shards}
        writers, per_writer, per_put = 3, 20, 100
        placed = []

        def write(writer):
            kinesis = server.client("kinesis")
            for put in range(per_writer):
                data = [f"{writer}-{put * per_put + i}".encode() for i in range(per_put)]
                answer = kinesis.put_records(StreamName=name, Records=[
                    {"Data": each, "PartitionKey": str(i)} for i, each in enumerate(data)])
                placed.extend((record["ShardId"], record["SequenceNumber"], each)
                              for record, each in zip(answer["Records"], data))
            kinesis.close()

        threads = [threading.Thread(target=write, args=(i,)) for i in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(placed), writers * per_writer * per_put)
        for (_, shard), subscription in subscriptions.items():
            expected = sorted((int(number), data) for where, number, data in placed if where == shard)
            records, event = subscription.records(len(expected))
            self.assertEqual([(int(each["SequenceNumber"]), each["Data"]) for each in records], expected)
            self.assertEqual(int(event["ContinuationSequenceNumber"]), expected[-1][0])

    def test_all_five_positions(self):
        name, arn = self.create()
        numbers = self.put(name, b"0", b"1")
        time.sleep(1.01)
        between = int(time.time())  # what boto3 makes of any time
        numbers += self.put(name, b"2", b"3")
        for kind, more, expected in (
            ("TRIM_HORIZON", {}, b"0"),
            ("AT_SEQUENCE_NUMBER", {"SequenceNumber": numbers[1]}, b"1"),
            ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": numbers[1]}, b"2"),
            ("AT_TIMESTAMP", {"Timestamp": between}, b"2"),
        ):
            with self.subTest(kind):
                subscription = self.subscribe(self.register(arn, kind), kind, **more)
                self.assertEqual(subscription.event()["Records"][0]["Data"], expected)
        latest = self.subscribe(self.register(arn, "LATEST"))
        self.assertEqual(latest.event()["Records"], [])
        self.put(name, b"4")
        self.assertEqual(latest.event()["Records"][0]["Data"], b"4")

    def test_what_is_wrong_is_answered_before_any_event(self):
        name, arn = self.create()
        consumer = self.register(arn)

        def refused(error_name, consumer=consumer, shard="shardId-000000000000", **position):
            return self.assert_refused(error_name, self.kinesis.subscribe_to_shard, ConsumerARN=consumer, ShardId=shard,
                                       StartingPosition=position)

        refused("ResourceNotFoundException", shard="shardId-000000000001", Type="LATEST")
        refused("ResourceNotFoundException", consumer=consumer + "1", Type="LATEST")
        refused("InvalidArgumentException", Type="AT_TIMESTAMP")
        refused("InvalidArgumentException", Type="AT_TIMESTAMP", Timestamp=time.time() + 1000)
        refused("InvalidArgumentException", Type="AT_SEQUENCE_NUMBER")
        refused("InvalidArgumentException", Type="AFTER_SEQUENCE_NUMBER", SequenceNumber="1")
        refused("ValidationException", Type="SOMEWHERE")

    def test_a_reader_goes_on_from_the_continuation(self):
        name, arn = self.create()
        consumer = self.register(arn)
        # Of a shard that nothing was ever put to.
        subscription = self.subscribe(consumer)
        continuation = subscription.event()["ContinuationSequenceNumber"]
        subscription.close()
        numbers = self.put(name, b"0", b"1")
        for kind in ("AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER"):
            subscription = self.subscribe(consumer, kind, SequenceNumber=continuation)
            records, event = subscription.records(2)
            self.assertEqual([each["SequenceNumber"] for each in records], numbers)
            subscription.close()
        # Of one that has had records, with and without new ones in between.
        for data in (b"2", b"3"):
            continuation = event["ContinuationSequenceNumber"]
            subscription = self.subscribe(consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=continuation)
            self.assertEqual(subscription.event()["ContinuationSequenceNumber"], continuation)
            self.put(name, data)
            records, event = subscription.records(1)
            self.assertEqual(records[0]["Data"], data)
            subscription.close()

    def test_large_records_come_in_events_of_a_bounded_size(self):
        name, arn = self.create()
        data = [bytes([i]) * (1 << 20) for i in range(4)] + [bytes([i]) * 400_000 for i in range(4)]
        self.put(name, *data)
        subscription = self.subscribe(self.register(arn), "TRIM_HORIZON")
        found, behind = [], []
        while len(found) < len(data):
            event = subscription.event()
            self.assertLessEqual(sum(len(each["Data"]) for each in event["Records"]), 1 << 20)
            found += [each["Data"] for each in event["Records"]]
            behind.append(event["MillisBehindLatest"])
        self.assertEqual(found, data)
        self.assertGreater(behind[0], 0)
        self.assertEqual(behind[-1], 0)

    def test_silence_is_broken_by_empty_events(self):
        _, arn = self.create()
        subscription = self.subscribe(self.register(arn))
        first = subscription.event()
        begun = time.monotonic()
        second = subscription.event()
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(second["Records"], [])
        self.assertEqual(second["ContinuationSequenceNumber"], first["ContinuationSequenceNumber"])

    def test_a_later_call_takes_over(self):
        name, arn = self.create()
        consumer = self.register(arn)
        older = self.subscribe(consumer)
        older.event()
        self.assert_refused("ResourceInUseException", self.kinesis.subscribe_to_shard, ConsumerARN=consumer,
                            ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"})
        other = self.subscribe(self.register(arn, "two"))
        time.sleep(5.1)
        newer = self.subscribe(consumer)
        newer.event()
        self.assertTrue(older.ended.wait(PATIENCE))
        self.assertIsNone(older.error)
        self.put(name, b"x")
        self.assertEqual(newer.records(1)[0][0]["Data"], b"x")
        self.assertEqual(other.records(1)[0][0]["Data"], b"x")
        # One whose client has gone is in nobody's way.
        newer.close()
        deadline = time.monotonic() + 3
        while True:
            try:
                again = self.subscribe(consumer)
                break
            except ClientError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        again.event()

    def test_what_goes_away_meanwhile_is_said_in_the_stream(self):
        name, arn = self.create()
        consumer = self.register(arn)
        stays = self.subscribe(self.register(arn, "two"))
        subscription = self.subscribe(consumer)
        subscription.event()
        self.kinesis.deregister_stream_consumer(ConsumerARN=consumer)
        self.assertTrue(subscription.ended.wait(PATIENCE))
        self.assertIsInstance(subscription.error, EventStreamError)
        self.assertEqual(subscription.error.response["Error"]["Code"], "ResourceNotFoundException")
        self.put(name, b"x")
        self.assertEqual(stays.records(1)[0][0]["Data"], b"x")
        self.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        self.assertTrue(stays.ended.wait(PATIENCE))
        self.assertEqual(stays.error.response["Error"]["Code"], "ResourceNotFoundException")

    def test_events_are_in_the_coding_of_the_call(self):
        name, arn = self.create()
        number, = self.put(name, b"\x00\xff")
        consumer = self.register(arn)
        coding = "application/x-amz-cbor-1.1"
        messages = messages_of(self.raw(consumer, coding=coding, encode=cbor.encode))
        first, event = next(messages), next(messages)
        self.assertEqual((first.headers[":event-type"], first.headers[":content-type"]), ("initial-response", coding))
        self.assertEqual(cbor.decode(first.payload), {})
        self.assertEqual((event.headers[":event-type"], event.headers[":content-type"]),
                         ("SubscribeToShardEvent", coding))
        event = cbor.decode(event.payload)
        record, = event["Records"]
        self.assertEqual((record["Data"], record["PartitionKey"], record["SequenceNumber"]), (b"\x00\xff", "k", number))
        self.assertLess(abs(record["ApproximateArrivalTimestamp"].timestamp() - time.time()), 60)
        self.assertEqual((event["ContinuationSequenceNumber"], event["MillisBehindLatest"]), (number, 0))
        self.kinesis.deregister_stream_consumer(ConsumerARN=consumer)
        last = next(messages)
        self.assertEqual((last.headers[":exception-type"], last.headers[":content-type"]),
                         ("ResourceNotFoundException", coding))
        self.assertIn("deregistered", cbor.decode(last.payload)["message"])

    def test_records_arrive_within_milliseconds(self):
        name, arn = self.create()
        subscription = self.subscribe(self.register(arn))
        subscription.event()
        delays = []
        for i in range(200):
            self.put(name, str(i).encode())
            acknowledged = time.perf_counter()
            arrived, event = subscription.events.get(timeout=PATIENCE)
            if not event["Records"]:
                continue
            self.assertEqual(event["Records"][0]["Data"], str(i).encode())
            delays.append((arrived - acknowledged) * 1000)
        print(f"from acknowledgement to receipt: p50 {statistics.median(delays):.2f} ms, "
              f"p99 {sorted(delays)[int(len(delays) * 0.99)]:.2f} ms")
        self.assertLess(statistics.median(delays), 20)


class HostileTest(FanOutTest):
    def memory(self):
        with open(f"/proc/{server.process.pid}/status") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))

    @unittest.skipIf(server.external, "the server's memory is looked at")
    def test_who_never_reads_costs_its_bound_and_holds_up_nobody(self):
        name, arn = self.create()
        reader = self.subscribe(self.register(arn, "reader"))
        reader.event()
        silent = [self.raw(self.register(arn, f"silent-{i}")) for i in range(15)]
        data = b"x" * 250_000
        self.kinesis.put_records(StreamName=name, Records=[{"Data": data, "PartitionKey": "k"}] * 4)
        time.sleep(1)
        before = self.memory()
        puts = 100
        begun = time.monotonic()
        for _ in range(puts):
            self.kinesis.put_records(StreamName=name, Records=[{"Data": data, "PartitionKey": "k"}] * 4)
        spent = time.monotonic() - begun
        records, _ = reader.records(4 * puts + 4)
        self.assertEqual(len(records), 4 * puts + 4)
        # 100 MB were put; the log keeps its newest 32 MiB in memory. Each of the silent has one event, at most.
        grown = self.memory() - before
        print(f"{puts} MB put in {spent:.1f} s with {len(silent)} subscribers that never read: {grown} MiB more memory")
        self.assertLess(grown, 200)
        # Late, but served: what a silent one has not read is still there.
        found = 0
        for message in messages_of(silent[0]):
            if message.headers[":event-type"] == "SubscribeToShardEvent":
                found += len(json.loads(message.payload)["Records"])
            if found >= 4 * puts + 4:
                break
        self.assertEqual(found, 4 * puts + 4)

    def test_who_sends_no_more_is_gone(self):
        name, arn = self.create()
        consumer = self.register(arn)
        self.raw(consumer, finish=True)
        deadline = time.monotonic() + 3
        while True:
            try:
                subscription = self.subscribe(consumer, "TRIM_HORIZON")
                break
            except ClientError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        self.put(name, b"x")
        self.assertEqual(subscription.records(1)[0][0]["Data"], b"x")

    def test_the_server_ends_in_the_midst_of_subscriptions(self):
        if server.external:
            self.skipTest("the server is somebody else's")
        name, arn = self.create()
        consumer = self.register(arn)
        subscription = self.subscribe(consumer)
        silent = self.raw(self.register(arn, "silent"))
        subscription.event()
        begun = time.monotonic()
        server.end()
        self.assertLess(time.monotonic() - begun, 5)
        self.assertTrue(subscription.ended.wait(PATIENCE))
        silent.close()
        server.start()
        self.kinesis = server.client("kinesis")
        again = self.subscribe(consumer)
        self.put(name, b"x")
        self.assertEqual(again.records(1)[0][0]["Data"], b"x")


if __name__ == "__main__":
    unittest.main()
