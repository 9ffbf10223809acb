// The libraries that programs in JavaScript put on top of the SDK's tables, as their users have them: with indexes,
// versions, transactions and time to live.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import dynamoose from "dynamoose";
import * as toolbox from "dynamodb-toolbox";
import { execute as transactGet, GetTransaction } from "dynamodb-toolbox/entity/actions/transactGet";
import { execute as transactWrite } from "dynamodb-toolbox/entity/actions/transactWrite";
import electrodb from "electrodb";
import { Server } from "./server.mjs";

const server = new Server();
const credentials = { accessKeyId: "millrace", secretAccessKey: "millrace-secret" };
let client;

// The one table that such programs keep everything in.
const single_table = (name) => new CreateTableCommand({
  TableName: name,
  BillingMode: "PAY_PER_REQUEST",
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  AttributeDefinitions: ["pk", "sk", "gsi1pk", "gsi1sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
  GlobalSecondaryIndexes: [{
    IndexName: "gsi1",
    KeySchema: [{ AttributeName: "gsi1pk", KeyType: "HASH" }, { AttributeName: "gsi1sk", KeyType: "RANGE" }],
    Projection: { ProjectionType: "ALL" },
  }],
});

before(async () => {
  await server.start();
  client = new DynamoDBClient({ endpoint: server.endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
});

after(() => server.stop());

test("dynamoose: models with an index, time to live and transactions", async () => {
  const instance = new dynamoose.aws.ddb.DynamoDB({ endpoint: server.endpoint, region: "us-east-1", credentials });
  dynamoose.aws.ddb.set(instance);
  const schema = new dynamoose.Schema({
    id: { type: String, hashKey: true },
    buyer: { type: String, index: { name: "of-buyer", type: "global", rangeKey: "paid" } },
    paid: Number,
    tags: { type: Array, schema: [String] },
    address: { type: Object, schema: { city: String } },
  }, { timestamps: true });
  const Order = dynamoose.model("DynamooseOrders", schema);
  await new dynamoose.Table("DynamooseOrders", [Order], {
    initialize: false, throughput: "ON_DEMAND", expires: { ttl: 3600, attribute: "ends" },
    waitForActive: { check: { frequency: 20 } },
  }).initialize();

  for (let i = 0; i < 12; ++i) {
    await Order.create({ id: `${i}`, buyer: i % 2 ? "ann" : "bob", paid: 12 - i, tags: ["a"], address: { city: "Rome" } });
  }
  await assert.rejects(Order.create({ id: "1", buyer: "ann" }), { name: "ConditionalCheckFailedException" });
  const found = await Order.query("buyer").eq("ann").where("paid").between(2, 8).using("of-buyer").sort("descending").exec();
  assert.deepEqual(found.map((order) => order.paid), [7, 5, 3]);
  const changed = await Order.update({ id: "1" }, { $ADD: { paid: 5, tags: ["b"] }, $SET: { address: { city: "Bern" } } });
  assert.equal(changed.paid, 16);
  assert.deepEqual([...changed.tags], ["a", "b"]);
  assert.equal((await Order.scan("address.city").eq("Bern").exec())[0].id, "1");
  assert.ok((await Order.get("2")).ends instanceof Date);
  await assert.rejects(dynamoose.transaction([
    Order.transaction.update({ id: "2" }, { paid: 0 }),
    Order.transaction.condition("3", new dynamoose.Condition("paid").eq(1000)),
  ]), { name: "TransactionCanceledException" });
  assert.equal((await Order.get("2")).paid, 10);
  await dynamoose.transaction([Order.transaction.update({ id: "2" }, { paid: 1 }), Order.transaction.delete("3")]);
  assert.equal((await Order.get("2")).paid, 1);
  assert.equal(await Order.get("3"), undefined);
  assert.equal((await Order.batchGet(["1", "2", "3"])).length, 2);
});

test("ElectroDB: entities and collections of one table", async () => {
  await client.send(single_table("Electro"));
  const settings = { client, table: "Electro" };
  const model = (entity, attributes) => new electrodb.Entity({
    model: { entity, version: "1", service: "shop" },
    attributes: { order: { type: "string", required: true }, buyer: { type: "string", required: true }, ...attributes },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["order"] }, sk: { field: "sk", composite: entity === "line" ? ["number"] : [] },
      },
      of_buyer: {
        index: "gsi1", collection: "history",
        pk: { field: "gsi1pk", composite: ["buyer"] }, sk: { field: "gsi1sk", composite: ["order"] },
      },
    },
  }, settings);
  const Order = model("order", { paid: { type: "number", default: 0 }, tags: { type: "set", items: "string" } });
  const Line = model("line", { number: { type: "string", required: true }, price: { type: "number" } });
  const shop = new electrodb.Service({ order: Order, line: Line }, settings);

  await Order.put([1, 2, 3].map((n) => ({ order: `o${n}`, buyer: "ann", paid: n, tags: ["x"] }))).go();
  await Line.put([1, 2].map((n) => ({ order: "o1", buyer: "ann", number: `${n}`, price: n * 10 }))).go();
  await assert.rejects(Order.create({ order: "o1", buyer: "ann" }).go(), /conditional request failed/);
  const patched = await Order.patch({ order: "o1" }).add({ paid: 9, tags: ["y"] }).go({ response: "all_new" });
  assert.deepEqual([patched.data.paid, patched.data.tags.sort()], [10, ["x", "y"]]);
  const history = (await shop.collections.history({ buyer: "ann" }).go()).data;
  assert.deepEqual([history.order.map((o) => o.order), history.line.map((l) => l.number)], [["o1", "o2", "o3"], ["1", "2"]]);
  const dear = await Line.query.primary({ order: "o1" }).where(({ price }, { gt }) => gt(price, 15)).go();
  assert.deepEqual(dear.data.map((line) => line.number), ["2"]);
  const page = await Order.query.of_buyer({ buyer: "ann" }).go({ limit: 2 });
  assert.equal(page.data.length, 2);
  const rest = await Order.query.of_buyer({ buyer: "ann" }).go({ cursor: page.cursor });
  assert.deepEqual(rest.data.map((order) => order.order), ["o3"]);
  const refused = await shop.transaction.write(({ order, line }) => [
    order.patch({ order: "o2" }).set({ paid: 0 }).commit(),
    line.check({ order: "o1", number: "1" }).where(({ price }, { eq }) => eq(price, 99)).commit(),
  ]).go();
  assert.deepEqual([refused.canceled, refused.data.map((each) => each.code)], [true, ["None", "ConditionalCheckFailed"]]);
  const read = await shop.transaction.get(({ order, line }) => [
    order.get({ order: "o2" }).commit(), line.get({ order: "o1", number: "1" }).commit()]).go();
  assert.deepEqual(read.data.map((each) => each.item.paid ?? each.item.price), [2, 10]);
  await Order.delete([{ order: "o2" }, { order: "o3" }]).go();
  assert.equal((await Order.scan.go()).data.length, 1);
});

