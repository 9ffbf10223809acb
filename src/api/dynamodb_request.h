#pragma once
// What the handlers of DynamoDB share: reading a request's members, AWS's sentences for what is wrong with them, the
// names of things, and an answer that waits for its commit. Private to the DynamoDB files of this folder; the reactor's
// thread.

#include <simdjson.h>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/dynamodb.h"
#include "api/dynamodb_capacity.h"
#include "table/item_json.h"
#include "table/write_json.h"

namespace millrace::api {

using aws::Answer;
using aws::AwsError;
using aws::Call;

using Json = simdjson::ondemand::value;
using JsonObject = simdjson::ondemand::object;

// What a handler answers with, once its commit is durable.
struct DynamoDbReply {
  std::string body;  // of a success
  table::CommitId commit;
  std::optional<AwsError> error = {};
};

// Calls f(name, value) -> Result<void> for each member that is not null; null means absent to AWS.
template <class F>
Result<void> each_member(JsonObject object, F&& f) {
  for (auto field : object) {
    std::string_view name;
    if (const auto code = field.unescaped_key().get(name)) return std::unexpected(table::wrong_json(code));
    Json value;
    if (const auto code = field.value().get(value)) return std::unexpected(table::wrong_json(code));
    bool is_null = false;
    if (const auto code = value.is_null().get(is_null); code && code != simdjson::INCORRECT_TYPE) {
      return std::unexpected(table::wrong_json(code));
    }
    if (is_null) continue;
    TRY(f(name, value));
  }
  return {};
}

// Calls f(value) -> Result<void> for each element.
template <class F>
Result<void> each_element(Json list, F&& f) {
  simdjson::ondemand::array array;
  if (const auto code = list.get_array().get(array)) return std::unexpected(table::wrong_json(code));
  for (auto element : array) {
    Json value;
    if (const auto code = element.get(value)) return std::unexpected(table::wrong_json(code));
    TRY(f(value));
  }
  return {};
}

Result<std::string> text_from(Json value);
Result<int64_t> integer_from(Json value);

// "1 validation error detected: Value ... failed to satisfy constraint: Member must ...".
std::unexpected<Error> missing_member(std::string_view member);
std::unexpected<Error> broken_constraint(std::string_view member, std::string_view value, std::string_view constraint);
Result<void> check_between(std::string_view member, std::optional<int64_t> value, int64_t least, int64_t most);
Result<void> check_one_of(std::string_view member, std::string_view value, std::span<const std::string_view> values);
std::unexpected<Error> invalid_parameter(std::string_view what);  // "One or more parameter values were invalid: ..."

std::string table_arn(std::string_view region, std::string_view account_id, std::string_view table);
std::string feed_arn(std::string_view region, std::string_view account_id, const table::TableDefinition& table);
std::string_view view_type_name(table::ViewType view);
Result<table::ViewType> view_type_from(std::string_view name);
void append_key_schema(std::string& out, const table::TableDefinition& table);  // "KeySchema":[...]
void append_key_schema(std::string& out, const table::IndexDefinition& index);
void append_attribute_definitions(std::string& out, const table::TableDefinition& table);
// "1700000000.123": seconds, as AWS's JSON has times.
void append_time(std::string& out, ProcessingTime time);

size_t size_of_stored(const store::Bytes& stored);  // 0: there is no item
// As JSON, what was asked for of an item that is there.
Result<void> append_item(std::string& out, const table::GetResult& read);
// The size of the item of that key as it is stored now; 0: there is none.
Result<size_t> stored_item_size(table::Tables& tables, const std::string& table_name, const table::Item& item);

// Parses a body, hands its object to a handler, and answers with what that returns when it is durable.
class JsonCalls {
 public:
  explicit JsonCalls(table::Tables& tables) : tables_(tables) {}

  template <class Handler>
  void run(Call& call, Handler&& handler) {
    auto object = begin(call.body);
    finish(call, object ? handler(*object) : std::unexpected(std::move(object).error()));
  }

  // Of an operation whose request was read already.
  void finish(Call& call, Result<DynamoDbReply> reply);

  // Nothing follows the object: to be asked when all members have been read and before anything is done.
  Result<void> ended();
  // A member of the body by name, once all has been read; for what is asked for seldom.
  Result<std::optional<std::string>> text_member(std::string_view name);

 private:
  Result<JsonObject> begin(std::string_view body);

  table::Tables& tables_;
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
};

struct DynamoDb::State {
  State(table::Tables& tables, DynamoDbOptions options) : tables(tables), options(std::move(options)), calls(tables) {}

  using Reply = Result<DynamoDbReply>;

  // Where the tables are, for who signed the call.
  table::TablePlace place(const Call& call) const { return {call.region, options.account_id}; }
  Result<std::string> table_name(const Call& call, std::string_view name_or_arn) const {
    const table::TablePlace here = place(call);
    return table::table_name_from(name_or_arn, &here);
  }

  // dynamodb_tables.cc
  Reply create_table(const Call& call, JsonObject body);
  Reply update_table(const Call& call, JsonObject body);
  Reply describe_table(const Call& call);
  Reply list_tables(const Call& call);
  Reply delete_table(const Call& call);
  Reply describe_time_to_live(const Call& call);
  Reply describe_continuous_backups(const Call& call);
  Reply update_time_to_live(const Call& call);
  Reply list_tags(const Call& call);
  Reply tag_resource(const Call& call);
  Reply untag_resource(const Call& call);
  Reply change_tags(const Call& call,
                    const std::function<Result<void>(std::map<std::string, std::string, std::less<>>&)>& change);

  // dynamodb_description.cc
  void append_description(std::string& out, const Call& call, const table::TableDefinition& table,
                          std::string_view status);
  void append_description(std::string& out, const Call& call, const table::TableDefinition& table);

  // dynamodb_transactions.cc
  Reply transact_write_items(const Call& call, JsonObject body);
  Reply transact_get_items(const Call& call, JsonObject body);

  // dynamodb_items.cc
  Reply put_item(const Call& call, JsonObject body);
  Reply update_item(const Call& call, JsonObject body);
  Reply delete_item(const Call& call, JsonObject body);
  Reply get_item(const Call& call, JsonObject body);
  Reply write(const Call& call, table::WriteRequest::Kind kind, JsonObject body);
  Result<CapacityWanted> capacity_wanted(const Call& call);

  // dynamodb_query.cc
  Reply query(const Call& call, JsonObject body);
  Reply scan(const Call& call, JsonObject body);
  Reply read_page(const Call& call, table::QueryRequest& request, JsonObject body);

  // dynamodb_batch.cc
  Reply batch_get_item(const Call& call, JsonObject body);
  Reply batch_write_item(const Call& call, JsonObject body);

  table::Tables& tables;
  DynamoDbOptions options;
  JsonCalls calls;
  DynamoDbCounters counters;
  int64_t token_piece = 0;  // when old tokens of transactions were last looked for
};

}  // namespace millrace::api
