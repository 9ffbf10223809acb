#include "table/legacy_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "table/item_json.h"

namespace millrace::table {
namespace {

using simdjson::ondemand::value;

template <class... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> text, Args&&... args) {
  return fail(ErrorKind::invalid_argument, "One or more parameter values were invalid: {}",
              fmt::format(text, std::forward<Args>(args)...));
}

// A comparison: how many values it takes, and its text with {0} for the attribute, {1} and {2} for the values.
struct Comparison {
  std::string_view name;
  size_t least;
  size_t most;
  std::string_view before;   // the attribute
  std::string_view between;  // attribute and value
  std::string_view after;
};
constexpr size_t any_number = 100;
constexpr std::array<Comparison, 13> comparisons = {{
    {"EQ", 1, 1, "", " = ", ""},
    {"NE", 1, 1, "", " <> ", ""},
    {"IN", 1, any_number, "", " IN (", ")"},
    {"LE", 1, 1, "", " <= ", ""},
    {"LT", 1, 1, "", " < ", ""},
    {"GE", 1, 1, "", " >= ", ""},
    {"GT", 1, 1, "", " > ", ""},
    {"BETWEEN", 2, 2, "", " BETWEEN ", ""},
    {"NOT_NULL", 0, 0, "attribute_exists(", "", ")"},
    {"NULL", 0, 0, "attribute_not_exists(", "", ")"},
    {"CONTAINS", 1, 1, "contains(", ", ", ")"},
    {"NOT_CONTAINS", 1, 1, "NOT contains(", ", ", ")"},
    {"BEGINS_WITH", 1, 1, "begins_with(", ", ", ")"},
}};

const Comparison* find_comparison(std::string_view name) {
  const auto* at = std::ranges::find(comparisons, name, &Comparison::name);
  return at == comparisons.end() ? nullptr : at;
}

bool is_scalar(const AttributeValue& value) {
  return value.string() != nullptr || value.number() != nullptr || std::holds_alternative<Binary>(value.value);
}

bool takes(std::string_view comparison, const AttributeValue& value) {
  if (comparison == "LT" || comparison == "LE" || comparison == "GT" || comparison == "GE" || comparison == "BETWEEN" ||
      comparison == "IN") {
    return is_scalar(value);
  }
  if (comparison == "BEGINS_WITH") return value.string() != nullptr || std::holds_alternative<Binary>(value.value);
  if (comparison == "CONTAINS" || comparison == "NOT_CONTAINS") {
    return is_scalar(value) || std::holds_alternative<bool>(value.value) || std::holds_alternative<Null>(value.value);
  }
  return true;
}

// Calls f(name, value) -> Result<void> for each member that is not null.
template <class F>
Result<void> each_member(value of, F f) {
  TRY_ASSIGN(auto object, object_from_json(of));
  for (auto field : object) {
    std::string_view name;
    if (const auto code = field.unescaped_key().get(name)) return std::unexpected(wrong_json(code));
    value inner;
    if (const auto code = field.value().get(inner)) return std::unexpected(wrong_json(code));
    bool is_null = false;
    if (const auto code = inner.is_null().get(is_null); code && code != simdjson::INCORRECT_TYPE) {
      return std::unexpected(wrong_json(code));
    }
    if (is_null) continue;
    TRY(f(name, inner));
  }
  return {};
}

template <class F>
Result<void> each_element(value of, F f) {
  simdjson::ondemand::array array;
  if (const auto code = of.get_array().get(array)) return std::unexpected(wrong_json(code));
  for (auto element : array) {
    value inner;
    if (const auto code = element.get(inner)) return std::unexpected(wrong_json(code));
    TRY(f(inner));
  }
  return {};
}

Result<std::string> text_of(value of) {
  TRY_ASSIGN(const std::string_view text, string_from_json(of));
  return std::string(text);
}

}  // namespace

// Names the attributes and values of a text.
class LegacyMembers::Text {
 public:
  explicit Text(Substitutions& substitutions) : substitutions_(substitutions) {}

  std::string name(const std::string& attribute) {
    std::string placeholder = fmt::format("#{}", substitutions_.names.size());
    substitutions_.names.emplace(placeholder, attribute);
    return placeholder;
  }
  std::string value(const AttributeValue& value) {
    std::string placeholder = fmt::format(":{}", substitutions_.values.size());
    substitutions_.values.emplace(placeholder, value);
    return placeholder;
  }

