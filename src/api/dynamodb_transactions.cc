// TransactWriteItems and TransactGetItems. Both run under the writer's lock of the tables, so they are serialisable,
// and no conflict between two of them ever cancels one.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html

#include <algorithm>
#include <set>

#include "api/dynamodb_request.h"
#include "base/bytes.h"
#include "base/json_string.h"
#include "table/expression.h"
#include "table/keys.h"

namespace millrace::api {
namespace {

using table::WriteRequest;

constexpr size_t items_max = 100;
constexpr size_t bytes_max = size_t{4} << 20;  // of all items of a transaction together
constexpr size_t token_bytes_max = 36;

// Tokens are kept in records by the time they came, in pieces that go at once: a token is known for ten to fifteen
// minutes.
constexpr int64_t token_piece_ms = 5 * 60 * 1000;
constexpr int64_t token_pieces = 3;
constexpr std::string_view token_records = "api/token/";

std::string token_prefix(int64_t piece) {
  return fmt::format("{}{:012}/", token_records, piece);
}

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "{}", what);
}

// Why an item cancels a transaction; an empty code: it does not.
struct Reason {
  std::string code;
  std::string message;
  std::optional<table::Item> item;
};

aws::AwsError cancelled(const std::vector<Reason>& reasons) {
  aws::AwsError error{400, "TransactionCanceledException",
                      "Transaction cancelled, please refer cancellation reasons for specific reasons ["};
  std::string& members = error.members;
  members = "\"CancellationReasons\":[";
  for (const Reason& reason : reasons) {
    if (members.back() != '[') {
      error.message += ", ";
      members += ',';
    }
    const std::string_view code = reason.code.empty() ? "None" : std::string_view(reason.code);
    error.message += code;
    fmt::format_to(std::back_inserter(members), "{{\"Code\":\"{}\"", code);
    if (!reason.message.empty()) {
      members += ",\"Message\":";
      base::append_json_string(members, reason.message);
    }
    if (reason.item) {
      members += ",\"Item\":";
      table::put_json(members, *reason.item);
    }
    members += '}';
  }
  error.message += ']';
  members += ']';
  return error;
}

bool cancels(const std::vector<Reason>& reasons) {
  return std::ranges::any_of(reasons, [](const Reason& reason) { return !reason.code.empty(); });
}

// What is wrong with an expression itself is wrong with the whole request; what is wrong with an item cancels.
Result<void> check_expressions(const WriteRequest& write) {
  if (!write.update_expression.empty()) TRY(table::parse_update(write.update_expression));
  if (!write.condition_expression.empty()) {
    TRY(table::parse_condition(write.condition_expression, "ConditionExpression"));
  }
  return {};
}
bool is_of_request(const Error& error) {
  return error.message.starts_with("Invalid ConditionExpression") ||
         error.message.starts_with("Invalid UpdateExpression") ||
         error.message.starts_with("Value provided in ExpressionAttribute");
}

// No two of them may be about one item. Items that have no key are left to the write.
Result<void> check_distinct(const table::Tables& tables, std::span<const WriteRequest> writes) {
  std::set<std::pair<std::string_view, std::string>> keys;
  for (const WriteRequest& write : writes) {
    TRY_ASSIGN(const auto table, tables.find(write.table));
    std::string key;
    if (!table::put_key_of_item(key, *table, write.item)) continue;
    if (!keys.emplace(write.table, std::move(key)).second) {
      return refuse("Transaction request cannot include multiple operations on one item");
    }
  }
  return {};
}

void put_text(std::string& out, std::string_view text) {
  base::put_bytes(out, text);
}

