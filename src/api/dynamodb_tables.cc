// CreateTable, UpdateTable, DescribeTable, ListTables, DeleteTable; time to live, tags, and what tools describe beside
// a table.

#include <algorithm>

#include "api/dynamodb_request.h"
#include "api/dynamodb_table_members.h"
#include "base/json_string.h"

namespace millrace::api {
namespace {

using table::TableDefinition;

constexpr size_t tags_max = 50;

// The words of the operations on tables; those on items say less.
Result<table::TablePtr> find_table(const table::Tables& tables, const std::string& name) {
  auto found = tables.find(name);
  if (!found && found.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", name);
  }
  return found;
}

}  // namespace

DynamoDb::State::Reply DynamoDb::State::create_table(const Call& call, JsonObject body) {
  TableMembers members;
  TRY(each_member(body, [&](std::string_view member, Json value) { return members.take(member, value); }));
  TRY(calls.ended());
  TRY_ASSIGN(auto definition, members.definition());
  TRY_ASSIGN(const auto table, tables.create(std::move(definition)));

  DynamoDbReply reply;
  reply.commit = table->commit;
  // Usable at once: there is no CREATING to wait for.
  reply.body = "{\"TableDescription\":";
  append_description(reply.body, call, *table);
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::update_table(const Call& call, JsonObject body) {
  TableMembers members;
  TRY(each_member(body, [&](std::string_view member, Json value) { return members.take(member, value); }));
  TRY(calls.ended());
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY(find_table(tables, name));
  const auto now = base::system_clock().now();
  TRY_ASSIGN(const auto table, tables.update(name, [&](TableDefinition& each) { return members.change(each, now); }));

  DynamoDbReply reply;
  reply.commit = table->commit;
  reply.body = "{\"TableDescription\":";
  append_description(reply.body, call, *table);
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_table(const Call& call) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"Table\":";
  append_description(reply.body, call, *table);
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::list_tables(const Call& call) {
  const std::string_view start = call.input.text("ExclusiveStartTableName").value_or("");
  const auto limit = call.input.integer("Limit");
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

DynamoDb::State::Reply DynamoDb::State::delete_table(const Call& call) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY_ASSIGN(const auto table, find_table(tables, name));
  if (table->deletion_protected) {
    return fail(ErrorKind::invalid_argument,
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
                "first.");
  }
  DynamoDbReply reply;
  reply.body = "{\"TableDescription\":";
  append_description(reply.body, call, *table, "DELETING");
  reply.body += '}';
  TRY_ASSIGN(reply.commit, tables.drop(name));
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_time_to_live(const Call& call) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":";
  if (table->expiry_attribute.empty()) {
    reply.body += "\"DISABLED\"}}";
    return reply;
  }
  reply.body += "\"ENABLED\",\"AttributeName\":";
  base::append_json_string(reply.body, table->expiry_attribute);
  reply.body += "}}";
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::update_time_to_live(const Call& call) {
  const aws::Value& wanted = *call.input.find("TimeToLiveSpecification");
  const std::string attribute(*wanted.text("AttributeName"));
  const bool enabled = *wanted.boolean("Enabled");
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY(find_table(tables, name));
  TRY_ASSIGN(const auto table, tables.update(name, [&](TableDefinition& each) -> Result<void> {
    std::string& current = each.expiry_attribute;
    if (!current.empty() && current != attribute) {
      return fail(ErrorKind::invalid_argument,
                  "TimeToLive is active on a different AttributeName: current AttributeName is {}", current);
    }
    if (current.empty() != enabled) {
      return fail(ErrorKind::invalid_argument, "TimeToLive is already {}", enabled ? "enabled" : "disabled");
    }
    current = enabled ? attribute : "";
    return {};
  }));
  DynamoDbReply reply;
  reply.commit = table->commit;
  reply.body = "{\"TimeToLiveSpecification\":{\"AttributeName\":";
  base::append_json_string(reply.body, attribute);
  fmt::format_to(std::back_inserter(reply.body), ",\"Enabled\":{}}}}}", enabled);
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_continuous_backups(const Call& call) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("TableName")));
  TRY(find_table(tables, name));
  return DynamoDbReply{.body = R"({"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"DISABLED",)"
                               R"("PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}})"};
}

DynamoDb::State::Reply DynamoDb::State::list_tags(const Call& call) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("ResourceArn")));
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"Tags\":[";
  for (const auto& [key, value] : table->tags) {
    if (reply.body.back() != '[') reply.body += ',';
    reply.body += "{\"Key\":";
    base::append_json_string(reply.body, key);
    reply.body += ",\"Value\":";
    base::append_json_string(reply.body, value);
    reply.body += '}';
  }
  reply.body += "]}";
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::tag_resource(const Call& call) {
  return change_tags(call, [&](auto& current) -> Result<void> {
    for (const aws::Value& tag : call.input.find("Tags")->list()) {
      current.insert_or_assign(std::string(*tag.text("Key")), std::string(*tag.text("Value")));
    }
    if (current.size() <= tags_max) return {};
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Too many tags: {} are the most", tags_max);
  });
}

DynamoDb::State::Reply DynamoDb::State::untag_resource(const Call& call) {
  return change_tags(call, [&](auto& current) -> Result<void> {
    for (const aws::Value& key : call.input.find("TagKeys")->list()) {
      if (const auto at = current.find(key.text()); at != current.end()) current.erase(at);
    }
    return {};
  });
}

DynamoDb::State::Reply DynamoDb::State::change_tags(
    const Call& call, const std::function<Result<void>(std::map<std::string, std::string, std::less<>>&)>& change) {
  TRY_ASSIGN(const std::string name, table_name(call, *call.input.text("ResourceArn")));
  TRY(find_table(tables, name));
  TRY_ASSIGN(const auto table, tables.update(name, [&](TableDefinition& each) { return change(each.tags); }));
  // AWS answers these with nothing at all.
  return DynamoDbReply{.body = "", .commit = table->commit};
}

}  // namespace millrace::api
