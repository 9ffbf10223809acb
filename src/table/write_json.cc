// Requests to write, from their JSON: the bodies of PutItem, UpdateItem and DeleteItem, and the entries of
// TransactWriteItems.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html

#include "table/write_json.h"

#include <algorithm>
#include <array>

#include "table/item_json.h"
#include "table/legacy_json.h"

namespace millrace::table {
namespace {

using Kind = WriteRequest::Kind;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "{}", what);
}

std::unexpected<Error> missing(std::string_view member) {
  return fail(ErrorKind::invalid_argument,
              "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
              member);
}

bool is_placeholder(std::string_view text, char first) {
  if (text.size() < 2 || text[0] != first) return false;
  for (const char c : text.substr(1)) {
    const bool part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!part) return false;
  }
  return true;
}

Result<ReturnValues> return_values_from(std::string_view text, Kind kind) {
  static constexpr std::array<std::pair<std::string_view, ReturnValues>, 5> all = {{
      {"NONE", ReturnValues::none},
      {"ALL_OLD", ReturnValues::all_old},
      {"UPDATED_OLD", ReturnValues::updated_old},
      {"ALL_NEW", ReturnValues::all_new},
      {"UPDATED_NEW", ReturnValues::updated_new},
  }};
  for (const auto& [name, value] : all) {
    if (name != text) continue;
    const bool of_any_write = value == ReturnValues::none || value == ReturnValues::all_old;
    if (kind != Kind::update && !of_any_write) return refuse("Return values set to invalid value");
    return value;
  }
  return fail(ErrorKind::invalid_argument,
              "1 validation error detected: Value '{}' at 'returnValues' failed to satisfy constraint: Member must "
              "satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
              text);
}

Result<bool> return_on_failure_from(std::string_view text) {
  if (text == "ALL_OLD") return true;
  if (text == "NONE") return false;
  return fail(ErrorKind::invalid_argument,
              "1 validation error detected: Value '{}' at 'returnValuesOnConditionCheckFailure' failed to satisfy "
              "constraint: Member must satisfy enum value set: [ALL_OLD, NONE]",
              text);
}

Result<std::string> text_of(value of) {
  TRY_ASSIGN(const std::string_view text, string_from_json(of));
  return std::string(text);
}

// The members of one request as they come; put together when all have been seen.
struct Members {
  std::optional<std::string> table;
  std::optional<Item> item;
  std::optional<Item> key;
  std::optional<std::string> update;
  std::optional<std::string> condition;
  ExpressionMembers expression;
  LegacyMembers legacy;

  Result<void> take(std::string_view name, value of, WriteRequest& request) {
    if (name == "TableName") {
      TRY_ASSIGN(table, text_of(of));
    } else if (name == "Item") {
      TRY_ASSIGN(auto inner, object_from_json(of));
      TRY_ASSIGN(item, item_from_json(inner));
    } else if (name == "Key") {
      TRY_ASSIGN(auto inner, object_from_json(of));
      TRY_ASSIGN(key, item_from_json(inner));
    } else if (name == "UpdateExpression") {
      TRY_ASSIGN(update, text_of(of));
    } else if (name == "ConditionExpression") {
      TRY_ASSIGN(condition, text_of(of));
    } else if (name == "ReturnValues") {
      TRY_ASSIGN(const std::string_view text, string_from_json(of));
      TRY_ASSIGN(request.return_values, return_values_from(text, request.kind));
    } else if (name == "ReturnValuesOnConditionCheckFailure") {
      TRY_ASSIGN(const std::string_view text, string_from_json(of));
      TRY_ASSIGN(request.return_old_on_failure, return_on_failure_from(text));
    } else {
      TRY_ASSIGN(const bool taken, expression.take(name, of));
      if (!taken) TRY(legacy.take(name, of));
    }
    return {};
  }

