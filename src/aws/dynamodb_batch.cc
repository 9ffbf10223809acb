// BatchGetItem and BatchWriteItem. A batch of writes is one commit, which is more than DynamoDB promises.

#include <algorithm>
#include <map>
#include <set>

#include "aws/dynamodb_request.h"

namespace millrace::aws {
namespace {

using Kind = table::WriteRequest::Kind;

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "{}", what);
}

std::unexpected<Error> no_requests() {
  return broken_constraint("requestItems", "{}", "have length greater than or equal to 1");
}

// What a batch asks of one table.
struct TableKeys {
  std::string table;
  std::vector<table::Item> keys;
  std::optional<std::string> projection;
  table::ExpressionMembers expression;
  bool consistent = false;
  bool has_keys = false;

  Result<void> take(std::string_view name, Json value) {
    if (name == "Keys") {
      has_keys = true;
      return each_element(value, [this](Json each) -> Result<void> {
        TRY_ASSIGN(const auto object, table::object_from_json(each));
        TRY_ASSIGN(table::Item key, table::item_from_json(object));
        keys.push_back(std::move(key));
        if (keys.size() > DynamoDb::batch_gets_max) return refuse("Too many items requested for the BatchGetItem call");
        return {};
      });
    }
    if (name == "ProjectionExpression") {
      TRY_ASSIGN(projection, text_from(value));
    } else if (name == "ConsistentRead") {
      TRY_ASSIGN(consistent, table::boolean_from_json(value));
    } else {
      TRY(expression.take(name, value));
      TRY(table::refuse_legacy_parameter(name));
    }
    return {};
  }

  Result<void> check() const {
    if (!has_keys) return missing_member(fmt::format("requestItems.{}.member.keys", table));
    if (keys.empty()) {
      return broken_constraint(fmt::format("requestItems.{}.member.keys", table), "[]",
                               "have length greater than or equal to 1");
    }
    if (projection && projection->empty()) {
      return refuse("Invalid ProjectionExpression: The expression can not be empty;");
    }
    TRY(expression.check(projection.has_value(), projection ? "" : "ProjectionExpression is null"));
    std::set<std::string> seen;
    for (const auto& key : keys) {
      std::string bytes;
      table::put_item(bytes, key);
      if (!seen.insert(std::move(bytes)).second) return refuse("Provided list of item keys contains duplicates");
    }
    return {};
  }

  // Asks for the same again, from the key of that index on.
  void append_unprocessed(std::string& out, size_t from) const {
    append_json_string(out, table);
    out += ":{\"Keys\":[";
    for (size_t i = from; i < keys.size(); ++i) {
      if (i > from) out += ',';
      table::put_json(out, keys[i]);
    }
    out += ']';
    if (consistent) out += ",\"ConsistentRead\":true";
    if (projection) {
      out += ",\"ProjectionExpression\":";
      append_json_string(out, *projection);
    }
    if (!expression.substitutions.names.empty()) {
      out += ",\"ExpressionAttributeNames\":{";
      bool first = true;
      for (const auto& [placeholder, name] : expression.substitutions.names) {
        if (!first) out += ',';
        first = false;
        append_json_string(out, placeholder);
        out += ':';
        append_json_string(out, name);
      }
      out += '}';
    }
    out += '}';
  }
};

// Units by table, in the order of the request.
class BatchCapacity {
 public:
  void add(std::string_view table, double units) {
    const auto found = std::ranges::find(units_, table, &std::pair<std::string, double>::first);
    if (found == units_.end()) {
      units_.emplace_back(table, units);
    } else {
      found->second += units;
    }
  }
  void append(std::string& out, CapacityWanted wanted) const {
    out += ",\"ConsumedCapacity\":[";
    bool first = true;
    for (const auto& [table, units] : units_) {
      if (!first) out += ',';
      first = false;
      append_capacity(out, table, units, wanted);
    }
    out += ']';
  }

 private:
  std::vector<std::pair<std::string, double>> units_;
};

Result<void> take_write(std::vector<table::WriteRequest>& requests, const std::string& table_name, Json value) {
  constexpr std::string_view one_each =
      "Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest";
  if (requests.size() == DynamoDb::batch_writes_max) {
    return refuse("Too many items requested for the BatchWriteItem call");
  }
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  size_t found = 0;
  TRY(each_member(object, [&](std::string_view name, Json each) -> Result<void> {
    const bool is_put = name == "PutRequest";
    if (!is_put && name != "DeleteRequest") return {};
    if (++found > 1) return refuse(one_each);
    TRY_ASSIGN(const auto request, table::object_from_json(each));
    const std::string_view member = is_put ? "Item" : "Key";
    std::optional<table::Item> item;
    TRY(each_member(request, [&](std::string_view inner, Json content) -> Result<void> {
      if (inner != member) return {};
      TRY_ASSIGN(const auto attributes, table::object_from_json(content));
      TRY_ASSIGN(item, table::item_from_json(attributes));
      return {};
    }));
    if (!item) {
      return missing_member(fmt::format("requestItems.{}.member.1.member.{}", table_name,
                                        is_put ? "putRequest.item" : "deleteRequest.key"));
    }
    table::WriteRequest write;
    write.kind = is_put ? Kind::put : Kind::erase;
    write.table = table_name;
    write.item = std::move(*item);
    requests.push_back(std::move(write));
    return {};
  }));
  if (found == 0) return refuse(one_each);
  return {};
}

}  // namespace