// The same for the same writes, however they were written down.
std::string fingerprint_of(std::span<const WriteRequest> writes) {
  std::string all;
  for (const WriteRequest& write : writes) {
    base::put_u8(all, static_cast<uint8_t>(write.kind));
    put_text(all, write.table);
    std::string item;
    table::put_item(item, write.item);
    put_text(all, item);
    put_text(all, write.update_expression);
    put_text(all, write.condition_expression);
    for (const auto& [placeholder, name] : write.substitutions.names) {
      put_text(all, placeholder);
      put_text(all, name);
    }
    item.clear();
    table::put_item(item, write.substitutions.values);
    put_text(all, item);
  }
  std::string fingerprint;
  base::put_fixed(fingerprint, base::hash64(all, 1));
  base::put_fixed(fingerprint, base::hash64(all, 2));
  return fingerprint;
}

// Units by table.
class Capacity {
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
    out += "\"ConsumedCapacity\":[";
    for (const auto& [table, units] : units_) {
      if (out.back() != '[') out += ',';
      append_capacity(out, table, units, wanted);
    }
    out += ']';
  }

 private:
  std::vector<std::pair<std::string, double>> units_;
};

// A transaction costs twice what its items would.
constexpr double transaction_factor = 2;

Result<CapacityWanted> capacity_member(Json value) {
  TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
  return capacity_wanted_from(text);
}

Result<void> check_count(size_t count) {
  if (count == 0) return broken_constraint("transactItems", "[]", "have length greater than or equal to 1");
  if (count > items_max) {
    return broken_constraint("transactItems", fmt::format("{} elements", count),
                             "have length less than or equal to 100");
  }
  return {};
}

struct WriteArguments {
  table::TablePlace here;
  std::vector<WriteRequest> writes;
  bool has_items = false;
  std::optional<std::string> token;
  CapacityWanted wanted = CapacityWanted::none;

  Result<void> take(std::string_view member, Json value) {
    if (member == "TransactItems") {
      has_items = true;
      simdjson::ondemand::array array;
      if (const auto code = value.get_array().get(array)) return std::unexpected(table::wrong_json(code));
      TRY_ASSIGN(writes, table::writes_from_json(array, &here));
    } else if (member == "ClientRequestToken") {
      TRY_ASSIGN(token, text_from(value));
    } else if (member == "ReturnConsumedCapacity") {
      TRY_ASSIGN(wanted, capacity_member(value));
    }
    return {};
  }

  Result<void> check(const table::Tables& tables) const {
    if (!has_items) return missing_member("transactItems");
    TRY(check_count(writes.size()));
    if (token && (token->empty() || token->size() > token_bytes_max)) {
      return broken_constraint(
          "clientRequestToken", *token,
          token->empty() ? "have length greater than or equal to 1" : "have length less than or equal to 36");
    }
    size_t bytes = 0;
    for (const WriteRequest& write : writes) {
      TRY(check_expressions(write));
      bytes += table::item_size(write.item);
    }
    if (bytes > bytes_max) return refuse("Collection size of items in the transaction cannot exceed 4MB");
    return check_distinct(tables, writes);
  }
};

// What the token's earlier transaction was; nothing: there is none.
enum class Earlier { none, same, other };

Result<Earlier> find_token(table::Tables& tables, std::string_view token, int64_t piece, std::string_view fingerprint) {
  for (int64_t back = 0; back < token_pieces; ++back) {
    TRY_ASSIGN(const auto found, tables.get_record(token_prefix(piece - back).append(token)));
    if (found) return *found == fingerprint ? Earlier::same : Earlier::other;
  }
  return Earlier::none;
}

// Lets the oldest piece of tokens go, if there is one that is old enough.
Result<void> drop_old_tokens(table::Tables& tables, table::Transaction& transaction, int64_t piece) {
  std::string oldest;
  TRY(tables.scan_records(token_records, [&](std::string_view key, std::string_view) {
    oldest = key.substr(0, token_prefix(0).size());
    return false;
  }));
  if (oldest.empty() || oldest >= token_prefix(piece - token_pieces + 1)) return {};
  return transaction.erase_records(oldest);
}

}  // namespace

