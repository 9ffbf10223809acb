import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbEnhancedClient;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbTable;
import software.amazon.awssdk.enhanced.dynamodb.Expression;
import software.amazon.awssdk.enhanced.dynamodb.Key;
import software.amazon.awssdk.enhanced.dynamodb.TableSchema;
import software.amazon.awssdk.enhanced.dynamodb.extensions.annotations.DynamoDbVersionAttribute;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbBean;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondaryPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondarySortKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSortKey;
import software.amazon.awssdk.enhanced.dynamodb.model.ConditionCheck;
import software.amazon.awssdk.enhanced.dynamodb.model.QueryConditional;
import software.amazon.awssdk.enhanced.dynamodb.model.WriteBatch;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;
import software.amazon.awssdk.services.dynamodb.model.ProjectionType;
import software.amazon.awssdk.services.dynamodb.model.TransactionCanceledException;

/** Beans of the enhanced client, version 2: an index of the whole table, versions, batches and transactions. */
final class EnhancedClientTest {
  private static Server server;
  private static DynamoDbClient client;
  private static DynamoDbEnhancedClient enhanced;
  private static DynamoDbTable<Line> lines;

  /** A line of an order. */
  @DynamoDbBean
  public static final class Line {
    private String order;
    private Integer number;
    private String buyer;
    private Double price;
    private Set<String> tags;
    private Long version;

    public Line() {}

    Line(String order, int number, String buyer, double price) {
      this.order = order;
      this.number = number;
      this.buyer = buyer;
      this.price = price;
    }

    @DynamoDbPartitionKey
    public String getOrder() {
      return order;
    }
    public void setOrder(String to) {
      order = to;
    }
    @DynamoDbSortKey
    public Integer getNumber() {
      return number;
    }
    public void setNumber(Integer to) {
      number = to;
    }
    @DynamoDbSecondaryPartitionKey(indexNames = "of-buyer")
    public String getBuyer() {
      return buyer;
    }
    public void setBuyer(String to) {
      buyer = to;
    }
    @DynamoDbSecondarySortKey(indexNames = "of-buyer")
    public Double getPrice() {
      return price;
    }
    public void setPrice(Double to) {
      price = to;
    }
    public Set<String> getTags() {
      return tags;
    }
    public void setTags(Set<String> to) {
      tags = to;
    }
    @DynamoDbVersionAttribute
    public Long getVersion() {
      return version;
    }
    public void setVersion(Long to) {
      version = to;
    }
  }

  @BeforeAll
  static void start() throws Exception {
    server = new Server();
    client = DynamoDbClient.builder().endpointOverride(server.endpoint).region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("millrace", "millrace-secret")))
        .build();
    enhanced = DynamoDbEnhancedClient.builder().dynamoDbClient(client).build();
    lines = enhanced.table("Lines", TableSchema.fromBean(Line.class));
    lines.createTable(r -> r.globalSecondaryIndices(
        i -> i.indexName("of-buyer").projection(p -> p.projectionType(ProjectionType.ALL))));
    client.waiter().waitUntilTableExists(r -> r.tableName("Lines"));
  }

  @AfterAll
  static void stop() throws Exception {
    client.close();
    server.close();
  }

  private static Key key(String order, int number) {
    return Key.builder().partitionValue(order).sortValue(number).build();
  }

  @Test
  void aVersionKeepsWritersFromEachOther() {
    final Line line = new Line("v", 1, "ann", 2.5);
    line.setTags(Set.of("a", "b"));
    lines.putItem(line);
    final Line mine = lines.getItem(key("v", 1));
    final Line other = lines.getItem(key("v", 1));
    mine.setPrice(3.5);
    assertEquals(mine.getVersion() + 1, lines.updateItem(mine).getVersion());
    other.setPrice(9.0);
    assertThrows(ConditionalCheckFailedException.class, () -> lines.updateItem(other));
    assertEquals(3.5, lines.getItem(key("v", 1)).getPrice());
    assertEquals(Set.of("a", "b"), lines.getItem(key("v", 1)).getTags());
  }

  @Test
  void anIndexIsQueriedInItsOrder() {
    for (int i = 0; i < 20; ++i) lines.putItem(new Line("b", i, "bob", 20 - i));
    final var cheap = QueryConditional.sortLessThanOrEqualTo(k -> k.partitionValue("bob").sortValue(3.0));
    final List<Integer> numbers = lines.index("of-buyer").query(r -> r.queryConditional(cheap).limit(2)).stream()
        .flatMap(page -> page.items().stream()).map(Line::getNumber).toList();
    assertEquals(List.of(19, 18, 17), numbers);
    // Such a bean is written one by one; a batch deletes.
    final WriteBatch.Builder<Line> batch = WriteBatch.builder(Line.class).mappedTableResource(lines);
    for (final int number : numbers) batch.addDeleteItem(key("b", number));
    enhanced.batchWriteItem(r -> r.addWriteBatch(batch.build()));
    assertEquals(17, lines.index("of-buyer").query(r -> r.queryConditional(
        QueryConditional.keyEqualTo(k -> k.partitionValue("bob")))).stream().mapToInt(page -> page.items().size()).sum());
  }

  @Test
  void transactionsAreWhole() {
    lines.putItem(new Line("t", 1, "cy", 1));
    final Expression isDear = Expression.builder().expression("price > :p")
        .putExpressionValue(":p", AttributeValue.fromN("100")).build();
    assertThrows(TransactionCanceledException.class, () -> enhanced.transactWriteItems(r -> r
        .addPutItem(lines, new Line("t", 2, "cy", 2))
        .addConditionCheck(lines, ConditionCheck.builder().key(key("t", 1)).conditionExpression(isDear).build())));
    assertNull(lines.getItem(key("t", 2)));
    enhanced.transactWriteItems(r -> r.addPutItem(lines, new Line("t", 2, "cy", 2)).addDeleteItem(lines, key("t", 1)));
    final var found = enhanced.transactGetItems(r -> r.addGetItem(lines, key("t", 1)).addGetItem(lines, key("t", 2)));
    assertNull(found.get(0).getItem(lines));
    assertEquals(2.0, found.get(1).getItem(lines).getPrice());
  }
}