  // The values and their number were checked.
  std::string comparison(const Condition& condition) {
    const Comparison& comparison = *find_comparison(*condition.comparison);
    std::string out(comparison.before);
    out += name(condition.attribute);
    out += comparison.between;
    const std::string_view separator = comparison.name == "BETWEEN" ? " AND " : ", ";
    bool first = true;
    for (const AttributeValue& each : *condition.values) {
      if (!first) out += separator;
      first = false;
      out += value(each);
    }
    out += comparison.after;
    return out;
  }

 private:
  Substitutions& substitutions_;
};

Result<bool> LegacyMembers::take(std::string_view name, value of) {
  const auto take_conditions = [&](std::optional<std::vector<Condition>>& conditions) -> Result<void> {
    auto& list = conditions.emplace();
    return each_member(of, [&](std::string_view attribute, value inner) -> Result<void> {
      TRY_ASSIGN(auto condition, condition_from(attribute, inner));
      list.push_back(std::move(condition));
      return {};
    });
  };
  if (name == "Expected") {
    TRY(take_conditions(expected_));
  } else if (name == "QueryFilter" || name == "ScanFilter") {
    TRY(take_conditions(filter_));
  } else if (name == "KeyConditions") {
    TRY(take_conditions(key_conditions_));
  } else if (name == "AttributeUpdates") {
    auto& list = updates_.emplace();
    TRY(each_member(of, [&](std::string_view attribute, value inner) -> Result<void> {
      TRY_ASSIGN(auto update, update_from(attribute, inner));
      list.push_back(std::move(update));
      return {};
    }));
  } else if (name == "AttributesToGet") {
    auto& list = attributes_.emplace();
    TRY(each_element(of, [&](value inner) -> Result<void> {
      TRY_ASSIGN(std::string attribute, text_of(inner));
      if (std::ranges::find(list, attribute) != list.end()) {
        return invalid("Duplicate value in attribute name: {}", attribute);
      }
      list.push_back(std::move(attribute));
      return {};
    }));
    if (list.empty()) {
      return fail(ErrorKind::invalid_argument,
                  "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member "
                  "must have length greater than or equal to 1");
    }
  } else if (name == "ConditionalOperator") {
    TRY_ASSIGN(conditional_operator_, text_of(of));
    if (*conditional_operator_ != "AND" && *conditional_operator_ != "OR") {
      return fail(ErrorKind::invalid_argument,
                  "1 validation error detected: Value '{}' at 'conditionalOperator' failed to satisfy constraint: "
                  "Member must satisfy enum value set: [OR, AND]",
                  *conditional_operator_);
    }
  } else {
    return false;
  }
  names_.emplace_back(name);
  return true;
}

Result<LegacyMembers::Condition> LegacyMembers::condition_from(std::string_view attribute, value of) {
  Condition condition;
  condition.attribute = attribute;
  TRY(each_member(of, [&](std::string_view name, value inner) -> Result<void> {
    if (name == "ComparisonOperator") {
      TRY_ASSIGN(condition.comparison, text_of(inner));
      if (find_comparison(*condition.comparison) == nullptr) {
        return fail(ErrorKind::invalid_argument,
                    "1 validation error detected: Value '{}' at 'comparisonOperator' failed to satisfy constraint: "
                    "Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, "
                    "LE, BEGINS_WITH, GE, CONTAINS]",
                    *condition.comparison);
      }
    } else if (name == "Value") {
      TRY_ASSIGN(condition.value, value_from_json(inner));
    } else if (name == "AttributeValueList") {
      auto& list = condition.values.emplace();
      return each_element(inner, [&](value each) -> Result<void> {
        TRY_ASSIGN(auto parsed, value_from_json(each));
        list.push_back(std::move(parsed));
        return {};
      });
    } else if (name == "Exists") {
      TRY_ASSIGN(condition.exists, boolean_from_json(inner));
    }
    return {};
  }));
  return condition;
}

