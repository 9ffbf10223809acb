// CreateTable, DescribeTable, ListTables, DeleteTable, and what tools describe beside a table.

#include <algorithm>
#include <array>

#include "api/dynamodb_request.h"
#include "base/bytes.h"
#include "base/json_string.h"

namespace millrace::api {
namespace {

using table::TableDefinition;

constexpr int64_t units_max = 1'000'000'000'000;
// What AWS says of a new table without provisioned throughput.
constexpr int64_t warm_read_units = 12'000;
constexpr int64_t warm_write_units = 4'000;

// How a table is billed changes nothing here; it is kept so that tools find what they asked for.
struct Billing {
  bool provisioned = false;
  int64_t read_units = 0;
  int64_t write_units = 0;
};

std::string billing_record(const TableDefinition& table) {
  return fmt::format("aws/billing/{}", table.keyspace);
}

std::string encode(const Billing& billing) {
  std::string out;
  base::put_u8(out, billing.provisioned ? 1 : 0);
  base::put_signed_varint(out, billing.read_units);
  base::put_signed_varint(out, billing.write_units);
  return out;
}

Result<Billing> billing_of(table::Tables& tables, const TableDefinition& table) {
  TRY_ASSIGN(const auto record, tables.get_record(billing_record(table)));
  Billing billing;
  if (!record) return billing;  // made by a job or at the start, not by a client
  base::ByteReader in(*record);
  billing.provisioned = in.u8() != 0;
  billing.read_units = in.signed_varint();
  billing.write_units = in.signed_varint();
  if (!in.ok() || !in.done()) {
    return fail(ErrorKind::corrupt, "the billing record of table {} is damaged", table.name);
  }
  return billing;
}

// The members of a CreateTable as they come.
struct CreateArguments {
  struct Key {
    std::string name;
    std::string role;
  };

  std::optional<std::string> name;
  bool has_attributes = false;
  bool has_keys = false;
  std::vector<table::KeyAttribute> attributes;
  std::vector<Key> keys;
  std::optional<std::string> billing_mode;
  std::optional<int64_t> read_units;
  std::optional<int64_t> write_units;
  std::optional<bool> stream_enabled;
  std::optional<std::string> stream_view;

  Result<void> take(std::string_view member, Json value);
  Result<TableDefinition> definition() const;
  Result<Billing> billing() const;

 private:
  Result<void> take_attribute(Json value);
  Result<void> take_key(Json value);
  Result<void> take_throughput(Json value);
  Result<void> take_stream(Json value);
  static Result<void> refuse_feature(std::string_view member, Json value);
  Result<table::KeyAttribute> attribute(const std::string& name) const;
  std::string listed_attributes() const;
};

Result<void> CreateArguments::take(std::string_view member, Json value) {
  if (member == "TableName") {
    TRY_ASSIGN(name, text_from(value));
  } else if (member == "AttributeDefinitions") {
    has_attributes = true;
    return each_element(value, [this](Json each) { return take_attribute(each); });
  } else if (member == "KeySchema") {
    has_keys = true;
    return each_element(value, [this](Json each) { return take_key(each); });
  } else if (member == "BillingMode") {
    TRY_ASSIGN(billing_mode, text_from(value));
    constexpr std::array<std::string_view, 2> modes = {"PROVISIONED", "PAY_PER_REQUEST"};
    return check_one_of("billingMode", *billing_mode, modes);
  } else if (member == "ProvisionedThroughput") {
    return take_throughput(value);
  } else if (member == "StreamSpecification") {
    return take_stream(value);
  } else {
    return refuse_feature(member, value);
  }
  return {};
}

Result<void> CreateArguments::take_attribute(Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  std::optional<std::string> attribute_name;
  std::optional<std::string> type;
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "AttributeName") {
      TRY_ASSIGN(attribute_name, text_from(each));
    } else if (member == "AttributeType") {
      TRY_ASSIGN(type, text_from(each));
    }
    return {};
  }));
  if (!attribute_name) return missing_member("attributeDefinitions.1.member.attributeName");
  if (!type) return missing_member("attributeDefinitions.1.member.attributeType");
  constexpr std::array<std::string_view, 3> types = {"B", "N", "S"};
  TRY(check_one_of("attributeDefinitions.1.member.attributeType", *type, types));
  const bool repeated = std::ranges::any_of(attributes, [&](const auto& each) { return each.name == *attribute_name; });
  if (repeated) {
    return fail(ErrorKind::invalid_argument, "Cannot have two attributes with the same name: {}", *attribute_name);
  }
  attributes.push_back({*attribute_name, *type == "S"   ? table::KeyType::string
                                         : *type == "N" ? table::KeyType::number
                                                        : table::KeyType::binary});
  return {};
}

