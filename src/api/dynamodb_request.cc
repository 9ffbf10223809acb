#include "api/dynamodb_request.h"

#include "api/dynamodb_model.h"
#include "base/json_string.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace::api {
namespace {

constexpr std::array<std::pair<std::string_view, table::ViewType>, 4> view_types = {{
    {"KEYS_ONLY", table::ViewType::keys_only},
    {"NEW_IMAGE", table::ViewType::new_image},
    {"OLD_IMAGE", table::ViewType::old_image},
    {"NEW_AND_OLD_IMAGES", table::ViewType::new_and_old_images},
}};

std::string_view type_name(table::KeyType type) {
  switch (type) {
    case table::KeyType::string:
      return "S";
    case table::KeyType::number:
      return "N";
    case table::KeyType::binary:
      return "B";
  }
  return "";
}

void append_key_element(std::string& out, std::string_view name, std::string_view role) {
  out += "{\"AttributeName\":";
  base::append_json_string(out, name);
  out += ",\"KeyType\":\"";
  out += role;
  out += "\"}";
}

}  // namespace

Result<std::string> text_from(Json value) {
  TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
  return std::string(text);
}

Result<int64_t> integer_from(Json value) {
  int64_t integer = 0;
  if (const auto code = value.get_int64().get(integer)) {
    const bool other_number = code == simdjson::NUMBER_OUT_OF_RANGE || code == simdjson::NUMBER_ERROR;
    return std::unexpected(table::wrong_json(other_number ? simdjson::INCORRECT_TYPE : code));
  }
  return integer;
}

std::unexpected<Error> missing_member(std::string_view member) {
  return fail(ErrorKind::invalid_argument,
              "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
              member);
}

std::unexpected<Error> broken_constraint(std::string_view member, std::string_view value, std::string_view constraint) {
  return fail(ErrorKind::invalid_argument,
              "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must {}", value,
              member, constraint);
}

Result<void> check_between(std::string_view member, std::optional<int64_t> value, int64_t least, int64_t most) {
  if (!value) return {};
  if (*value < least) {
    return broken_constraint(member, std::to_string(*value),
                             fmt::format("have value greater than or equal to {}", least));
  }
  if (*value > most) {
    return broken_constraint(member, std::to_string(*value), fmt::format("have value less than or equal to {}", most));
  }
  return {};
}

Result<void> check_one_of(std::string_view member, std::string_view value, std::span<const std::string_view> values) {
  if (std::ranges::find(values, value) != values.end()) return {};
  return broken_constraint(member, value, fmt::format("satisfy enum value set: [{}]", fmt::join(values, ", ")));
}

std::unexpected<Error> invalid_parameter(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "One or more parameter values were invalid: {}", what);
}

std::string table_arn(std::string_view region, std::string_view account_id, std::string_view table) {
  return fmt::format("arn:aws:dynamodb:{}:{}:table/{}", region, account_id, table);
}

std::string feed_arn(std::string_view region, std::string_view account_id, const table::TableDefinition& table) {
  return fmt::format("{}/stream/{}", table_arn(region, account_id, table.name), table.feed_label);
}

std::string_view view_type_name(table::ViewType view) {
  for (const auto& [name, type] : view_types) {
    if (type == view) return name;
  }
  return "";
}

Result<table::ViewType> view_type_from(std::string_view name) {
  for (const auto& [known, type] : view_types) {
    if (known == name) return type;
  }
  return broken_constraint("streamSpecification.streamViewType", name,
                           "satisfy enum value set: [NEW_AND_OLD_IMAGES, OLD_IMAGE, NEW_IMAGE, KEYS_ONLY]");
}

void append_key_schema(std::string& out, const table::TableDefinition& table) {
  out += "\"KeySchema\":[";
  append_key_element(out, table.hash_key.name, "HASH");
  if (table.range_key) {
    out += ',';
    append_key_element(out, table.range_key->name, "RANGE");
  }
  out += ']';
}

void append_key_schema(std::string& out, const table::IndexDefinition& index) {
  out += "\"KeySchema\":[";
  for (const auto* part : {&index.hash_key, &index.range_key}) {
    for (const table::KeyAttribute& key : *part) {
      if (out.back() != '[') out += ',';
      append_key_element(out, key.name, part == &index.hash_key ? "HASH" : "RANGE");
    }
  }
  out += ']';
}

void append_attribute_definitions(std::string& out, const table::TableDefinition& table) {
  std::vector<std::string_view> seen;
  const auto append = [&](const table::KeyAttribute& key) {
    if (std::ranges::find(seen, key.name) != seen.end()) return;
    if (!seen.empty()) out += ',';
    seen.push_back(key.name);
    out += "{\"AttributeName\":";
    base::append_json_string(out, key.name);
    fmt::format_to(std::back_inserter(out), ",\"AttributeType\":\"{}\"}}", type_name(key.type));
  };
  out += "\"AttributeDefinitions\":[";
  append(table.hash_key);
  if (table.range_key) append(*table.range_key);
  for (const table::IndexDefinition& index : table.indexes) {
    if (index.is_hidden()) continue;
    std::ranges::for_each(index.hash_key, append);
    std::ranges::for_each(index.range_key, append);
  }
  out += ']';
}