Result<LegacyMembers::Update> LegacyMembers::update_from(std::string_view attribute, value of) {
  Update update;
  update.attribute = attribute;
  TRY(each_member(of, [&](std::string_view name, value inner) -> Result<void> {
    if (name == "Action") {
      TRY_ASSIGN(update.action, text_of(inner));
    } else if (name == "Value") {
      TRY_ASSIGN(update.value, value_from_json(inner));
    }
    return {};
  }));
  if (update.action != "PUT" && update.action != "ADD" && update.action != "DELETE") {
    return fail(ErrorKind::invalid_argument,
                "1 validation error detected: Value '{}' at 'attributeUpdates.{}.member.action' failed to satisfy "
                "constraint: Member must satisfy enum value set: [ADD, DELETE, PUT]",
                update.action, attribute);
  }
  if (!update.value) {
    if (update.action == "DELETE") return update;
    return invalid("Only DELETE action is allowed when no attribute value is specified");
  }
  const auto& content = update.value->value;
  const bool is_set = std::holds_alternative<StringSet>(content) || std::holds_alternative<NumberSet>(content) ||
                      std::holds_alternative<BinarySet>(content);
  if (update.action == "ADD" && !is_set && update.value->number() == nullptr) {
    return invalid("ADD action is not supported for the type {}", update.value->type_name());
  }
  if (update.action == "DELETE" && !is_set) {
    return invalid("DELETE action with value is not supported for the type {}", update.value->type_name());
  }
  return update;
}

Result<void> LegacyMembers::check_not_mixed(
    std::initializer_list<std::pair<std::string_view, bool>> expressions) const {
  if (names_.empty()) return {};
  std::vector<std::string_view> used;
  for (const auto& [name, is_there] : expressions) {
    if (is_there) used.push_back(name);
  }
  if (used.empty()) return {};
  return fail(ErrorKind::invalid_argument,
              "Can not use both expression and non-expression parameters in the same request: Non-expression "
              "parameters: {{{}}} Expression parameters: {{{}}}",
              fmt::join(names_, ", "), fmt::join(used, ", "));
}

// Brings the older form, Value and Exists, into that of a comparison.
Result<void> LegacyMembers::check_expected(Condition& condition) {
  const std::string& name = condition.attribute;
  if (condition.value && condition.values) {
    return invalid("Value and AttributeValueList cannot be used together for Attribute: {}", name);
  }
  if (condition.comparison) {
    if (condition.exists)
      return invalid("Exists and ComparisonOperator cannot be used together for Attribute: {}", name);
    if (condition.value) condition.values = {*condition.value};
    if (!condition.values && find_comparison(*condition.comparison)->least > 0) {
      return invalid("Value or AttributeValueList must be used with ComparisonOperator: {} for Attribute: {}",
                     *condition.comparison, name);
    }
    return {};
  }
  if (condition.values) {
    return invalid("AttributeValueList can only be used with a ComparisonOperator for Attribute: {}", name);
  }
  if (condition.exists == false) {
    if (condition.value) return invalid("Value cannot be used when Exists is false for Attribute: {}", name);
    condition.comparison = "NULL";
    return {};
  }
  if (!condition.value) {
    return invalid("Value must be provided when Exists is {} for Attribute: {}", condition.exists ? "true" : "null",
                   name);
  }
  condition.comparison = "EQ";
  condition.values = {*condition.value};
  return {};
}

Result<void> LegacyMembers::check_arguments(const Condition& condition) {
  const Comparison& comparison = *find_comparison(*condition.comparison);
  const size_t count = condition.values ? condition.values->size() : 0;
  if (count < comparison.least || count > comparison.most) {
    return invalid("Invalid number of argument(s) for the {} ComparisonOperator", comparison.name);
  }
  if (count == 0) return {};
  for (const AttributeValue& each : *condition.values) {
    if (!takes(comparison.name, each)) {
      return invalid("ComparisonOperator {} is not valid for {} AttributeValue type", comparison.name,
                     each.type_name());
    }
    if (each.value.index() != condition.values->front().value.index()) {
      return invalid("AttributeValues inside AttributeValueList must all be of the same type");
    }
  }
  return {};
}

