// PutItem, UpdateItem, DeleteItem, GetItem.

#include "api/dynamodb_request.h"
#include "table/keys.h"
#include "table/legacy_json.h"

namespace millrace::api {
namespace {

using Kind = table::WriteRequest::Kind;

constexpr size_t reply_slack = 64;

}  // namespace

size_t size_of_stored(const store::Bytes& stored) {
  return stored ? table::stored_item_size(*stored).value_or(0) : 0;
}

Result<void> append_item(std::string& out, const table::GetResult& read) {
  if (!read.projected) return table::put_json_of_stored(out, *read.stored);
  table::put_json(out, *read.projected);
  return {};
}

Result<size_t> stored_item_size(table::Tables& tables, const std::string& table_name, const table::Item& item) {
  TRY_ASSIGN(const auto definition, tables.find(table_name));
  std::string key;
  TRY(table::put_key_of_item(key, *definition, item));
  TRY_ASSIGN(const auto read, tables.get_stored(*definition, key));
  return size_of_stored(read.value);
}

Result<CapacityWanted> DynamoDb::State::capacity_wanted(const Call& call) {
  // Asked for seldom: without the word in the body there is nothing to look for.
  constexpr std::string_view member = "ReturnConsumedCapacity";
  if (call.body.find(member) == std::string_view::npos) return CapacityWanted::none;
  TRY_ASSIGN(const auto text, calls.text_member(member));
  return text ? capacity_wanted_from(*text) : CapacityWanted::none;
}

DynamoDb::State::Reply DynamoDb::State::write(const Call& call, Kind kind, JsonObject body) {
  const table::TablePlace here = place(call);
  TRY_ASSIGN(const table::WriteRequest request, table::write_from_json(kind, body, &here));
  TRY(calls.ended());
  TRY_ASSIGN(const CapacityWanted wanted, capacity_wanted(call));
  size_t old_bytes = 0;
  // A key that is wrong is refused by the write, in its words.
  if (wanted != CapacityWanted::none) {
    old_bytes = stored_item_size(tables, request.table, request.item).value_or(0);
  }
  TRY_ASSIGN(const table::WriteResult result, tables.write(request));

  DynamoDbReply reply;
  reply.commit = result.commit;
  if (!result.condition_held) {
    reply.error = AwsError{400, "ConditionalCheckFailedException", "The conditional request failed"};
    if (result.attributes) {
      reply.error->members = "\"Item\":";
      table::put_json(reply.error->members, *result.attributes);
    }
    return reply;
  }
  ++counters.items_written;
  reply.body = "{";
  if (result.attributes) {
    reply.body += "\"Attributes\":";
    table::put_json(reply.body, *result.attributes);
  }
  if (wanted != CapacityWanted::none) {
    size_t new_bytes = 0;
    if (kind == Kind::put) {
      new_bytes = table::item_size(request.item);
    } else if (kind == Kind::update) {
      TRY_ASSIGN(new_bytes, stored_item_size(tables, request.table, request.item));
    }
    reply.body += result.attributes ? ",\"ConsumedCapacity\":" : "\"ConsumedCapacity\":";
    append_capacity(reply.body, request.table, write_units(old_bytes, new_bytes), wanted);
  }
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::put_item(const Call& call, JsonObject body) {
  return write(call, Kind::put, body);
}
DynamoDb::State::Reply DynamoDb::State::update_item(const Call& call, JsonObject body) {
  return write(call, Kind::update, body);
}
DynamoDb::State::Reply DynamoDb::State::delete_item(const Call& call, JsonObject body) {
  return write(call, Kind::erase, body);
}

DynamoDb::State::Reply DynamoDb::State::get_item(const Call& call, JsonObject body) {
  table::GetRequest request;
  table::ExpressionMembers expression;
  table::LegacyMembers legacy;
  std::optional<std::string> table_name;
  std::optional<std::string> projection;
  bool has_key = false;
  bool consistent = false;
  CapacityWanted wanted = CapacityWanted::none;
  TRY(each_member(body, [&](std::string_view name, Json value) -> Result<void> {
    if (name == "TableName") {
      TRY_ASSIGN(table_name, text_from(value));
    } else if (name == "Key") {
      TRY_ASSIGN(const auto object, table::object_from_json(value));
      TRY_ASSIGN(request.key, table::item_from_json(object));
      has_key = true;
    } else if (name == "ConsistentRead") {
      TRY_ASSIGN(consistent, table::boolean_from_json(value));
    } else if (name == "ProjectionExpression") {
      TRY_ASSIGN(projection, text_from(value));
    } else if (name == "ReturnConsumedCapacity") {
      TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
      TRY_ASSIGN(wanted, capacity_wanted_from(text));
    } else {
      TRY_ASSIGN(const bool taken, expression.take(name, value));
      if (!taken) TRY(legacy.take(name, value));
    }
    return {};
  }));
  TRY(calls.ended());
  TRY(legacy.check_not_mixed(
      {{"ProjectionExpression", projection.has_value()}, {"ExpressionAttributeNames", expression.has_names}}));
  TRY_ASSIGN(auto older_projection, legacy.projection(expression.substitutions));
  if (older_projection) projection = std::move(older_projection);
  if (!table_name) return missing_member("tableName");
  if (!has_key) return missing_member("key");
  TRY_ASSIGN(request.table, this->table_name(call, *table_name));
  if (projection && projection->empty()) {
    return fail(ErrorKind::invalid_argument, "Invalid ProjectionExpression: The expression can not be empty;");
  }
  TRY(expression.check(projection.has_value(), projection ? "" : "ProjectionExpression is null"));
  request.projection_expression = std::move(projection).value_or("");
  request.substitutions = std::move(expression.substitutions);

  TRY_ASSIGN(const table::GetResult result, tables.get(request));
  ++counters.items_read;
  DynamoDbReply reply;
  reply.commit = result.commit;
  std::string& out = reply.body;
  out = "{";
  if (result.stored) {
    out.reserve(2 * result.stored->size() + reply_slack);
    out += "\"Item\":";
    TRY(append_item(out, result));
  }
  if (wanted != CapacityWanted::none) {
    out += result.stored ? ",\"ConsumedCapacity\":" : "\"ConsumedCapacity\":";
    append_capacity(out, request.table, read_units(size_of_stored(result.stored), consistent), wanted);
  }
  out += '}';
  return reply;
}

}  // namespace millrace::api
