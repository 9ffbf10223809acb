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

// The conditions on a schema's attributes: of the hash key all, of the range key the first ones.
struct KeyPlaces {
  std::vector<const KeyCondition*> hash;
  std::vector<const KeyCondition*> range;

  Result<void> fill(const KeySchema& schema, const std::vector<KeyCondition>& conditions) {
    hash.resize(schema.hash.size());
    range.resize(schema.range.size());
    for (const KeyCondition& condition : conditions) {
      for (size_t i = 0; i < hash.size() + range.size(); ++i) {
        const bool is_hash = i < hash.size();
        const KeyAttribute& key = is_hash ? schema.hash[i] : schema.range[i - hash.size()];
        if (condition.attribute != key.name) continue;
        const KeyCondition*& place = is_hash ? hash[i] : range[i - hash.size()];
        if (place != nullptr) return refuse("KeyConditionExpressions must only contain one condition per key");
        place = &condition;
      }
    }
    return {};
  }

  size_t count() const {
    return static_cast<size_t>(std::ranges::count_if(hash, [](const auto* each) { return each != nullptr; }) +
                               std::ranges::count_if(range, [](const auto* each) { return each != nullptr; }));
  }
};

std::unexpected<Error> missed(const KeyAttribute& key) {
  return fail(ErrorKind::invalid_argument, "Query condition missed key schema element: {}", key.name);
}

}  // namespace

Result<KeyRange> key_range(std::string_view key_condition_expression, UsedSubstitutions& substitutions,
                           const TableDefinition& table) {
  return key_range(key_condition_expression, substitutions, schema_of(table));
}

Result<KeyRange> key_range(std::string_view key_condition_expression, UsedSubstitutions& substitutions,
                           const KeySchema& schema) {
  TRY_ASSIGN(const auto expression, parse_condition(key_condition_expression, "KeyConditionExpression"));
  Bindings bindings;
  TRY(bind(bindings, *expression, substitutions));
  TRY(check_operands(*expression, bindings));
  KeyConditions gathered(bindings);
  TRY(gathered.gather(expression->root));
  const auto& conditions = gathered.conditions();

  KeyPlaces places;
  TRY(places.fill(schema, conditions));
  if (const size_t most = std::max<size_t>(schema.hash.size() + schema.range.size(), 2); conditions.size() > most) {
    if (most > 2) return fail(ErrorKind::invalid_argument, "Conditions can be of length 1 to {} only", most);
    return refuse("Conditions can be of length 1 or 2 only");
  }
  KeyRange key_range;
  for (size_t i = 0; i < schema.hash.size(); ++i) {
    const KeyCondition* hash = places.hash[i];
    if (hash == nullptr) return missed(schema.hash[i]);
  }
  if (places.count() < conditions.size()) {
    if (schema.range.empty()) return refuse("Query key condition not supported");
    return missed(schema.range.front());
  }
  for (size_t i = 0; i < schema.hash.size(); ++i) {
    const KeyCondition* hash = places.hash[i];
    TRY(check_values(*hash, schema.hash[i]));
    if (hash->compare != Compare::equal) return refuse("Query key condition not supported");
    key_range.hash.push_back(*hash->values.front());
  }
  bool ended = false;
  for (size_t i = 0; i < schema.range.size(); ++i) {
    const KeyCondition* range = places.range[i];
    const bool is_last = i + 1 == schema.range.size() || places.range[i + 1] == nullptr;
    if (range == nullptr) {
      ended = true;
      continue;
    }
    // The attributes of a sort key are given from the left, and only the last one as a range.
    if (ended) return missed(schema.range[i - 1]);
    TRY(check_values(*range, schema.range[i]));
    if (!is_last) {
      if (range->compare != Compare::equal) return refuse("Query key condition not supported");
      key_range.whole.push_back(*range->values.front());
      continue;
    }
    key_range.compare = range->compare;
    key_range.first = *range->values.front();
    if (range->values.size() > 1) key_range.second = *range->values.back();
  }
  return key_range;
}

}  // namespace millrace::table
