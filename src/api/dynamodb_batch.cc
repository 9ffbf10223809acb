// BatchGetItem and BatchWriteItem. A batch of writes that fits in one commit is one, more than DynamoDB promises.

#include <algorithm>
#include <map>
#include <set>

#include "api/dynamodb_request.h"
#include "base/json_string.h"
#include "table/legacy_json.h"

namespace millrace::api {
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
  table::LegacyMembers legacy;
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
      TRY_ASSIGN(const bool taken, expression.take(name, value));
      if (!taken) TRY(legacy.take(name, value));
    }
    return {};
  }

  // AttributesToGet as an expression.
  Result<void> translate() {
    TRY(legacy.check_not_mixed(
        {{"ProjectionExpression", projection.has_value()}, {"ExpressionAttributeNames", expression.has_names}}));
    TRY_ASSIGN(auto older_projection, legacy.projection(expression.substitutions));
    if (older_projection) projection = std::move(older_projection);
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
    base::append_json_string(out, table);
    out += ":{\"Keys\":[";
    for (size_t i = from; i < keys.size(); ++i) {
      if (i > from) out += ',';
      table::put_json(out, keys[i]);
    }
    out += ']';
    if (consistent) out += ",\"ConsistentRead\":true";
    if (projection) {
      out += ",\"ProjectionExpression\":";
      base::append_json_string(out, *projection);
    }
    if (!expression.substitutions.names.empty()) {
      out += ",\"ExpressionAttributeNames\":{";
      bool first = true;
      for (const auto& [placeholder, name] : expression.substitutions.names) {
        if (!first) out += ',';
        first = false;
        base::append_json_string(out, placeholder);
        out += ':';
        base::append_json_string(out, name);
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

// The same writes again; those of one table are next to each other.
void append_unprocessed(std::string& out, std::span<const table::WriteRequest> requests) {
  for (size_t i = 0; i < requests.size(); ++i) {
    const bool begins = i == 0 || requests[i].table != requests[i - 1].table;
    if (i > 0) out += begins ? "]," : ",";
    if (begins) {
      base::append_json_string(out, requests[i].table);
      out += ":[";
    }
    out += requests[i].kind == Kind::put ? "{\"PutRequest\":{\"Item\":" : "{\"DeleteRequest\":{\"Key\":";
    table::put_json(out, requests[i].item);
    out += "}}";
  }
  if (!requests.empty()) out += ']';
}

// What both batches have in common: tables by name, of which `each(table, content)` takes one.
template <class Each>
Result<CapacityWanted> read_batch(JsonObject body, const table::TablePlace& here, Each each) {
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
    return each_member(by_table, [&](std::string_view name, Json content) -> Result<void> {
      TRY_ASSIGN(const std::string table_name, table::table_name_from(name, &here));
      return each(table_name, content);
    });
  }));
  if (!has_items) return missing_member("requestItems");
  return wanted;
}

Result<CapacityWanted> read_keys(JsonObject body, const table::TablePlace& here, std::vector<TableKeys>& wanted_keys) {
  return read_batch(body, here, [&](const std::string& table_name, Json content) -> Result<void> {
    TableKeys keys;
    keys.table = table_name;
    TRY_ASSIGN(const auto object, table::object_from_json(content));
    TRY(each_member(object, [&](std::string_view name, Json value) { return keys.take(name, value); }));
    TRY(keys.translate());
    wanted_keys.push_back(std::move(keys));
    return {};
  });
}

Result<void> check_keys(const std::vector<TableKeys>& wanted_keys) {
  if (wanted_keys.empty()) return no_requests();
  size_t count = 0;
  for (const TableKeys& keys : wanted_keys) {
    TRY(keys.check());
    count += keys.keys.size();
  }
  if (count > DynamoDb::batch_gets_max) return refuse("Too many items requested for the BatchGetItem call");
  return {};
}

}  // namespace

DynamoDb::State::Reply DynamoDb::State::batch_write_item(const Call& call, JsonObject body) {
  std::vector<table::WriteRequest> requests;
  TRY_ASSIGN(const CapacityWanted wanted,
             read_batch(body, place(call), [&](const std::string& table_name, Json writes) -> Result<void> {
               return each_element(writes, [&](Json each) { return take_write(requests, table_name, each); });
             }));
  TRY(calls.ended());
  if (requests.empty()) return no_requests();

  std::vector<size_t> old_bytes;
  if (wanted != CapacityWanted::none) {
    for (const auto& request : requests) {
      old_bytes.push_back(stored_item_size(tables, request.table, request.item).value_or(0));
    }
  }
  DynamoDbReply reply;
  TRY_ASSIGN(const table::BatchResult result, tables.write_batch(requests));
  reply.commit = result.commit;
  counters.items_written += result.written;
  reply.body = "{\"UnprocessedItems\":{";
  append_unprocessed(reply.body, std::span(requests).subspan(result.written));
  reply.body += '}';
  if (wanted != CapacityWanted::none) {
    BatchCapacity capacity;
    for (size_t i = 0; i < result.written; ++i) {
      const size_t new_bytes = requests[i].kind == Kind::put ? table::item_size(requests[i].item) : 0;
      capacity.add(requests[i].table, write_units(old_bytes[i], new_bytes));
    }
    capacity.append(reply.body, wanted);
  }
  reply.body += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::batch_get_item(const Call& call, JsonObject body) {
  std::vector<TableKeys> wanted_keys;
  TRY_ASSIGN(const CapacityWanted wanted, read_keys(body, place(call), wanted_keys));
  TRY(calls.ended());
  TRY(check_keys(wanted_keys));

  DynamoDbReply reply;
  BatchCapacity capacity;
  std::string unprocessed;
  size_t bytes = 0;
  std::string& out = reply.body;
  out = "{\"Responses\":{";
  for (const TableKeys& keys : wanted_keys) {
    table::GetRequest request;
    request.table = keys.table;
    request.projection_expression = keys.projection.value_or("");
    request.substitutions = keys.expression.substitutions;
    if (out.back() == ']') out += ',';
    base::append_json_string(out, keys.table);
    out += ":[";
    for (size_t i = 0; i < keys.keys.size(); ++i) {
      if (bytes >= batch_bytes_max) {
        if (!unprocessed.empty()) unprocessed += ',';
        keys.append_unprocessed(unprocessed, i);
        break;
      }
      request.key = keys.keys[i];
      TRY_ASSIGN(const table::GetResult read, tables.get(request));
      reply.commit = std::max(reply.commit, read.commit);
      ++counters.items_read;
      if (wanted != CapacityWanted::none) {
        capacity.add(keys.table, read_units(size_of_stored(read.stored), keys.consistent));
      }
      if (!read.stored) continue;
      const size_t start = out.size();
      if (out.back() != '[') out += ',';
      TRY(append_item(out, read));
      bytes += out.size() - start;
    }
    out += ']';
  }
  out += "},\"UnprocessedKeys\":{" + unprocessed + '}';
  if (wanted != CapacityWanted::none) capacity.append(out, wanted);
  out += '}';
  return reply;
}

}  // namespace millrace::api