DynamoDb::State::Reply DynamoDb::State::batch_write_item(const Call&, JsonObject body) {
  std::vector<table::WriteRequest> requests;
  CapacityWanted wanted = CapacityWanted::none;
  bool has_items = false;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "ReturnConsumedCapacity") {
      TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
      TRY_ASSIGN(wanted, capacity_wanted_from(text));
    }
    if (member != "RequestItems") return {};
    has_items = true;
    TRY_ASSIGN(const auto by_table, table::object_from_json(value));
    return each_member(by_table, [&](std::string_view name, Json writes) -> Result<void> {
      TRY_ASSIGN(const std::string table_name, table::table_name_from(name));
      return each_element(writes, [&](Json each) { return take_write(requests, table_name, each); });
    });
  }));
  TRY(calls.ended());
  if (!has_items) return missing_member("requestItems");
  if (requests.empty()) return no_requests();

  BatchCapacity capacity;
  std::vector<size_t> old_bytes;
  if (wanted != CapacityWanted::none) {
    for (const auto& request : requests) {
      old_bytes.push_back(stored_item_size(tables, request.table, request.item).value_or(0));
    }
  }
  DynamoDbReply reply;
  TRY_ASSIGN(reply.commit, tables.write_batch(requests));
  counters.items_written += requests.size();
  reply.body = "{\"UnprocessedItems\":{}";
  if (wanted != CapacityWanted::none) {
    for (size_t i = 0; i < requests.size(); ++i) {
      const size_t new_bytes = requests[i].kind == Kind::put ? table::item_size(requests[i].item) : 0;
      capacity.add(requests[i].table, write_units(old_bytes[i], new_bytes));
    }
    capacity.append(reply.body, wanted);
  }
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::batch_get_item(const Call&, JsonObject body) {
  std::vector<TableKeys> wanted_keys;
  CapacityWanted wanted = CapacityWanted::none;
  bool has_items = false;
  TRY(each_member(body, [&](std::string_view member, Json value) -> Result<void> {
    if (member == "ReturnConsumedCapacity") {
      TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
      TRY_ASSIGN(wanted, capacity_wanted_from(text));
    }
    if (member != "RequestItems") return {};
    has_items = true;
    TRY_ASSIGN(const auto by_table, table::object_from_json(value));
    return each_member(by_table, [&](std::string_view name, Json of_table) -> Result<void> {
      TableKeys keys;
      TRY_ASSIGN(keys.table, table::table_name_from(name));
      TRY_ASSIGN(const auto object, table::object_from_json(of_table));
      TRY(each_member(object, [&](std::string_view each, Json content) { return keys.take(each, content); }));
      wanted_keys.push_back(std::move(keys));
      return {};
    });
  }));
  TRY(calls.ended());
  if (!has_items) return missing_member("requestItems");
  if (wanted_keys.empty()) return no_requests();
  size_t key_count = 0;
  for (const TableKeys& keys : wanted_keys) {
    TRY(keys.check());
    key_count += keys.keys.size();
  }
  if (key_count > batch_gets_max) return refuse("Too many items requested for the BatchGetItem call");

  DynamoDbReply reply;
  BatchCapacity capacity;
  std::string& out = reply.body;
  std::string unprocessed;
  size_t bytes = 0;
  out = "{\"Responses\":{";
  for (const TableKeys& keys : wanted_keys) {
    table::GetRequest request;
    request.table = keys.table;
    request.projection_expression = keys.projection.value_or("");
    request.substitutions = keys.expression.substitutions;
    if (out.back() == ']') out += ',';
    append_json_string(out, keys.table);
    out += ":[";
    for (size_t i = 0; i < keys.keys.size(); ++i) {
      if (bytes >= batch_bytes_max) {
        if (!unprocessed.empty()) unprocessed += ',';
        keys.append_unprocessed(unprocessed, i);
        break;
      }
      request.key = keys.keys[i];
      TRY_ASSIGN(const table::GetResult result, tables.get(request));
      reply.commit = std::max(reply.commit, result.commit);
      ++counters.items_read;
      const size_t start = out.size();
      if (result.stored || result.item) {
        if (out.back() != '[') out += ',';
        if (result.stored) {
          TRY(table::put_json_of_stored(out, *result.stored));
        } else {
          table::put_json(out, *result.item);
        }
      }
      bytes += out.size() - start;
      if (wanted != CapacityWanted::none) {
        TRY_ASSIGN(const size_t item_bytes, stored_item_size(tables, keys.table, request.key));
        capacity.add(keys.table, read_units(item_bytes, keys.consistent));
      }
    }
    out += ']';
  }
  out += "},\"UnprocessedKeys\":{";
  out += unprocessed;
  out += '}';
  if (wanted != CapacityWanted::none) capacity.append(out, wanted);
  out += '}';
  return reply;
}

}  // namespace millrace::aws
