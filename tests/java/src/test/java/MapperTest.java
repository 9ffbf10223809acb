import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDB;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBAttribute;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBHashKey;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBIndexHashKey;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapper;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBQueryExpression;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBRangeKey;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBScanExpression;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBTable;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBVersionAttribute;
import com.amazonaws.services.dynamodbv2.document.DynamoDB;
import com.amazonaws.services.dynamodbv2.document.Expected;
import com.amazonaws.services.dynamodbv2.document.Item;
import com.amazonaws.services.dynamodbv2.document.RangeKeyCondition;
import com.amazonaws.services.dynamodbv2.document.Table;
import com.amazonaws.services.dynamodbv2.document.spec.PutItemSpec;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.amazonaws.services.dynamodbv2.model.ComparisonOperator;
import com.amazonaws.services.dynamodbv2.model.Condition;
import com.amazonaws.services.dynamodbv2.model.ConditionalCheckFailedException;
import com.amazonaws.services.dynamodbv2.model.Projection;
import com.amazonaws.services.dynamodbv2.model.ProvisionedThroughput;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Version 1 of the SDK: its mapper and its documents, which ask with Expected, AttributeUpdates and KeyConditions. */
final class MapperTest {
  private static Server server;
  private static AmazonDynamoDB client;
  private static DynamoDBMapper mapper;
  private static Table table;

  /** A line of an order. */
  @DynamoDBTable(tableName = "MappedLines")
  public static final class Line {
    private String order;
    private Integer number;
    private String buyer;
    private Double price;
    private Long version;

    public Line() {}

    Line(String order, int number, String buyer, double price) {
      this.order = order;
      this.number = number;
      this.buyer = buyer;
      this.price = price;
    }

    @DynamoDBHashKey
    public String getOrder() {
      return order;
    }
    public void setOrder(String to) {
      order = to;
    }
    @DynamoDBRangeKey
    public Integer getNumber() {
      return number;
    }
    public void setNumber(Integer to) {
      number = to;
    }
    @DynamoDBIndexHashKey(globalSecondaryIndexName = "of-buyer")
    public String getBuyer() {
      return buyer;
    }
    public void setBuyer(String to) {
      buyer = to;
    }
    @DynamoDBAttribute
    public Double getPrice() {
      return price;
    }
    public void setPrice(Double to) {
      price = to;
    }
    @DynamoDBVersionAttribute
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
    client = AmazonDynamoDBClientBuilder.standard()
        .withEndpointConfiguration(new EndpointConfiguration(server.endpoint.toString(), "us-east-1"))
        .withCredentials(new AWSStaticCredentialsProvider(new BasicAWSCredentials("millrace", "millrace-secret")))
        .build();
    mapper = new DynamoDBMapper(client);
    final var throughput = new ProvisionedThroughput(5L, 5L);
    final var request = mapper.generateCreateTableRequest(Line.class).withProvisionedThroughput(throughput);
    request.getGlobalSecondaryIndexes()
        .forEach(index -> index.withProvisionedThroughput(throughput)
            .withProjection(new Projection().withProjectionType("ALL")));
    table = new DynamoDB(client).createTable(request);
    table.waitForActive();
  }

  @AfterAll
  static void stop() throws Exception {
    client.shutdown();
    server.close();
  }

  @Test
  void savesLoadsAndKeepsWritersFromEachOther() {
    mapper.save(new Line("v", 1, "ann", 2.5));
    final Line mine = mapper.load(Line.class, "v", 1);
    final Line other = mapper.load(Line.class, "v", 1);
    mine.setPrice(null);
    mapper.save(mine);
    other.setPrice(9.0);
    assertThrows(ConditionalCheckFailedException.class, () -> mapper.save(other));
    assertNull(mapper.load(Line.class, "v", 1).getPrice());
    mapper.delete(mapper.load(Line.class, "v", 1));
    assertNull(mapper.load(Line.class, "v", 1));
  }

  @Test
  void queriesAndScans() {
    for (int i = 0; i < 30; ++i) mapper.save(new Line("q", i, i % 2 == 0 ? "bob" : "cy", i));
    final Condition above = new Condition().withComparisonOperator(ComparisonOperator.GT)
        .withAttributeValueList(new AttributeValue().withN("24"));
    final Line ofOrder = new Line();
    ofOrder.setOrder("q");
    final List<Integer> last = mapper.query(Line.class, new DynamoDBQueryExpression<Line>().withHashKeyValues(ofOrder)
        .withRangeKeyCondition("number", above).withScanIndexForward(false)).stream().map(Line::getNumber).toList();
    assertEquals(List.of(29, 28, 27, 26, 25), last);
    final Line ofBuyer = new Line();
    ofBuyer.setBuyer("bob");
    assertEquals(15, mapper.query(Line.class, new DynamoDBQueryExpression<Line>().withHashKeyValues(ofBuyer)
        .withIndexName("of-buyer").withConsistentRead(false)).size());
    assertEquals(5, mapper.count(Line.class, new DynamoDBScanExpression().withFilterConditionEntry("price", above)));
  }

  @Test
  void documents() {
    final Item item = new Item().withPrimaryKey("order", "d", "number", 1).withString("buyer", "eve")
        .withMap("address", java.util.Map.of("city", "Rome"));
    table.putItem(new PutItemSpec().withItem(item).withExpected(new Expected("order").notExist()));
    assertThrows(ConditionalCheckFailedException.class,
        () -> table.putItem(new PutItemSpec().withItem(item).withExpected(new Expected("order").notExist())));
    table.putItem(new Item().withPrimaryKey("order", "d", "number", 5));
    final var found = table.query("order", "d", new RangeKeyCondition("number").between(1, 4));
    assertEquals(List.of("Rome"), StreamSupport.stream(found.spliterator(), false)
        .map(each -> (String) each.getMap("address").get("city")).toList());
  }
}
