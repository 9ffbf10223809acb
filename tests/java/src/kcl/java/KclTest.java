import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * The Kinesis client library, as it comes from Maven: its leases in our tables, every record of every shard, in the order
 * of its key, and none twice.
 */
final class KclTest {
  private static final int SHARDS = 3;
  private static final int KEYS = 50;
  private static final int RECORDS_OF_KEY = 60;
  private static final long PATIENCE_MS = 120_000;

  private static Server server;
  private static KinesisAsyncClient streams;
  private static DynamoDbAsyncClient tables;
  private static CloudWatchAsyncClient metrics;

  private static <B extends AwsClientBuilder<B, C>, C> B told(B builder) {
    return builder.endpointOverride(server.endpoint).region(Region.US_EAST_1).credentialsProvider(
        StaticCredentialsProvider.create(AwsBasicCredentials.create("millrace", "millrace-secret")));
  }

  @BeforeAll
  static void start() throws Exception {
    server = new Server();
    streams = KinesisClientUtil.createKinesisAsyncClient(told(KinesisAsyncClient.builder()));
    tables = told(DynamoDbAsyncClient.builder()).build();
    metrics = told(CloudWatchAsyncClient.builder()).build();
  }

  @AfterAll
  static void stop() throws Exception {
    streams.close();
    tables.close();
    metrics.close();
    server.close();
  }

  /** What came, by key. */
  private static final class Received {
    private final Map<String, List<Integer>> byKey = new ConcurrentHashMap<>();
    private int count = 0;

    synchronized void add(KinesisClientRecord record) {
      final byte[] bytes = new byte[record.data().remaining()];
      record.data().get(bytes);
      byKey.computeIfAbsent(record.partitionKey(), key -> new ArrayList<>()).add(Integer.valueOf(new String(bytes)));
      ++count;
    }

    synchronized int count() {
      return count;
    }
  }

  /** Checkpoints behind each batch and at a shard's end. */
  private record Processor(Received received) implements ShardRecordProcessor {
    @Override
    public void initialize(InitializationInput input) {}

    @Override
    public void processRecords(ProcessRecordsInput input) {
      input.records().forEach(received::add);
      checkpoint(input.checkpointer()::checkpoint);
    }

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shardEnded(ShardEndedInput input) {
      checkpoint(input.checkpointer()::checkpoint);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(input.checkpointer()::checkpoint);
    }

    private interface Checkpoint {
      void set() throws Exception;
    }

    private static void checkpoint(Checkpoint checkpoint) {
      try {
        checkpoint.set();
      } catch (Exception failed) {
        throw new IllegalStateException(failed);
      }
    }
  }

  private static void create(String name) throws Exception {
    streams.createStream(r -> r.streamName(name).shardCount(SHARDS)).get();
    streams.waiter().waitUntilStreamExists(r -> r.streamName(name)).get();
  }

  /** Numbers from `first` on to each key. */
  private static void put(String name, int first, int count) throws Exception {
    for (int number = first; number < first + count; ++number) {
      final List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (int key = 0; key < KEYS; ++key) {
        entries.add(PutRecordsRequestEntry.builder().partitionKey("key-" + key)
            .data(SdkBytes.fromUtf8String(Integer.toString(number))).build());
      }
      assertEquals(0, streams.putRecords(r -> r.streamName(name).records(entries)).get().failedRecordCount());
    }
  }

  private interface Meanwhile {
    void run(Received received) throws Exception;
  }

  private static void consume(String stream, RetrievalSpecificConfig retrieval, Meanwhile meanwhile) throws Exception {
    final Received received = new Received();
    final var configs = new ConfigsBuilder(
        new SingleStreamTracker(stream,
            InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)),
        "reader-of-" + stream, streams, tables, metrics, UUID.randomUUID().toString(), () -> new Processor(received));
    var retrievalConfig = configs.retrievalConfig();
    if (retrieval != null) retrievalConfig = retrievalConfig.retrievalSpecificConfig(retrieval);
    final var scheduler = new Scheduler(configs.checkpointConfig(), configs.coordinatorConfig(),
        configs.leaseManagementConfig().failoverTimeMillis(2_000).shardSyncIntervalMillis(1_000),
        configs.lifecycleConfig(), configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
        configs.processorConfig(), retrievalConfig);
    final Thread thread = new Thread(scheduler, "scheduler");
    thread.start();
    try {
      meanwhile.run(received);
      await(received, KEYS * RECORDS_OF_KEY);
    } finally {
      scheduler.startGracefulShutdown().get(PATIENCE_MS, TimeUnit.MILLISECONDS);
      thread.join(PATIENCE_MS);
    }
    final List<Integer> inOrder = java.util.stream.IntStream.range(0, RECORDS_OF_KEY).boxed().toList();
    assertEquals(KEYS, received.byKey.size());
    received.byKey.forEach((key, numbers) -> assertEquals(inOrder, numbers, key));
  }

  private static void await(Received received, int count) throws InterruptedException {
    final long since = System.currentTimeMillis();
    while (received.count() < count && System.currentTimeMillis() - since < PATIENCE_MS) Thread.sleep(50);
    Thread.sleep(500);  // for what should not come
    assertEquals(count, received.count());
  }

  private static PollingConfig polling(String stream) {
    return new PollingConfig(stream, streams).idleTimeBetweenReadsInMillis(250);
  }

  @Test
  void pollsEveryRecordInOrder() throws Exception {
    create("polled");
    put("polled", 0, RECORDS_OF_KEY / 2);
    consume("polled", polling("polled"), received -> put("polled", RECORDS_OF_KEY / 2, RECORDS_OF_KEY / 2));
    final var leases = tables.scan(r -> r.tableName("reader-of-polled")).get().items().stream()
        .filter(item -> item.containsKey("leaseKey") && item.get("leaseKey").s().startsWith("shardId-")).toList();
    assertEquals(SHARDS, leases.size());
  }

  /** As it reads unless it is told otherwise. */
  @Test
  void isSentEveryRecordInOrder() throws Exception {
    create("sent");
    put("sent", 0, RECORDS_OF_KEY / 2);
    consume("sent", null, received -> {
      await(received, KEYS * RECORDS_OF_KEY / 2);
      put("sent", RECORDS_OF_KEY / 2, RECORDS_OF_KEY / 2);
    });
    final String arn = streams.describeStreamSummary(r -> r.streamName("sent")).get().streamDescriptionSummary()
        .streamARN();
    assertEquals(1, streams.listStreamConsumers(r -> r.streamARN(arn)).get().consumers().size());
  }

  /** Parents to their ends before their children, or a key's numbers would come out of order. */
  @Test
  void followsShardsThatAreSplitAndMerged() throws Exception {
    create("resharded");
    final int part = RECORDS_OF_KEY / 4;
    put("resharded", 0, part);
    consume("resharded", polling("resharded"), received -> {
      final var shards = streams.listShards(r -> r.streamName("resharded")).get().shards();
      final var first = shards.get(0).hashKeyRange();
      final var middle = new java.math.BigInteger(first.startingHashKey())
          .add(new java.math.BigInteger(first.endingHashKey())).shiftRight(1);
      streams.splitShard(r -> r.streamName("resharded").shardToSplit(shards.get(0).shardId())
          .newStartingHashKey(middle.toString())).get();
      put("resharded", part, part);
      await(received, KEYS * 2 * part);
      streams.mergeShards(r -> r.streamName("resharded").shardToMerge(shards.get(1).shardId())
          .adjacentShardToMerge(shards.get(2).shardId())).get();
      put("resharded", 2 * part, RECORDS_OF_KEY - 2 * part);
    });
  }
}