void append_time(std::string& out, ProcessingTime time) {
  fmt::format_to(std::back_inserter(out), "{}.{:03}", time.value / 1000, time.value % 1000);
}

Result<JsonObject> JsonCalls::begin(std::string_view body) {
  // The body is followed by enough readable bytes (Call::body).
  if (const auto code =
          parser_.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document_)) {
    return std::unexpected(table::wrong_json(code));
  }
  JsonObject object;
  if (const auto code = document_.get_object().get(object)) return std::unexpected(table::wrong_json(code));
  return object;
}

Result<void> JsonCalls::ended() {
  if (document_.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return std::unexpected(table::wrong_json(simdjson::TRAILING_CONTENT));
  }
  return {};
}

Result<std::optional<std::string>> JsonCalls::text_member(std::string_view name) {
  document_.rewind();
  JsonObject object;
  if (const auto code = document_.get_object().get(object)) return std::unexpected(table::wrong_json(code));
  std::optional<std::string> found;
  TRY(each_member(object, [&](std::string_view each, Json value) -> Result<void> {
    if (each != name) return {};
    TRY_ASSIGN(found, text_from(value));
    return {};
  }));
  return found;
}

void JsonCalls::finish(Call& call, Result<DynamoDbReply> reply) {
  if (!reply) {
    const Error& error = reply.error();
    if (table::is_wrong_json(error)) return call.answer.fail_serialization(error.message);
    if (error.kind == ErrorKind::invalid_argument) {
      // Members are checked as they come; JSON that breaks off after the first wrong one is wrong JSON above all.
      simdjson::dom::parser whole;
      if (const auto code = whole.parse(call.body.data(), call.body.size(), false).error()) {
        return call.answer.fail_serialization(table::wrong_json(code).message);
      }
    }
    return call.answer.fail(error);
  }
  const auto answer = [](Answer& to, DynamoDbReply& with) {
    if (with.error) return to.fail(*with.error);
    to.ok(std::move(with.body));
  };
  if (reply->commit.value == 0) return answer(call.answer, *reply);
  struct Pending {
    Answer answer;
    DynamoDbReply reply;
  };
  auto pending = std::make_shared<Pending>(std::move(call.answer), std::move(*reply));
  const table::CommitId commit = pending->reply.commit;
  tables_.when_durable(commit, [pending = std::move(pending), answer] { answer(pending->answer, pending->reply); });
}

DynamoDb::DynamoDb(table::Tables& tables, DynamoDbOptions options)
    : state_(std::make_unique<State>(tables, std::move(options))) {}
DynamoDb::~DynamoDb() = default;

const DynamoDbCounters& DynamoDb::counters() const {
  return state_->counters;
}

void DynamoDb::add_to(aws::Service& service) {
  using Handler = State::Reply (State::*)(const Call&, JsonObject);
  const auto add = [&](std::string name, Handler handler, const aws::Shape* input = nullptr) {
    service.add({.protocol = aws::dynamodb_protocol,
                 .name = std::move(name),
                 .handler =
                     [state = state_.get(), handler](Call& call) {
                       state->calls.run(call, [&](JsonObject body) { return (state->*handler)(call, body); });
                     },
                 .input = input});
  };
  const auto add_described = [&](const char* name, State::Reply (State::*handler)(const Call&)) {
    service.add(
        {.protocol = aws::dynamodb_protocol,
         .name = name,
         .handler = [state = state_.get(), handler](Call& call) { state->calls.finish(call, (state->*handler)(call)); },
         .input = &dynamodb_input(name)});
  };
  // These two are read a second time: what they say of a table is a table's definition.
  add("CreateTable", &State::create_table, &dynamodb_input("CreateTable"));
  add("UpdateTable", &State::update_table, &dynamodb_input("UpdateTable"));
  add_described("DescribeTable", &State::describe_table);
  add_described("ListTables", &State::list_tables);
  add_described("DeleteTable", &State::delete_table);
  add_described("DescribeTimeToLive", &State::describe_time_to_live);
  add_described("DescribeContinuousBackups", &State::describe_continuous_backups);
  add_described("UpdateTimeToLive", &State::update_time_to_live);
  add_described("ListTagsOfResource", &State::list_tags);
  add_described("TagResource", &State::tag_resource);
  add_described("UntagResource", &State::untag_resource);
  add("PutItem", &State::put_item);
  add("GetItem", &State::get_item);
  add("UpdateItem", &State::update_item);
  add("DeleteItem", &State::delete_item);
  add("Query", &State::query);
  add("Scan", &State::scan);
  add("BatchGetItem", &State::batch_get_item);
  add("BatchWriteItem", &State::batch_write_item);
  add("TransactWriteItems", &State::transact_write_items);
  add("TransactGetItems", &State::transact_get_items);
}

}  // namespace millrace::api