DynamoDb::State::Reply DynamoDb::State::transact_write_items(const Call& call, JsonObject body) {
  WriteArguments arguments;
  arguments.here = place(call);
  TRY(each_member(body, [&](std::string_view member, Json value) { return arguments.take(member, value); }));
  TRY(calls.ended());
  TRY(arguments.check(tables));
  const auto& writes = arguments.writes;

  DynamoDbReply reply;
  TRY_ASSIGN(auto transaction, tables.try_begin());
  bool repeated = false;
  if (arguments.token) {
    const int64_t piece = base::system_clock().now().value / token_piece_ms;
    const std::string fingerprint = fingerprint_of(writes);
    TRY_ASSIGN(const Earlier earlier, find_token(tables, *arguments.token, piece, fingerprint));
    if (earlier == Earlier::other) {
      reply.error = aws::AwsError{400, "IdempotentParameterMismatchException",
                                  "The provided ClientRequestToken has been used with other parameters"};
      return reply;
    }
    repeated = earlier == Earlier::same;
    if (!repeated) {
      TRY(transaction->put_record(token_prefix(piece).append(*arguments.token), fingerprint));
      if (piece != token_piece) TRY(drop_old_tokens(tables, *transaction, piece));
      token_piece = piece;
    }
  }

  Capacity capacity;
  std::vector<Reason> reasons(writes.size());
  for (size_t i = 0; i < writes.size(); ++i) {
    if (arguments.wanted != CapacityWanted::none) {
      const size_t old_bytes = stored_item_size(tables, writes[i].table, writes[i].item).value_or(0);
      capacity.add(writes[i].table, transaction_factor * write_units(old_bytes, table::item_size(writes[i].item)));
    }
    if (repeated) continue;
    auto written = transaction->write(writes[i]);
    if (!written) {
      if (written.error().kind != ErrorKind::invalid_argument || is_of_request(written.error())) {
        return std::unexpected(std::move(written).error());
      }
      reasons[i] = {"ValidationError", written.error().message, std::nullopt};
    } else if (!written->condition_held) {
      reasons[i] = {"ConditionalCheckFailed", "The conditional request failed", std::move(written->attributes)};
    }
  }
  if (cancels(reasons)) {
    // What was read is told of, so it must be durable.
    for (const WriteRequest& write : writes) {
      table::GetRequest request;
      request.table = write.table;
      TRY_ASSIGN(const auto table, tables.find(write.table));
      request.key = table::key_attributes(*table, write.item);
      if (const auto read = tables.get(request)) reply.commit = std::max(reply.commit, read->commit);
    }
    reply.error = cancelled(reasons);
    return reply;
  }
  if (repeated) {
    // The earlier one may be on its way to the disk still: it is in the journal before this empty record.
    TRY(transaction->put_record(std::string(token_records) + "~last", ""));
  }
  TRY_ASSIGN(reply.commit, transaction->commit());
  if (!repeated) counters.items_written += writes.size();
  reply.body = "{";
  if (arguments.wanted != CapacityWanted::none) capacity.append(reply.body, arguments.wanted);
  reply.body += '}';
  return reply;
}

namespace {

struct GetArguments {
  struct Get {
    table::GetRequest request;
    std::optional<std::string> table;
    std::optional<std::string> projection;
    table::ExpressionMembers expression;
    bool has_key = false;

    Result<void> take(std::string_view member, Json value) {
      if (member == "TableName") {
        TRY_ASSIGN(table, text_from(value));
      } else if (member == "Key") {
        TRY_ASSIGN(const auto object, table::object_from_json(value));
        TRY_ASSIGN(request.key, table::item_from_json(object));
        has_key = true;
      } else if (member == "ProjectionExpression") {
        TRY_ASSIGN(projection, text_from(value));
      } else {
        TRY(expression.take(member, value));
      }
      return {};
    }
    Result<void> finish(size_t number, const table::TablePlace& here) {
      const std::string path = fmt::format("transactItems.{}.member.get", number);
      if (!table) return missing_member(path + ".tableName");
      if (!has_key) return missing_member(path + ".key");
      TRY_ASSIGN(request.table, table::table_name_from(*table, &here));
      if (projection && projection->empty()) {
        return refuse("Invalid ProjectionExpression: The expression can not be empty;");
      }
      TRY(expression.check(projection.has_value(), projection ? "" : "ProjectionExpression is null"));
      request.projection_expression = std::move(projection).value_or("");
      request.substitutions = std::move(expression.substitutions);
      return {};
    }
  };
  table::TablePlace here;
  std::vector<Get> gets;
  bool has_items = false;
  CapacityWanted wanted = CapacityWanted::none;