  // What was said in the older way, in its place.
  Result<void> translate() {
    TRY(legacy.check_not_mixed({{"UpdateExpression", update.has_value()},
                                {"ConditionExpression", condition.has_value()},
                                {"ExpressionAttributeNames", expression.has_names},
                                {"ExpressionAttributeValues", expression.has_values}}));
    TRY_ASSIGN(auto older_update, legacy.update(expression.substitutions));
    TRY_ASSIGN(auto older_condition, legacy.condition(expression.substitutions));
    if (older_update) update = std::move(older_update);
    if (older_condition) condition = std::move(older_condition);
    return {};
  }
};

}  // namespace

Result<bool> ExpressionMembers::take(std::string_view name, value of) {
  const bool is_names = name == "ExpressionAttributeNames";
  if (!is_names && name != "ExpressionAttributeValues") return false;
  TRY_ASSIGN(auto members, object_from_json(of));
  (is_names ? has_names : has_values) = true;
  for (auto field : members) {
    std::string_view placeholder;
    if (const auto code = field.unescaped_key().get(placeholder)) return std::unexpected(wrong_json(code));
    value member;
    if (const auto code = field.value().get(member)) return std::unexpected(wrong_json(code));
    if (!is_placeholder(placeholder, is_names ? '#' : ':')) {
      return fail(ErrorKind::invalid_argument, "{} contains invalid key: Syntax error; key: \"{}\"", name, placeholder);
    }
    std::string key(placeholder);
    if (is_names) {
      TRY_ASSIGN(std::string attribute, text_of(member));
      if (attribute.empty()) {
        return fail(ErrorKind::invalid_argument, "ExpressionAttributeNames contains invalid value: {} for key {}",
                    "The expression attribute map contains an empty name", key);
      }
      if (attribute.size() > attribute_name_bytes_max) {
        return fail(ErrorKind::invalid_argument, "ExpressionAttributeNames contains invalid value: {} for key {}",
                    "Attribute name is too large, must be less than 65536 bytes", key);
      }
      substitutions.names.insert_or_assign(std::move(key), std::move(attribute));
      continue;
    }
    auto parsed = value_from_json(member);
    if (!parsed) {
      if (is_wrong_json(parsed.error())) return std::unexpected(std::move(parsed).error());
      return fail(ErrorKind::invalid_argument, "ExpressionAttributeValues contains invalid value: {} for key {}",
                  parsed.error().message, key);
    }
    substitutions.values.insert_or_assign(std::move(key), std::move(*parsed));
  }
  return true;
}

Result<void> ExpressionMembers::check(bool any_expression, std::string_view value_expressions) const {
  if (has_names && !any_expression) {
    return refuse("ExpressionAttributeNames can only be specified when using expressions");
  }
  if (has_names && substitutions.names.empty()) return refuse("ExpressionAttributeNames must not be empty");
  if (has_values && !value_expressions.empty()) {
    return fail(ErrorKind::invalid_argument,
                "ExpressionAttributeValues can only be specified when using expressions: {}", value_expressions);
  }
  if (has_values && substitutions.values.empty()) return refuse("ExpressionAttributeValues must not be empty");
  return {};
}

namespace {

// arn:aws:dynamodb:REGION:ACCOUNT:table/NAME; nullopt: something else.
struct TableArn {
  TablePlace place;
  std::string_view name;
};
std::optional<TableArn> parse_table_arn(std::string_view arn) {
  constexpr std::string_view table_part = "table/";
  std::array<std::string_view, 5> parts;  // "arn", partition, service, region, account
  for (std::string_view& part : parts) {
    const size_t end = arn.find(':');
    if (end == std::string_view::npos) return std::nullopt;
    part = arn.substr(0, end);
    arn.remove_prefix(end + 1);
  }
  if (!parts[1].starts_with("aws") || parts[2] != "dynamodb" || !arn.starts_with(table_part)) return std::nullopt;
  return TableArn{{parts[3], parts[4]}, arn.substr(table_part.size())};
}

}  // namespace

