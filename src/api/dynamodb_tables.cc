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
  if (!members.name) return missing_member("tableName");
  TRY_ASSIGN(const std::string name, table::table_name_from(*members.name));
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

DynamoDb::State::Reply DynamoDb::State::describe_table(const Call& call, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(calls.ended());
  TRY_ASSIGN(const auto table, find_table(tables, name));
  DynamoDbReply reply;
  reply.body = "{\"Table\":";
  append_description(reply.body, call, *table);
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

DynamoDb::State::Reply DynamoDb::State::describe_time_to_live(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(calls.ended());
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

DynamoDb::State::Reply DynamoDb::State::update_time_to_live(const Call&, JsonObject body) {
  std::optional<std::string> table_name;
  std::optional<std::string> attribute;
  std::optional<bool> enabled;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "TableName") {
      TRY_ASSIGN(table_name, text_from(value));
    } else if (member == "TimeToLiveSpecification") {
      TRY_ASSIGN(const auto object, table::object_from_json(value));
      return each_member(object, [&](std::string_view inner, Json each) -> Result<void> {
        if (inner == "AttributeName") {
          TRY_ASSIGN(attribute, text_from(each));
        } else if (inner == "Enabled") {
          TRY_ASSIGN(enabled, table::boolean_from_json(each));
        }
        return {};
      });
    }
    return {};
  }));
  TRY(calls.ended());
  if (!table_name) return missing_member("tableName");
  if (!enabled) return missing_member("timeToLiveSpecification.enabled");
  if (!attribute) return missing_member("timeToLiveSpecification.attributeName");
  constexpr size_t name_max = 255;
  if (attribute->empty() || attribute->size() > name_max) {
    return broken_constraint(
        "timeToLiveSpecification.attributeName", *attribute,
        attribute->empty() ? "have length greater than or equal to 1" : "have length less than or equal to 255");
  }
  TRY_ASSIGN(const std::string name, table::table_name_from(*table_name));
  TRY(find_table(tables, name));
  TRY_ASSIGN(const auto table, tables.update(name, [&](TableDefinition& each) -> Result<void> {
    std::string& current = each.expiry_attribute;
    if (!current.empty() && current != *attribute) {
      return fail(ErrorKind::invalid_argument,
                  "TimeToLive is active on a different AttributeName: current AttributeName is {}", current);
    }
    if (current.empty() != *enabled) {
      return fail(ErrorKind::invalid_argument, "TimeToLive is already {}", *enabled ? "enabled" : "disabled");
    }
    current = *enabled ? *attribute : "";
    return {};
  }));
  DynamoDbReply reply;
  reply.commit = table->commit;
  reply.body = "{\"TimeToLiveSpecification\":{\"AttributeName\":";
  base::append_json_string(reply.body, *attribute);
  fmt::format_to(std::back_inserter(reply.body), ",\"Enabled\":{}}}}}", *enabled);
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::describe_continuous_backups(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body));
  TRY(find_table(tables, name));
  return DynamoDbReply{.body = R"({"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"DISABLED",)"
                               R"("PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}})"};
}

DynamoDb::State::Reply DynamoDb::State::list_tags(const Call&, JsonObject body) {
  TRY_ASSIGN(const std::string name, only_table_name(body, "ResourceArn"));
  TRY(calls.ended());
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

DynamoDb::State::Reply DynamoDb::State::tag_resource(const Call&, JsonObject body) {
  std::optional<std::string> arn;
  std::map<std::string, std::string, std::less<>> tags;
  bool has_tags = false;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "ResourceArn") {
      TRY_ASSIGN(arn, text_from(value));
    } else if (member == "Tags") {
      has_tags = true;
      return take_tags(value, tags);
    }
    return {};
  }));
  TRY(calls.ended());
  if (!arn) return missing_member("resourceArn");
  if (!has_tags) return missing_member("tags");
  return change_tags(*arn, [&](auto& current) -> Result<void> {
    for (const auto& [key, value] : tags) current.insert_or_assign(key, value);
    if (current.size() <= tags_max) return {};
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Too many tags: {} are the most", tags_max);
  });
}

DynamoDb::State::Reply DynamoDb::State::untag_resource(const Call&, JsonObject body) {
  std::optional<std::string> arn;
  std::vector<std::string> keys;
  bool has_keys = false;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "ResourceArn") {
      TRY_ASSIGN(arn, text_from(value));
    } else if (member == "TagKeys") {
      has_keys = true;
      return each_element(value, [&](Json each) -> Result<void> {
        TRY_ASSIGN(std::string key, text_from(each));
        keys.push_back(std::move(key));
        return {};
      });
    }
    return {};
  }));
  TRY(calls.ended());
  if (!arn) return missing_member("resourceArn");
  if (!has_keys) return missing_member("tagKeys");
  return change_tags(*arn, [&](auto& current) -> Result<void> {
    for (const std::string& key : keys) current.erase(key);
    return {};
  });
}

DynamoDb::State::Reply DynamoDb::State::change_tags(
    const std::string& arn,
    const std::function<Result<void>(std::map<std::string, std::string, std::less<>>&)>& change) {
  TRY_ASSIGN(const std::string name, table::table_name_from(arn));
  TRY(find_table(tables, name));
  TRY_ASSIGN(const auto table, tables.update(name, [&](TableDefinition& each) { return change(each.tags); }));
  // AWS answers these with nothing at all.
  return DynamoDbReply{.body = "", .commit = table->commit};
}

}  // namespace millrace::api