Result<std::optional<std::string>> LegacyMembers::conditions_text(const std::vector<Condition>& conditions,
                                                                  Substitutions& substitutions) const {
  if (conditional_operator_ && conditions.size() < 2) {
    return fail(ErrorKind::invalid_argument,
                "ConditionalOperator can only be used when Filter or Expected has two or more elements");
  }
  Text text(substitutions);
  std::string out;
  for (Condition condition : conditions) {
    TRY(check_arguments(condition));
    if (!condition.values) condition.values.emplace();
    if (!out.empty()) out += conditional_operator_ == "OR" ? " OR " : " AND ";
    out += text.comparison(condition);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

Result<std::optional<std::string>> LegacyMembers::condition(Substitutions& substitutions) const {
  if (!expected_) {
    if (!conditional_operator_ || filter_) return std::nullopt;
    return fail(ErrorKind::invalid_argument, "ConditionalOperator cannot be used without Filter or Expected");
  }
  std::vector<Condition> conditions = *expected_;
  for (Condition& condition : conditions) TRY(check_expected(condition));
  return conditions_text(conditions, substitutions);
}

Result<std::optional<std::string>> LegacyMembers::filter(Substitutions& substitutions) const {
  if (!filter_) {
    if (!conditional_operator_ || expected_) return std::nullopt;
    return fail(ErrorKind::invalid_argument, "ConditionalOperator cannot be used without Filter or Expected");
  }
  for (const Condition& condition : *filter_) {
    if (condition.comparison) continue;
    return fail(ErrorKind::invalid_argument,
                "1 validation error detected: Value null at 'filter.{}.member.comparisonOperator' failed to satisfy "
                "constraint: Member must not be null",
                condition.attribute);
  }
  return conditions_text(*filter_, substitutions);
}

Result<std::optional<std::string>> LegacyMembers::key_condition(Substitutions& substitutions) const {
  if (!key_conditions_) return std::nullopt;
  constexpr std::array<std::string_view, 7> indexable = {"EQ", "LE", "LT", "GE", "GT", "BEGINS_WITH", "BETWEEN"};
  Text text(substitutions);
  std::string out;
  for (const Condition& condition : *key_conditions_) {
    if (!condition.comparison) {
      return fail(ErrorKind::invalid_argument,
                  "1 validation error detected: Value null at 'keyConditions.{}.member.comparisonOperator' failed to "
                  "satisfy constraint: Member must not be null",
                  condition.attribute);
    }
    TRY(check_arguments(condition));
    if (std::ranges::find(indexable, *condition.comparison) == indexable.end()) {
      return fail(ErrorKind::invalid_argument, "Attempted conditional constraint is not an indexable operation");
    }
    if (!out.empty()) out += " AND ";
    out += text.comparison(condition);
  }
  if (out.empty()) return fail(ErrorKind::invalid_argument, "Conditions can be of length 1 or 2 only");
  return out;
}

Result<std::optional<std::string>> LegacyMembers::update(Substitutions& substitutions) const {
  if (!updates_ || updates_->empty()) return std::nullopt;
  Text text(substitutions);
  std::string sets;
  std::string removals;
  std::string additions;
  std::string deletions;
  for (const Update& update : *updates_) {
    const std::string name = text.name(update.attribute);
    const auto add = [&](std::string& clause, std::string_view keyword, std::string_view relation) {
      clause += clause.empty() ? keyword : ", ";
      clause += name;
      if (update.value) clause.append(relation).append(text.value(*update.value));
    };
    if (update.action == "PUT") {
      add(sets, "SET ", " = ");
    } else if (update.action == "ADD") {
      add(additions, "ADD ", " ");
    } else if (update.value) {
      add(deletions, "DELETE ", " ");
    } else {
      add(removals, "REMOVE ", "");
    }
  }
  std::string out;
  for (const std::string* clause : {&sets, &removals, &additions, &deletions}) {
    if (clause->empty()) continue;
    if (!out.empty()) out += ' ';
    out += *clause;
  }
  return out;
}

Result<std::optional<std::string>> LegacyMembers::projection(Substitutions& substitutions) const {
  if (!attributes_) return std::nullopt;
  Text text(substitutions);
  std::string out;
  for (const std::string& attribute : *attributes_) {
    if (!out.empty()) out += ", ";
    out += text.name(attribute);
  }
  return out;
}

}  // namespace millrace::table