Result<void> CreateArguments::take_key(Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  Key key;
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "AttributeName") {
      TRY_ASSIGN(key.name, text_from(each));
    } else if (member == "KeyType") {
      TRY_ASSIGN(key.role, text_from(each));
      constexpr std::array<std::string_view, 2> roles = {"HASH", "RANGE"};
      TRY(check_one_of("keySchema.1.member.keyType", key.role, roles));
    }
    return {};
  }));
  if (key.name.empty()) return missing_member("keySchema.1.member.attributeName");
  if (key.role.empty()) return missing_member("keySchema.1.member.keyType");
  keys.push_back(std::move(key));
  return {};
}

Result<void> CreateArguments::take_throughput(Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "ReadCapacityUnits") {
      TRY_ASSIGN(read_units, integer_from(each));
    } else if (member == "WriteCapacityUnits") {
      TRY_ASSIGN(write_units, integer_from(each));
    }
    return {};
  }));
  if (!read_units) return missing_member("provisionedThroughput.readCapacityUnits");
  if (!write_units) return missing_member("provisionedThroughput.writeCapacityUnits");
  TRY(check_between("provisionedThroughput.readCapacityUnits", read_units, 1, units_max));
  return check_between("provisionedThroughput.writeCapacityUnits", write_units, 1, units_max);
}

Result<void> CreateArguments::take_stream(Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "StreamEnabled") {
      TRY_ASSIGN(stream_enabled, table::boolean_from_json(each));
    } else if (member == "StreamViewType") {
      TRY_ASSIGN(stream_view, text_from(each));
    }
    return {};
  }));
  if (!stream_enabled) return missing_member("streamSpecification.streamEnabled");
  return {};
}

// A parameter that would make the table another one is refused; what asks for the default is fine, and what is unknown
// is left alone, as AWS does.
Result<void> CreateArguments::refuse_feature(std::string_view member, Json value) {
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorKind::invalid_argument, "{}: {} are not supported yet; create the table without them", member,
                what);
  };
  if (member == "GlobalSecondaryIndexes" || member == "LocalSecondaryIndexes" || member == "Tags") {
    size_t count = 0;
    TRY(each_element(value, [&](Json) -> Result<void> {
      ++count;
      return {};
    }));
    if (count > 0) return refuse(member == "Tags" ? "tags of tables" : "secondary indexes");
  } else if (member == "SSESpecification") {
    TRY_ASSIGN(const auto object, table::object_from_json(value));
    bool enabled = false;
    TRY(each_member(object, [&](std::string_view each, Json setting) -> Result<void> {
      if (each != "Enabled") return {};
      TRY_ASSIGN(enabled, table::boolean_from_json(setting));
      return {};
    }));
    if (enabled) return refuse("keys for encryption at rest");
  } else if (member == "TableClass") {
    TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
    if (text != "STANDARD") return refuse("classes of tables other than STANDARD");
  } else if (member == "DeletionProtectionEnabled") {
    TRY_ASSIGN(const bool enabled, table::boolean_from_json(value));
    if (enabled) return refuse("tables protected from deletion");
  } else if (member == "ResourcePolicy") {
    return refuse("policies of resources");
  } else if (member == "OnDemandThroughput" || member == "WarmThroughput") {
    return refuse("limits and reserves of throughput");
  }
  return {};
}

std::string CreateArguments::listed_attributes() const {
  std::string out;
  for (const auto& each : attributes) out += (out.empty() ? "" : ", ") + each.name;
  return out;
}