  Result<void> take(std::string_view member, Json value) {
    if (member == "ReturnConsumedCapacity") {
      TRY_ASSIGN(wanted, capacity_member(value));
      return {};
    }
    if (member != "TransactItems") return {};
    has_items = true;
    return each_element(value, [&](Json entry) -> Result<void> {
      TRY_ASSIGN(const auto object, table::object_from_json(entry));
      Get& get = gets.emplace_back();
      bool found = false;
      TRY(each_member(object, [&](std::string_view name, Json inner) -> Result<void> {
        if (name != "Get") return {};
        found = true;
        TRY_ASSIGN(const auto members, table::object_from_json(inner));
        return each_member(members, [&](std::string_view each, Json of) { return get.take(each, of); });
      }));
      if (!found) return missing_member(fmt::format("transactItems.{}.member.get", gets.size()));
      return get.finish(gets.size(), here);
    });
  }
};

}  // namespace

DynamoDb::State::Reply DynamoDb::State::transact_get_items(const Call& call, JsonObject body) {
  GetArguments arguments;
  arguments.here = place(call);
  TRY(each_member(body, [&](std::string_view member, Json value) { return arguments.take(member, value); }));
  TRY(calls.ended());
  if (!arguments.has_items) return missing_member("transactItems");
  TRY(check_count(arguments.gets.size()));
  std::set<std::pair<std::string_view, std::string>> keys;
  for (const auto& get : arguments.gets) {
    TRY_ASSIGN(const auto table, tables.find(get.request.table));
    std::string key;
    if (!table::put_key_of_item(key, *table, get.request.key)) continue;
    if (!keys.emplace(get.request.table, std::move(key)).second) {
      return refuse("Transaction request cannot include multiple operations on one item");
    }
  }

  DynamoDbReply reply;
  std::string& out = reply.body;
  out = "{\"Responses\":[";
  Capacity capacity;
  std::vector<Reason> reasons(arguments.gets.size());
  size_t bytes = 0;
  // While it is held nobody writes, so all reads are of one moment.
  TRY_ASSIGN(const auto transaction, tables.try_begin());
  for (size_t i = 0; i < arguments.gets.size(); ++i) {
    const auto& request = arguments.gets[i].request;
    const auto read = tables.get(request);
    if (out.back() != '[') out += ',';
    if (!read) {
      if (read.error().kind != ErrorKind::invalid_argument ||
          read.error().message.starts_with("Invalid ProjectionExpression") || is_of_request(read.error())) {
        return std::unexpected(read.error());
      }
      reasons[i] = {"ValidationError", read.error().message, std::nullopt};
      continue;
    }
    reply.commit = std::max(reply.commit, read->commit);
    const size_t size = size_of_stored(read->stored);
    bytes += size;
    if (arguments.wanted != CapacityWanted::none) {
      capacity.add(request.table, transaction_factor * read_units(size, true));
    }
    out += '{';
    if (read->stored) {
      out += "\"Item\":";
      TRY(append_item(out, *read));
    }
    out += '}';
  }
  if (cancels(reasons)) {
    reply.error = cancelled(reasons);
    return reply;
  }
  if (bytes > bytes_max) return refuse("Collection size of items in the transaction cannot exceed 4MB");
  counters.items_read += arguments.gets.size();
  out += ']';
  if (arguments.wanted != CapacityWanted::none) {
    out += ',';
    capacity.append(out, arguments.wanted);
  }
  out += '}';
  return reply;
}

}  // namespace millrace::api