test("dynamodb-toolbox: entities of one table", async () => {
  await client.send(single_table("Toolbox"));
  const table = new toolbox.Table({
    documentClient: DynamoDBDocumentClient.from(client), name: "Toolbox",
    partitionKey: { name: "pk", type: "string" }, sortKey: { name: "sk", type: "string" },
    indexes: {
      gsi1: {
        type: "global", partitionKey: { name: "gsi1pk", type: "string" }, sortKey: { name: "gsi1sk", type: "string" },
      },
    },
  });
  const Order = new toolbox.Entity({
    name: "Order", table,
    schema: toolbox.item({
      pk: toolbox.string().key(), sk: toolbox.string().key(), gsi1pk: toolbox.string(), gsi1sk: toolbox.string(),
      paid: toolbox.number().default(0), tags: toolbox.set(toolbox.string()).optional(),
      lines: toolbox.list(toolbox.map({ price: toolbox.number() })).optional(),
    }),
  });
  for (let i = 0; i < 5; ++i) {
    await Order.build(toolbox.PutItemCommand)
      .item({ pk: `o${i}`, sk: "order", gsi1pk: "ann", gsi1sk: `${5 - i}`, paid: i, lines: [{ price: 1 }] }).send();
  }
  const { Items } = await table.build(toolbox.QueryCommand).entities(Order)
    .query({ index: "gsi1", partition: "ann", range: { gt: "2" } }).options({ reverse: true }).send();
  assert.deepEqual(Items.map((order) => order.pk), ["o0", "o1", "o2"]);
  const { Attributes } = await Order.build(toolbox.UpdateItemCommand).item({
    pk: "o1", sk: "order", paid: toolbox.$add(4), tags: toolbox.$add(new Set(["x"])), lines: toolbox.$append([{ price: 2 }]),
  }).options({ returnValues: "ALL_NEW", condition: { attr: "paid", eq: 1 } }).send();
  assert.deepEqual([Attributes.paid, Attributes.lines.length, [...Attributes.tags]], [5, 2, ["x"]]);
  await assert.rejects(Order.build(toolbox.DeleteItemCommand).key({ pk: "o1", sk: "order" })
    .options({ condition: { attr: "paid", eq: 1 } }).send(), { name: "ConditionalCheckFailedException" });
  await assert.rejects(transactWrite(
    Order.build(toolbox.PutTransaction).item({ pk: "o9", sk: "order", gsi1pk: "bob", gsi1sk: "1" }),
    Order.build(toolbox.ConditionCheck).key({ pk: "o2", sk: "order" }).condition({ attr: "paid", gt: 100 }),
  ), { name: "TransactionCanceledException" });
  await transactWrite(
    Order.build(toolbox.PutTransaction).item({ pk: "o9", sk: "order", gsi1pk: "bob", gsi1sk: "1" }),
    Order.build(toolbox.DeleteTransaction).key({ pk: "o0", sk: "order" }));
  const { Responses } = await transactGet(
    Order.build(GetTransaction).key({ pk: "o9", sk: "order" }), Order.build(GetTransaction).key({ pk: "o0", sk: "order" }));
  assert.deepEqual(Responses.map((each) => each.Item?.pk), ["o9", undefined]);
});