Result<std::string> table_name_from(std::string_view name_or_arn, const TablePlace* here) {
  std::string_view name = name_or_arn;
  if (name.starts_with("arn:")) {
    const auto arn = parse_table_arn(name);
    if (!arn) return fail(ErrorKind::invalid_argument, "Invalid table ARN: {}", name_or_arn);
    if (here != nullptr && (arn->place.region != here->region || arn->place.account_id != here->account_id)) {
      return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", name_or_arn);
    }
    name = arn->name;
  }
  const auto refuse_name = [&](std::string_view constraint) {
    return fail(ErrorKind::invalid_argument,
                "1 validation error detected: Value '{}' at 'tableName' failed to satisfy constraint: Member must {}",
                name_or_arn, constraint);
  };
  for (const char c : name) {
    const bool right =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (!right) return refuse_name("satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
  }
  if (name.size() < 3) return refuse_name("have length greater than or equal to 3");
  if (name.size() > 255) return refuse_name("have length less than or equal to 255");
  return std::string(name);
}

Result<WriteRequest> write_from_json(Kind kind, object body, const TablePlace* here) {
  WriteRequest request;
  request.kind = kind;
  Members members;
  for (auto field : body) {
    std::string_view name;
    if (const auto code = field.unescaped_key().get(name)) return std::unexpected(wrong_json(code));
    value of;
    if (const auto code = field.value().get(of)) return std::unexpected(wrong_json(code));
    bool is_null = false;
    if (const auto code = of.is_null().get(is_null); code && code != simdjson::INCORRECT_TYPE) {
      return std::unexpected(wrong_json(code));
    }
    if (is_null) continue;  // absent, to AWS
    TRY(members.take(name, of, request));
  }
  TRY(members.translate());
  if (!members.table) return missing("tableName");
  TRY_ASSIGN(request.table, table_name_from(*members.table, here));

  const bool is_put = kind == Kind::put;
  std::optional<Item>& item = is_put ? members.item : members.key;
  if (!item) return missing(is_put ? "item" : "key");
  request.item = std::move(*item);

  if (members.update && kind != Kind::update) {
    return refuse("UpdateExpression is a parameter of updates only");
  }
  if (kind == Kind::check && !members.condition) return missing("conditionExpression");
  if (members.update && members.update->empty()) {
    return refuse("Invalid UpdateExpression: The expression can not be empty;");
  }
  if (members.condition && members.condition->empty()) {
    return refuse("Invalid ConditionExpression: The expression can not be empty;");
  }
  const bool any = members.update || members.condition;
  TRY(members.expression.check(any, any                    ? ""
                                    : kind == Kind::update ? "UpdateExpression is null and ConditionExpression is null"
                                                           : "ConditionExpression is null"));
  request.update_expression = std::move(members.update).value_or("");
  request.condition_expression = std::move(members.condition).value_or("");
  request.substitutions = std::move(members.expression.substitutions);
  return request;
}

Result<std::vector<WriteRequest>> writes_from_json(simdjson::ondemand::array entries, const TablePlace* here) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 4> kinds = {{
      {"Put", Kind::put},
      {"Update", Kind::update},
      {"Delete", Kind::erase},
      {"ConditionCheck", Kind::check},
  }};
  constexpr std::string_view one_each =
      "TransactItems can only contain one of Check, Put, Update or Delete; each entry exactly one";
  std::vector<WriteRequest> requests;
  for (auto entry : entries) {
    value each;
    if (const auto code = entry.get(each)) return std::unexpected(wrong_json(code));
    TRY_ASSIGN(auto members, object_from_json(each));
    size_t found = 0;
    for (auto field : members) {
      std::string_view name;
      if (const auto code = field.unescaped_key().get(name)) return std::unexpected(wrong_json(code));
      const auto* kind = std::ranges::find(kinds, name, [](const auto& pair) { return pair.first; });
      if (kind == kinds.end() || ++found > 1) return refuse(one_each);
      value body;
      if (const auto code = field.value().get(body)) return std::unexpected(wrong_json(code));
      TRY_ASSIGN(auto inner, object_from_json(body));
      TRY_ASSIGN(WriteRequest request, write_from_json(kind->second, inner, here));
      requests.push_back(std::move(request));
    }
    if (found == 0) return refuse(one_each);
  }
  return requests;
}

}  // namespace millrace::table
