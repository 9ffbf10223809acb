#include <algorithm>

#include "table/expression_binding.h"
#include "table/keys.h"
#include "table/table.h"

namespace millrace::table {
namespace {

using Compare = KeyRange::Compare;
using Kind = Condition::Kind;

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "{}", what);
}

Compare comparison(Kind kind, bool turned) {
  switch (kind) {
    case Kind::equal:
      return Compare::equal;
    case Kind::less:
      return turned ? Compare::greater : Compare::less;
    case Kind::less_equal:
      return turned ? Compare::greater_equal : Compare::less_equal;
    case Kind::greater:
      return turned ? Compare::less : Compare::greater;
    case Kind::greater_equal:
      return turned ? Compare::less_equal : Compare::greater_equal;
    case Kind::between:
      return Compare::between;
    case Kind::begins_with:
      return Compare::begins_with;
    default:
      return Compare::none;
  }
}

// One comparison of a key attribute with values.
struct KeyCondition {
  std::string_view attribute;
  Compare compare = Compare::none;
  std::vector<const AttributeValue*> values;
};

class KeyConditions {
 public:
  explicit KeyConditions(const Bindings& bindings) : bindings_(bindings) {}

  // Gathers the conditions that ANDs hold together.
  Result<void> gather(const Condition& condition) {
    if (condition.kind == Kind::logical_and) {
      for (const Condition& each : condition.conditions) TRY(gather(each));
      return {};
    }
    KeyCondition key;
    const Operand& first = condition.operands.empty() ? nothing_ : condition.operands.front();
    const bool turned =
        condition.kind != Kind::between && condition.kind != Kind::begins_with && first.kind == Operand::Kind::value;
    key.compare = comparison(condition.kind, turned);
    if (key.compare == Compare::none) {
      return fail(ErrorKind::invalid_argument, "Invalid operator used in KeyConditionExpression: {}",
                  name(condition.kind));
    }
    for (const Operand& operand : condition.operands) TRY(take(key, condition, operand));
    if (key.attribute.empty()) return refuse("Invalid condition in KeyConditionExpression: No key attribute specified");
    conditions_.push_back(std::move(key));
    return {};
  }

  const std::vector<KeyCondition>& conditions() const { return conditions_; }

 private:
  Result<void> take(KeyCondition& key, const Condition& condition, const Operand& operand) {
    switch (operand.kind) {
      case Operand::Kind::value:
        key.values.push_back(bindings_.values[operand.value]);
        return {};
      case Operand::Kind::path:
        if (operand.path.size() > 1) {
          return refuse("KeyConditionExpressions cannot have conditions on nested attributes");
        }
        if (!key.attribute.empty()) {
          return refuse("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition");
        }
        if (&operand != &condition.operands.front() &&
            (condition.kind == Kind::between || condition.kind == Kind::begins_with)) {
          return fail(ErrorKind::invalid_argument,
                      "Invalid condition in KeyConditionExpression: {} operator must have the key attribute as its "
                      "first operand",
                      name(condition.kind));
        }
        key.attribute = bindings_.name(operand.path.front());
        return {};
      default:
        return refuse("KeyConditionExpressions cannot contain nested operations");
    }
  }

  inline static const Operand nothing_;
  const Bindings& bindings_;
  std::vector<KeyCondition> conditions_;
};

Result<void> check_values(const KeyCondition& condition, const KeyAttribute& key) {
  for (const AttributeValue* value : condition.values) {
    if (!has_type(*value, key.type)) {
      return refuse("One or more parameter values were invalid: Condition parameter type does not match schema type");
    }
    const auto* text = value->string();
    const auto* binary = std::get_if<Binary>(&value->value);
    const bool empty = (text != nullptr && text->empty()) || (binary != nullptr && binary->bytes.empty());
    if (empty && condition.compare == Compare::equal) {
      return fail(ErrorKind::invalid_argument,
                  "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                  "an empty {} value. Key: {}",
                  text != nullptr ? "string" : "binary", key.name);
    }
  }
  return {};
}

}  // namespace

Result<KeyRange> key_range(std::string_view key_condition_expression, UsedSubstitutions& substitutions,
                           const TableDefinition& table) {
  TRY_ASSIGN(const auto expression, parse_condition(key_condition_expression, "KeyConditionExpression"));
  Bindings bindings;
  TRY(bind(bindings, *expression, substitutions));
  TRY(check_operands(*expression, bindings));
  KeyConditions gathered(bindings);
  TRY(gathered.gather(expression->root));

  const KeyCondition* hash = nullptr;
  const KeyCondition* range = nullptr;
  for (const KeyCondition& condition : gathered.conditions()) {
    const bool is_hash = condition.attribute == table.hash_key.name;
    const bool is_range = table.range_key && condition.attribute == table.range_key->name;
    if (is_hash || is_range) {
      const KeyCondition*& place = is_hash ? hash : range;
      if (place != nullptr) return refuse("KeyConditionExpressions must only contain one condition per key");
      place = &condition;
    }
  }
  if (gathered.conditions().size() > 2) return refuse("Conditions can be of length 1 or 2 only");
  if (hash == nullptr) {
    return fail(ErrorKind::invalid_argument, "Query condition missed key schema element: {}", table.hash_key.name);
  }
  if (gathered.conditions().size() == 2 && range == nullptr) {
    if (!table.range_key) return refuse("Query key condition not supported");
    return fail(ErrorKind::invalid_argument, "Query condition missed key schema element: {}", table.range_key->name);
  }
  TRY(check_values(*hash, table.hash_key));
  if (hash->compare != Compare::equal) return refuse("Query key condition not supported");

  KeyRange key_range;
  key_range.hash = *hash->values.front();
  if (range == nullptr) return key_range;
  TRY(check_values(*range, *table.range_key));
  key_range.compare = range->compare;
  key_range.first = *range->values.front();
  if (range->values.size() > 1) key_range.second = *range->values.back();
  return key_range;
}

}  // namespace millrace::table
