// What programs in JavaScript do with streams, tables and change feeds, through the clients that they have from AWS.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as feeds from "@aws-sdk/client-dynamodb-streams";
import * as kinesis from "@aws-sdk/client-kinesis";
import * as documents from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { Server } from "./server.mjs";

const server = new Server();
const credentials = { accessKeyId: "millrace", secretAccessKey: "millrace-secret" };
let options, streams, tables, items, changes;

before(async () => {
  await server.start();
  options = { endpoint: server.endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
  streams = new kinesis.KinesisClient(options);
  tables = new dynamodb.DynamoDBClient(options);
  items = documents.DynamoDBDocumentClient.from(tables, { marshallOptions: { removeUndefinedValues: true } });
  changes = new feeds.DynamoDBStreamsClient(options);
});

after(() => server.stop());

const wait = (client) => ({ client, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.2 });

async function make_stream(name, shards) {
  await streams.send(new kinesis.CreateStreamCommand({ StreamName: name, ShardCount: shards }));
  await kinesis.waitUntilStreamExists(wait(streams), { StreamName: name });
}

async function make_table(name, more = {}) {
  await tables.send(new dynamodb.CreateTableCommand({
    TableName: name,
    KeySchema: [{ AttributeName: "visitor", KeyType: "HASH" }, { AttributeName: "at", KeyType: "RANGE" }],
    AttributeDefinitions: [
      { AttributeName: "visitor", AttributeType: "S" },
      { AttributeName: "at", AttributeType: "N" },
    ],
    BillingMode: "PAY_PER_REQUEST",
    ...more,
  }));
  await dynamodb.waitUntilTableExists(wait(tables), { TableName: name });
}

// All records of a shard from an iterator on, until there are as many as wanted.
async function read_shard(client, module, iterator, wanted) {
  const records = [];
  for (let polls = 0; records.length < wanted && iterator && polls < 100; ++polls) {
    const answer = await client.send(new module.GetRecordsCommand({ ShardIterator: iterator, Limit: 2 }));
    records.push(...answer.Records);
    iterator = answer.NextShardIterator;
  }
  return records;
}

test("records come back from their shards as they were put", async () => {
  await make_stream("clicks", 2);
  const begin = new Date();
  const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
  const put = await streams.send(new kinesis.PutRecordsCommand({
    StreamName: "clicks",
    Records: [
      { Data: bytes, PartitionKey: "a", ExplicitHashKey: "0" },
      { Data: Buffer.from("zwei – 2"), PartitionKey: "b", ExplicitHashKey: "0" },
      { Data: Buffer.from("three"), PartitionKey: "c", ExplicitHashKey: (2n ** 128n - 1n).toString() },
    ],
  }));
  assert.equal(put.FailedRecordCount, 0);
  const { Shards: shards } = await streams.send(new kinesis.ListShardsCommand({ StreamName: "clicks" }));
  assert.deepEqual(put.Records.map((record) => record.ShardId),
    [shards[0].ShardId, shards[0].ShardId, shards[1].ShardId]);
  const one = await streams.send(new kinesis.PutRecordCommand(
    { StreamName: "clicks", Data: Buffer.from("four"), PartitionKey: "d", ExplicitHashKey: "1" }));
  assert.ok(BigInt(one.SequenceNumber) > BigInt(put.Records[1].SequenceNumber));

  const iterator_of = async (shard, more) => (await streams.send(new kinesis.GetShardIteratorCommand(
    { StreamName: "clicks", ShardId: shards[shard].ShardId, ...more }))).ShardIterator;
  const first = await read_shard(streams, kinesis, await iterator_of(0, { ShardIteratorType: "TRIM_HORIZON" }), 3);
  assert.deepEqual(first.map((record) => record.PartitionKey), ["a", "b", "d"]);
  assert.deepEqual(first[0].Data, bytes);
  assert.equal(Buffer.from(first[1].Data).toString(), "zwei – 2");
  assert.equal(first[2].SequenceNumber, one.SequenceNumber);
  const arrived = first[0].ApproximateArrivalTimestamp;
  assert.ok(arrived >= begin - 1000 && arrived <= Date.now() + 1000, `${arrived}`);

  const behind = { ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: first[0].SequenceNumber };
  assert.deepEqual((await read_shard(streams, kinesis, await iterator_of(0, behind), 2)).map((r) => r.PartitionKey),
    ["b", "d"]);
  const since = { ShardIteratorType: "AT_TIMESTAMP", Timestamp: new Date(begin - 60_000) };
  assert.deepEqual((await read_shard(streams, kinesis, await iterator_of(1, since), 1)).map((r) => r.PartitionKey),
    ["c"]);
});

test("many requests at once are all answered", async () => {
  await make_stream("crowd", 1);
  const puts = await Promise.all(Array.from({ length: 200 }, (_, n) => streams.send(new kinesis.PutRecordCommand(
    { StreamName: "crowd", Data: Buffer.from(`click ${n}`), PartitionKey: "k" }))));
  assert.equal(new Set(puts.map((put) => put.SequenceNumber)).size, 200);
  const { Shards: [shard] } = await streams.send(new kinesis.ListShardsCommand({ StreamName: "crowd" }));
  const { ShardIterator: oldest } = await streams.send(new kinesis.GetShardIteratorCommand(
    { StreamName: "crowd", ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  const records = await read_shard(streams, kinesis, oldest, 200);
  assert.equal(new Set(records.map((record) => Buffer.from(record.Data).toString())).size, 200);
});

test("a shard's records are pushed to who has subscribed to it", async () => {
  await make_stream("pushed", 1);
  const { StreamDescriptionSummary: stream } = await streams.send(
    new kinesis.DescribeStreamSummaryCommand({ StreamName: "pushed" }));
  const { Consumer: consumer } = await streams.send(
    new kinesis.RegisterStreamConsumerCommand({ StreamARN: stream.StreamARN, ConsumerName: "page" }));
  const subscribe = async (position) => (await streams.send(new kinesis.SubscribeToShardCommand({
    ConsumerARN: consumer.ConsumerARN, ShardId: "shardId-000000000000", StartingPosition: position,
  }))).EventStream;
  const texts = [];
  let continuation;
  for await (const { SubscribeToShardEvent: event } of await subscribe({ Type: "LATEST" })) {
    texts.push(...event.Records.map((record) => new TextDecoder().decode(record.Data)));
    continuation = event.ContinuationSequenceNumber;
    if (texts.length === 20) break;
    if (event.Records.length > 0 || texts.length > 0) continue;
    // The first event has none.
    for (let i = 0; i < 20; ++i) {
      await streams.send(new kinesis.PutRecordCommand(
        { StreamName: "pushed", PartitionKey: "ann", Data: new TextEncoder().encode(`click ${i}`) }));
    }
  }
  assert.deepEqual(texts, Array.from({ length: 20 }, (_, i) => `click ${i}`));
  assert.match(continuation, /^[1-9][0-9]+$/);
  await streams.send(new kinesis.DeregisterStreamConsumerCommand({ ConsumerARN: consumer.ConsumerARN }));
  await assert.rejects(subscribe({ Type: "LATEST" }), kinesis.ResourceNotFoundException);
});

test("the authority is trusted by an environment variable", async () => {
  await make_stream("secret", 1);
  const script = `
    import * as kinesis from "@aws-sdk/client-kinesis";
    import * as dynamodb from "@aws-sdk/client-dynamodb";
    const options = ${JSON.stringify({ ...options, endpoint: server.endpoint.replace("http:", "https:") })};
    const put = await new kinesis.KinesisClient(options).send(new kinesis.PutRecordCommand(
      { StreamName: "secret", Data: Buffer.alloc(500_000), PartitionKey: "k" }));
    await new dynamodb.DynamoDBClient(options).send(new dynamodb.ListTablesCommand({}));
    console.log(put.ShardId);`;
  const run = (environment) => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script],
    { cwd: import.meta.dirname ?? "tests/javascript", env: { ...process.env, ...environment } });
  const { stdout } = await run({ NODE_EXTRA_CA_CERTS: server.authority() });
  assert.match(stdout, /^shardId-0{12}/);
  await assert.rejects(run({}), /certificate/);
});

test("a stream that is not there is the client's own exception", async () => {
  await assert.rejects(
    streams.send(new kinesis.PutRecordCommand({ StreamName: "nothing", Data: Buffer.from("x"), PartitionKey: "k" })),
    (error) => error instanceof kinesis.ResourceNotFoundException && error.message.includes("nothing") &&
      error.$metadata.requestId.length > 0);
});

test("documents keep their types", async () => {
  await make_table("visits");
  const visit = {
    visitor: "v1",
    at: 1,
    page: { path: "/lamps", tags: ["a", "b"], seen: true, nothing: null },
    codes: new Set([1, 2, 3]),
    words: new Set(["x"]),
    raw: Uint8Array.from([0, 255]),
    half: 0.5,
  };
  await items.send(new documents.PutCommand({ TableName: "visits", Item: visit }));
  const { Item } = await items.send(new documents.GetCommand(
    { TableName: "visits", Key: { visitor: "v1", at: 1 }, ConsistentRead: true }));
  assert.deepEqual(Item, visit);
});

test("updates answer with what they made", async () => {
  await make_table("counts");
  const Key = { visitor: "v1", at: 0 };
  const add = () => items.send(new documents.UpdateCommand({
    TableName: "counts",
    Key,
    UpdateExpression: "ADD clicks :one SET #last = :now",
    ExpressionAttributeNames: { "#last": "last" },
    ExpressionAttributeValues: { ":one": 1, ":now": "now" },
    ReturnValues: "ALL_NEW",
  }));
  await add();
  assert.deepEqual((await add()).Attributes, { ...Key, clicks: 2, last: "now" });
  await assert.rejects(
    items.send(new documents.PutCommand({
      TableName: "counts",
      Item: Key,
      ConditionExpression: "attribute_not_exists(visitor)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    })),
    (error) => error instanceof dynamodb.ConditionalCheckFailedException && error.Item.clicks.N === "2");
});

test("pages follow each other in queries, scans and batches", async () => {
  await make_table("pages");
  const rows = Array.from({ length: 60 }, (_, at) => ({ visitor: at % 2 ? "odd" : "even", at, text: "x".repeat(50) }));
  for (let n = 0; n < rows.length; n += 25) {
    const answer = await items.send(new documents.BatchWriteCommand(
      { RequestItems: { pages: rows.slice(n, n + 25).map((Item) => ({ PutRequest: { Item } })) } }));
    assert.deepEqual(answer.UnprocessedItems, {});
  }
  const query = documents.paginateQuery({ client: items, pageSize: 7 }, {
    TableName: "pages",
    KeyConditionExpression: "visitor = :v AND #at BETWEEN :from AND :to",
    ExpressionAttributeNames: { "#at": "at" },
    ExpressionAttributeValues: { ":v": "odd", ":from": 10, ":to": 50 },
    ScanIndexForward: false,
  });
  const found = [];
  for await (const page of query) found.push(...page.Items.map((item) => item.at));
  assert.deepEqual(found, rows.map((row) => row.at).filter((at) => at % 2 && at >= 10 && at <= 50).reverse());
  const scanned = [];
  for await (const page of documents.paginateScan({ client: items, pageSize: 9 }, { TableName: "pages" })) {
    scanned.push(...page.Items.map((item) => item.at));
  }
  assert.deepEqual(scanned.sort((a, b) => a - b), rows.map((row) => row.at));
  const got = await items.send(new documents.BatchGetCommand(
    { RequestItems: { pages: { Keys: rows.slice(0, 5).map(({ visitor, at }) => ({ visitor, at })) } } }));
  assert.equal(got.Responses.pages.length, 5);
});

test("the change feed tells what was and what is", async () => {
  await make_table("orders", { StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" } });
  const Key = { visitor: "v1", at: 7 };
  await items.send(new documents.PutCommand({ TableName: "orders", Item: { ...Key, units: 1 } }));
  await items.send(new documents.PutCommand({ TableName: "orders", Item: { ...Key, units: 2 } }));
  await items.send(new documents.DeleteCommand({ TableName: "orders", Key }));
  const { Streams: [{ StreamArn }] } = await changes.send(new feeds.ListStreamsCommand({ TableName: "orders" }));
  const { StreamDescription } = await changes.send(new feeds.DescribeStreamCommand({ StreamArn }));
  assert.equal(StreamDescription.StreamViewType, "NEW_AND_OLD_IMAGES");
  const { ShardIterator } = await changes.send(new feeds.GetShardIteratorCommand(
    { StreamArn, ShardId: StreamDescription.Shards[0].ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  const records = await read_shard(changes, feeds, ShardIterator, 3);
  assert.deepEqual(records.map((record) => record.eventName), ["INSERT", "MODIFY", "REMOVE"]);
  assert.deepEqual(unmarshall(records[1].dynamodb.Keys), Key);
  assert.deepEqual(unmarshall(records[1].dynamodb.OldImage), { ...Key, units: 1 });
  assert.deepEqual(unmarshall(records[1].dynamodb.NewImage), { ...Key, units: 2 });
  assert.equal(records[2].dynamodb.NewImage, undefined);
  assert.ok(Math.abs(records[0].dynamodb.ApproximateCreationDateTime - Date.now()) < 60_000);
});

test("who may not is told so", async () => {
  const wrong_secret = { ...credentials, secretAccessKey: "wrong" };
  const strangers = new dynamodb.DynamoDBClient({ ...options, credentials: { ...credentials, accessKeyId: "who" } });
  await assert.rejects(strangers.send(new dynamodb.ListTablesCommand({})), { name: "UnrecognizedClientException" });
  const forger = new dynamodb.DynamoDBClient({ ...options, credentials: wrong_secret });
  await assert.rejects(forger.send(new dynamodb.ListTablesCommand({})), { name: "InvalidSignatureException" });
  const producer = new kinesis.KinesisClient({ ...options, credentials: wrong_secret });
  await assert.rejects(producer.send(new kinesis.ListStreamsCommand({})), { name: "InvalidSignatureException" });
});