Result<table::KeyAttribute> CreateArguments::attribute(const std::string& attribute_name) const {
  const auto found = std::ranges::find(attributes, attribute_name, &table::KeyAttribute::name);
  if (found != attributes.end()) return *found;
  return invalid_parameter(
      fmt::format("Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], "
                  "AttributeDefinitions: [{}]",
                  attribute_name, listed_attributes()));
}

Result<TableDefinition> CreateArguments::definition() const {
  if (!name) return missing_member("tableName");
  if (!has_attributes) return missing_member("attributeDefinitions");
  if (!has_keys) return missing_member("keySchema");
  if (keys.empty() || keys.size() > 2) {
    return broken_constraint(
        "keySchema", fmt::format("{} elements", keys.size()),
        keys.empty() ? "have length greater than or equal to 1" : "have length less than or equal to 2");
  }
  TableDefinition definition;
  TRY_ASSIGN(definition.name, table::table_name_from(*name));
  if (keys[0].role != "HASH") {
    return fail(ErrorKind::invalid_argument, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  TRY_ASSIGN(definition.hash_key, attribute(keys[0].name));
  if (keys.size() == 2) {
    if (keys[1].role != "RANGE") {
      return fail(ErrorKind::invalid_argument,
                  "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    if (keys[1].name == keys[0].name) {
      return fail(ErrorKind::invalid_argument,
                  "Both the Hash Key and the Range Key element in the KeySchema have the same name");
    }
    TRY_ASSIGN(definition.range_key, attribute(keys[1].name));
  }
  if (attributes.size() != keys.size()) {
    return invalid_parameter(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in "
        "AttributeDefinitions");
  }
  if (stream_enabled && *stream_enabled) {
    if (!stream_view) return invalid_parameter("StreamViewType is required when StreamEnabled is true");
    TRY_ASSIGN(definition.change_feed, view_type_from(*stream_view));
  } else if (stream_view) {
    return invalid_parameter("StreamViewType can only be specified when StreamEnabled is true");
  }
  return definition;
}

Result<Billing> CreateArguments::billing() const {
  if (billing_mode == "PAY_PER_REQUEST") {
    if (read_units) {
      return invalid_parameter(
          "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
    }
    return Billing();
  }
  if (!read_units) {
    return invalid_parameter(
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
  }
  return Billing{true, *read_units, *write_units};
}

// Stable and different for each table, whatever its name was used for before.
std::string table_id(const TableDefinition& table) {
  std::string seed = table.name;
  base::put_fixed(seed, table.keyspace.value);
  base::put_fixed(seed, table.created.value);
  const uint64_t high = base::hash64(seed, 1);
  const uint64_t low = base::hash64(seed, 2);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                     0x8000 | (low >> 48 & 0x3fff), low & 0xffff'ffff'ffff);
}

Result<std::string> only_table_name(JsonObject body, std::string_view member = "TableName") {
  std::optional<std::string> name;
  TRY(each_member(body, [&](std::string_view each, Json value) -> Result<void> {
    if (each != member) return {};
    TRY_ASSIGN(name, text_from(value));
    return {};
  }));
  if (!name) return missing_member(member == "TableName" ? "tableName" : "resourceArn");
  return table::table_name_from(*name);
}

// The words of the operations on tables; those on items say less.
Result<table::TablePtr> find_table(const table::Tables& tables, const std::string& name) {
  auto found = tables.find(name);
  if (!found && found.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", name);
  }
  return found;
}

}  // namespace

void DynamoDb::State::append_description(std::string& out, const Call& call, const TableDefinition& table,
                                         std::string_view status) {
  const auto billing = billing_of(tables, table).value_or(Billing());
  const std::string arn = table_arn(call.region, options.account_id, table.name);
  const auto put = std::back_inserter(out);
  out += '{';
  append_attribute_definitions(out, table);
  fmt::format_to(put, ",\"TableName\":\"{}\",", table.name);
  append_key_schema(out, table);
  fmt::format_to(put, ",\"TableStatus\":\"{}\",\"CreationDateTime\":", status);
  append_time(out, table.created);
  fmt::format_to(put,
                 ",\"ProvisionedThroughput\":{{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":{},"
                 "\"WriteCapacityUnits\":{}}}",
                 billing.read_units, billing.write_units);
  if (!billing.provisioned) {
    out += ",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\",\"LastUpdateToPayPerRequestDateTime\":";
    append_time(out, table.created);
    out += '}';
  }
  fmt::format_to(put,
                 ",\"WarmThroughput\":{{\"ReadUnitsPerSecond\":{},\"WriteUnitsPerSecond\":{},\"Status\":\"ACTIVE\"}}",
                 billing.provisioned ? billing.read_units : warm_read_units,
                 billing.provisioned ? billing.write_units : warm_write_units);
  fmt::format_to(put,
                 ",\"TableSizeBytes\":{},\"ItemCount\":{},\"TableArn\":\"{}\",\"TableId\":\"{}\","
                 "\"DeletionProtectionEnabled\":false",
                 tables.size_bytes(table), tables.item_count(table), arn, table_id(table));
  if (table.change_feed) {
    fmt::format_to(put,
                   ",\"StreamSpecification\":{{\"StreamEnabled\":true,\"StreamViewType\":\"{}\"}},"
                   "\"LatestStreamLabel\":\"{}\",\"LatestStreamArn\":\"{}\"",
                   view_type_name(*table.change_feed), table.feed_label,
                   feed_arn(call.region, options.account_id, table));
  }
  out += '}';
}

DynamoDb::State::Reply DynamoDb::State::create_table(const Call& call, JsonObject body) {
  CreateArguments arguments;
  TRY(each_member(body, [&](std::string_view member, Json value) { return arguments.take(member, value); }));
  TRY(calls.ended());
  TRY_ASSIGN(auto definition, arguments.definition());
  TRY_ASSIGN(const Billing billing, arguments.billing());
  const auto records_of = [&](const TableDefinition& table) -> table::Tables::Records {
    if (!billing.provisioned) return {};
    return {{billing_record(table), encode(billing)}};
  };
  TRY_ASSIGN(const auto table, tables.create(std::move(definition), records_of));

  DynamoDbReply reply;
  reply.commit = table->commit;
  // Usable at once: there is no CREATING to wait for.
  reply.body = "{\"TableDescription\":";
  append_description(reply.body, call, *table, "ACTIVE");
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_table(const Call& call, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(calls.ended());
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"Table\":";
  append_description(reply.body, call, *table, "ACTIVE");
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::list_tables(const Call&, JsonObject body) {
  std::string start;
  std::optional<int64_t> limit;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "ExclusiveStartTableName") {
      TRY_ASSIGN(start, text_from(value));
    } else if (member == "Limit") {
      TRY_ASSIGN(limit, integer_from(value));
    }
    return {};
  }));
  TRY(calls.ended());
  TRY(check_between("limit", limit, 1, tables_per_list_max));
  const auto count_max = static_cast<size_t>(limit.value_or(tables_per_list_max));
  DynamoDbReply reply;
  reply.body = "{\"TableNames\":[";
  size_t count = 0;
  std::string_view last;
  const auto all = tables.list();
  for (const auto& table : all) {
    if (!start.empty() && table->name <= start) continue;
    if (count == count_max) {
      fmt::format_to(std::back_inserter(reply.body), "],\"LastEvaluatedTableName\":\"{}\"}}", last);
      return reply;
    }
    if (count++ > 0) reply.body += ',';
    base::append_json_string(reply.body, table->name);
    last = table->name;
  }
  reply.body += "]}";
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::delete_table(const Call& call, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(calls.ended());
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"TableDescription\":";
  append_description(reply.body, call, *table, "DELETING");
  reply.body += '}';
  const std::array records = {billing_record(*table)};
  TRY_ASSIGN(reply.commit, tables.drop(name, records));
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_time_to_live(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(find_table(tables, name));
  return DynamoDbReply{.body = R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}})"};
}

DynamoDb::State::Reply DynamoDb::State::describe_continuous_backups(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(find_table(tables, name));
  return DynamoDbReply{.body = R"({"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"DISABLED",)"
                               R"("PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}})"};
}

DynamoDb::State::Reply DynamoDb::State::list_tags(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body, "ResourceArn"));
  TRY(find_table(tables, name));
  return DynamoDbReply{.body = R"({"Tags":[]})"};
}

}  // namespace millrace::api
