import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;
import software.amazon.awssdk.services.dynamodb.model.CreateTableRequest;
import software.amazon.awssdk.services.dynamodb.model.DynamoDbException;
import software.amazon.awssdk.services.dynamodb.model.KeyType;
import software.amazon.awssdk.services.dynamodb.model.OperationType;
import software.amazon.awssdk.services.dynamodb.model.PutRequest;
import software.amazon.awssdk.services.dynamodb.model.ReturnValue;
import software.amazon.awssdk.services.dynamodb.model.ScalarAttributeType;
import software.amazon.awssdk.services.dynamodb.model.StreamViewType;
import software.amazon.awssdk.services.dynamodb.model.WriteRequest;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** What programs in Java do with streams, tables and change feeds, through the clients that they have from AWS. */
final class SdkTest {
  private static final int POLLS_MAX = 100;

  private static Server server;
  private static KinesisClient streams;
  private static DynamoDbClient tables;
  private static DynamoDbStreamsClient changes;
  /** The operations that were called, each with the coding of its body. */
  private static final Set<String> codings = ConcurrentHashMap.newKeySet();

  private static <B extends AwsClientBuilder<B, C>, C> C client(B builder, String key, String secret) {
    return client(builder, server.endpoint, key, secret);
  }

  private static <B extends AwsClientBuilder<B, C>, C> C client(B builder, URI endpoint, String key, String secret) {
    return builder.endpointOverride(endpoint).region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(key, secret)))
        .overrideConfiguration(c -> c.retryStrategy(r -> r.maxAttempts(1)).addExecutionInterceptor(new Listener()))
        .build();
  }

  private static <B extends AwsClientBuilder<B, C>, C> C client(B builder) {
    return client(builder, "millrace", "millrace-secret");
  }

  private static final class Listener implements ExecutionInterceptor {
    @Override
    public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
      final String target = context.httpRequest().firstMatchingHeader("X-Amz-Target").orElse("");
      codings.add(target + " " + context.httpRequest().firstMatchingHeader("Content-Type").orElse(""));
    }
  }

  @BeforeAll
  static void start() throws Exception {
    server = new Server();
    streams = client(KinesisClient.builder());
    tables = client(DynamoDbClient.builder());
    changes = client(DynamoDbStreamsClient.builder());
  }

  @AfterAll
  static void stop() throws Exception {
    if (server != null) server.close();
  }

  private static AttributeValue text(String value) {
    return AttributeValue.fromS(value);
  }

  private static AttributeValue number(long value) {
    return AttributeValue.fromN(Long.toString(value));
  }

  private static Map<String, AttributeValue> key(String visitor, long at) {
    return Map.of("visitor", text(visitor), "at", number(at));
  }

  private static CreateTableRequest.Builder table(String name) {
    return CreateTableRequest.builder().tableName(name).billingMode("PAY_PER_REQUEST")
        .keySchema(k -> k.attributeName("visitor").keyType(KeyType.HASH),
            k -> k.attributeName("at").keyType(KeyType.RANGE))
        .attributeDefinitions(a -> a.attributeName("visitor").attributeType(ScalarAttributeType.S),
            a -> a.attributeName("at").attributeType(ScalarAttributeType.N));
  }

  private static void make(CreateTableRequest.Builder table) {
    final String name = tables.createTable(table.build()).tableDescription().tableName();
    tables.waiter().waitUntilTableExists(r -> r.tableName(name), w -> w.waitTimeout(Duration.ofSeconds(20)));
  }

  private static List<Record> read(String iterator, int wanted) {
    final List<Record> records = new ArrayList<>();
    for (int polls = 0; records.size() < wanted && polls < POLLS_MAX; ++polls) {
      final String from = iterator;
      final var answer = streams.getRecords(r -> r.shardIterator(from).limit(2));
      records.addAll(answer.records());
      iterator = answer.nextShardIterator();
    }
    return records;
  }

  @Test
  void recordsComeBackFromTheirShardsAsTheyWerePut() {
    streams.createStream(r -> r.streamName("clicks").shardCount(2));
    streams.waiter().waitUntilStreamExists(r -> r.streamName("clicks"));
    final Instant begin = Instant.now();
    final byte[] bytes = new byte[256];
    for (int n = 0; n < bytes.length; ++n) bytes[n] = (byte) n;
    final String last = BigInteger.TWO.pow(128).subtract(BigInteger.ONE).toString();
    final var put = streams.putRecords(r -> r.streamName("clicks").records(
        PutRecordsRequestEntry.builder().data(SdkBytes.fromByteArray(bytes)).partitionKey("a").explicitHashKey("0").build(),
        PutRecordsRequestEntry.builder().data(SdkBytes.fromUtf8String("zwei – 2")).partitionKey("b").explicitHashKey("0")
            .build(),
        PutRecordsRequestEntry.builder().data(SdkBytes.fromUtf8String("three")).partitionKey("c").explicitHashKey(last)
            .build()));
    assertEquals(0, put.failedRecordCount());
    final List<Shard> shards = streams.listShards(r -> r.streamName("clicks")).shards();
    assertEquals(List.of(shards.get(0).shardId(), shards.get(0).shardId(), shards.get(1).shardId()),
        put.records().stream().map(record -> record.shardId()).toList());

    final String oldest = streams.getShardIterator(r -> r.streamName("clicks").shardId(shards.get(0).shardId())
        .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
    final List<Record> first = read(oldest, 2);
    assertEquals(List.of("a", "b"), first.stream().map(Record::partitionKey).toList());
    assertArrayEquals(bytes, first.get(0).data().asByteArray());
    assertEquals("zwei – 2", first.get(1).data().asUtf8String());
    final Duration age = Duration.between(begin, first.get(0).approximateArrivalTimestamp()).abs();
    assertTrue(age.compareTo(Duration.ofMinutes(1)) < 0, age.toString());

    final String since = streams.getShardIterator(r -> r.streamName("clicks").shardId(shards.get(1).shardId())
        .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(begin.minusSeconds(60))).shardIterator();
    assertEquals("three", read(since, 1).get(0).data().asUtf8String());
  }

  @Test
  void theAsynchronousClientWorks() throws Exception {
    streams.createStream(r -> r.streamName("later").shardCount(1));
    streams.waiter().waitUntilStreamExists(r -> r.streamName("later"));
    final var later = client(KinesisAsyncClient.builder());
    final List<CompletableFuture<PutRecordResponse>> puts = IntStream.range(0, 50).mapToObj(n -> later.putRecord(
        r -> r.streamName("later").partitionKey("k").data(SdkBytes.fromUtf8String("click " + n)))).toList();
    for (final var put : puts) assertFalse(put.get(20, TimeUnit.SECONDS).sequenceNumber().isEmpty());
    final String shard = streams.listShards(r -> r.streamName("later")).shards().get(0).shardId();
    final String oldest = streams.getShardIterator(r -> r.streamName("later").shardId(shard)
        .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
    assertEquals(50, read(oldest, 50).stream().map(record -> record.data().asUtf8String()).distinct().count());
  }

  @Test
  void recordsArePushedToTheAsynchronousClient() throws Exception {
    streams.createStream(r -> r.streamName("pushed").shardCount(1));
    streams.waiter().waitUntilStreamExists(r -> r.streamName("pushed"));
    final String arn = streams.describeStreamSummary(r -> r.streamName("pushed")).streamDescriptionSummary().streamARN();
    final String consumer = streams.registerStreamConsumer(r -> r.streamARN(arn).consumerName("page")).consumer()
        .consumerARN();
    final List<String> texts = Collections.synchronizedList(new ArrayList<>());
    final var begun = new CountDownLatch(1);
    final var all = new CountDownLatch(50);
    final var handler = SubscribeToShardResponseHandler.builder()
        .subscriber(SubscribeToShardResponseHandler.Visitor.builder().onSubscribeToShardEvent(event -> {
          begun.countDown();
          for (final Record record : event.records()) {
            texts.add(record.data().asUtf8String());
            all.countDown();
          }
        }).build()).build();
    try (var later = client(KinesisAsyncClient.builder())) {
      final var subscription = later.subscribeToShard(r -> r.consumerARN(consumer).shardId("shardId-000000000000")
          .startingPosition(p -> p.type(ShardIteratorType.LATEST)), handler);
      assertTrue(begun.await(20, TimeUnit.SECONDS));
      for (int n = 0; n < 50; ++n) {
        final SdkBytes data = SdkBytes.fromUtf8String("click " + n);
        streams.putRecord(r -> r.streamName("pushed").partitionKey("k").data(data));
      }
      assertTrue(all.await(20, TimeUnit.SECONDS));
      assertEquals(IntStream.range(0, 50).mapToObj(n -> "click " + n).toList(), texts);
      streams.deregisterStreamConsumer(r -> r.consumerARN(consumer));
      final var ended = assertThrows(ExecutionException.class, () -> subscription.get(20, TimeUnit.SECONDS));
      assertTrue(ended.getCause() instanceof ResourceNotFoundException, ended.toString());
    }
  }

  @Test
  void theAuthorityIsTrustedByAStoreOfJava() throws Exception {
    streams.createStream(r -> r.streamName("secret").shardCount(1));
    streams.waiter().waitUntilStreamExists(r -> r.streamName("secret"));
    System.setProperty("javax.net.ssl.trustStore", server.trustStore("changeit").toString());
    System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    final URI https = URI.create(server.endpoint.toString().replace("http:", "https:"));
    final SdkBytes data = SdkBytes.fromByteArray(new byte[500_000]);
    final String secret = "millrace-secret";
    try (var one = client(KinesisClient.builder(), https, "millrace", secret);
        var later = client(KinesisAsyncClient.builder(), https, "millrace", secret)) {
      assertFalse(one.putRecord(r -> r.streamName("secret").partitionKey("k").data(data)).shardId().isEmpty());
      assertFalse(later.putRecord(r -> r.streamName("secret").partitionKey("k").data(data)).get(20, TimeUnit.SECONDS)
          .shardId().isEmpty());
    }
  }

  @Test
  void kinesisIsSpokenToInCbor() {
    streams.listStreams();
    assertTrue(codings.contains("Kinesis_20131202.ListStreams application/x-amz-cbor-1.1"), codings.toString());
  }

  @Test
  void timesAreExactToTheMillisecond() {
    streams.createStream(r -> r.streamName("times").shardCount(1));
    streams.waiter().waitUntilStreamExists(r -> r.streamName("times"));
    final Instant made = streams.describeStreamSummary(r -> r.streamName("times")).streamDescriptionSummary()
        .streamCreationTimestamp();
    assertTrue(Duration.between(made, Instant.now()).abs().compareTo(Duration.ofMinutes(1)) < 0, made.toString());
    streams.putRecord(r -> r.streamName("times").partitionKey("k").data(SdkBytes.fromUtf8String("x")));
    final String shard = streams.listShards(r -> r.streamName("times")).shards().get(0).shardId();
    final Instant at = read(streams.getShardIterator(r -> r.streamName("times").shardId(shard)
        .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator(), 1).get(0).approximateArrivalTimestamp();
    final String from = streams.getShardIterator(r -> r.streamName("times").shardId(shard)
        .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(at)).shardIterator();
    assertEquals(List.of(at), read(from, 1).stream().map(Record::approximateArrivalTimestamp).toList());
  }

  @Test
  void aStreamThatIsNotThereIsTheClientsOwnException() {
    final var error = assertThrows(ResourceNotFoundException.class,
        () -> streams.putRecord(r -> r.streamName("nothing").partitionKey("k").data(SdkBytes.fromUtf8String("x"))));
    assertTrue(error.awsErrorDetails().errorMessage().contains("nothing"), error.getMessage());
    assertFalse(error.requestId().isEmpty());
  }

  @Test
  void itemsKeepTheirTypes() {
    make(table("visits"));
    final Map<String, AttributeValue> item = Map.of("visitor", text("v1"), "at", number(1),
        "page", AttributeValue.fromM(Map.of("path", text("/lamps"), "seen", AttributeValue.fromBool(true),
            "nothing", AttributeValue.fromNul(true), "tags", AttributeValue.fromL(List.of(text("a"), number(2))))),
        "words", AttributeValue.fromSs(List.of("x", "y")),
        "raw", AttributeValue.fromB(SdkBytes.fromByteArray(new byte[] {0, (byte) 255})),
        "exact", AttributeValue.fromN("12345678901234567890123456789012345678"));
    tables.putItem(r -> r.tableName("visits").item(item));
    assertEquals(item, tables.getItem(r -> r.tableName("visits").key(key("v1", 1)).consistentRead(true)).item());
  }

  @Test
  void updatesAnswerWithWhatTheyMade() {
    make(table("counts"));
    for (int n = 1; n <= 2; ++n) {
      final var answer = tables.updateItem(r -> r.tableName("counts").key(key("v1", 0))
          .updateExpression("ADD clicks :one").expressionAttributeValues(Map.of(":one", number(1)))
          .returnValues(ReturnValue.ALL_NEW));
      assertEquals(number(n), answer.attributes().get("clicks"));
    }
    assertThrows(ConditionalCheckFailedException.class, () -> tables.putItem(r -> r.tableName("counts")
        .item(key("v1", 0)).conditionExpression("attribute_not_exists(visitor)")));
  }

  @Test
  void pagesFollowEachOtherInQueriesAndScans() {
    make(table("pages"));
    for (int from = 0; from < 60; from += 20) {
      final List<WriteRequest> writes = IntStream.range(from, from + 20).mapToObj(at -> WriteRequest.builder()
          .putRequest(PutRequest.builder().item(key(at % 2 == 0 ? "even" : "odd", at)).build()).build()).toList();
      assertTrue(tables.batchWriteItem(r -> r.requestItems(Map.of("pages", writes))).unprocessedItems().isEmpty());
    }
    final List<String> found = tables.queryPaginator(r -> r.tableName("pages").limit(7)
        .keyConditionExpression("visitor = :v AND #at BETWEEN :from AND :to")
        .expressionAttributeNames(Map.of("#at", "at"))
        .expressionAttributeValues(Map.of(":v", text("odd"), ":from", number(10), ":to", number(50)))
        .scanIndexForward(false)).items().stream().map(item -> item.get("at").n()).toList();
    assertEquals(IntStream.rangeClosed(5, 24).mapToObj(n -> Integer.toString(2 * (29 - n) + 1)).toList(), found);
    assertEquals(60, tables.scanPaginator(r -> r.tableName("pages").limit(9)).items().stream().count());
  }

  @Test
  void theChangeFeedTellsWhatWasAndWhatIs() {
    make(table("orders").streamSpecification(
        s -> s.streamEnabled(true).streamViewType(StreamViewType.NEW_AND_OLD_IMAGES)));
    for (int units = 1; units <= 2; ++units) {
      final int now = units;
      tables.putItem(r -> r.tableName("orders").item(
          Map.of("visitor", text("v1"), "at", number(7), "units", number(now))));
    }
    tables.deleteItem(r -> r.tableName("orders").key(key("v1", 7)));
    final String arn = changes.listStreams(r -> r.tableName("orders")).streams().get(0).streamArn();
    final String shard = changes.describeStream(r -> r.streamArn(arn)).streamDescription().shards().get(0).shardId();
    final String iterator = changes.getShardIterator(r -> r.streamArn(arn).shardId(shard)
        .shardIteratorType("TRIM_HORIZON")).shardIterator();
    final var records = changes.getRecords(r -> r.shardIterator(iterator)).records();
    assertEquals(List.of(OperationType.INSERT, OperationType.MODIFY, OperationType.REMOVE),
        records.stream().map(record -> record.eventName()).toList());
    assertEquals(key("v1", 7), records.get(1).dynamodb().keys());
    assertEquals(number(1), records.get(1).dynamodb().oldImage().get("units"));
    assertEquals(number(2), records.get(1).dynamodb().newImage().get("units"));
    assertFalse(records.get(2).dynamodb().hasNewImage());
  }

  @Test
  void whoMayNotIsToldSo() {
    final var stranger = client(DynamoDbClient.builder(), "who", "millrace-secret");
    assertEquals("UnrecognizedClientException",
        assertThrows(DynamoDbException.class, stranger::listTables).awsErrorDetails().errorCode());
    final var forger = client(KinesisClient.builder(), "millrace", "wrong");
    assertEquals("InvalidSignatureException",
        assertThrows(KinesisException.class, forger::listStreams).awsErrorDetails().errorCode());
  }
}
