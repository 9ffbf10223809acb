#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "table/expression_binding.h"

namespace millrace::table {
namespace {

using Kind = Condition::Kind;

bool has_order(const AttributeValue& value) {
  return value.number() != nullptr || value.string() != nullptr || std::holds_alternative<Binary>(value.value);
}

// nullopt: of different types, or of one without an order.
std::optional<std::strong_ordering> order_of(const AttributeValue& a, const AttributeValue& b) {
  if (a.value.index() != b.value.index()) return std::nullopt;
  if (const auto* number = a.number()) return *number <=> *b.number();
  if (const auto* text = a.string()) return *text <=> *b.string();
  if (const auto* binary = std::get_if<Binary>(&a.value)) return *binary <=> std::get<Binary>(b.value);
  return std::nullopt;
}

// What size() of a text counts: UTF-16 code units, as the service does; its documentation says characters.
int64_t utf16_units(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }) +
         std::ranges::count_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0xf0; });
}

struct CountOf {
  template <class Container>
  requires requires(const Container& c) { c.size(); }
  std::optional<int64_t> operator()(const Container& container) const { return static_cast<int64_t>(container.size()); }
  std::optional<int64_t> operator()(const std::string& text) const { return utf16_units(text); }
  std::optional<int64_t> operator()(const Binary& binary) const { return static_cast<int64_t>(binary.bytes.size()); }
  std::optional<int64_t> operator()(const Null&) const { return std::nullopt; }
  std::optional<int64_t> operator()(bool) const { return std::nullopt; }
  std::optional<int64_t> operator()(const Number&) const { return std::nullopt; }
};

// What an operand stands for, without a copy; `scratch` holds it where it is computed. Null: nothing.
const AttributeValue* value_of(const Operand& operand, const Bindings& bindings, const Item* item,
                               AttributeValue& scratch) {
  switch (operand.kind) {
    case Operand::Kind::value:
      return bindings.values[operand.value];
    case Operand::Kind::path:
      return item == nullptr ? nullptr : find(*item, operand.path, bindings);
    case Operand::Kind::size: {
      AttributeValue inner;
      const AttributeValue* of = value_of(operand.operands.front(), bindings, item, inner);
      if (of == nullptr) return nullptr;
      const auto count = std::visit(CountOf(), of->value);
      if (!count) return nullptr;
      scratch.value = Number(*count);
      return &scratch;
    }
    default:
      return nullptr;  // the others occur in updates only
  }
}

bool contains(const AttributeValue& whole, const AttributeValue& part) {
  if (const auto* list = std::get_if<List>(&whole.value)) return std::ranges::find(*list, part) != list->end();
  if (const auto* text = part.string()) {
    if (const auto* in = whole.string()) return in->find(*text) != std::string::npos;
    const auto* set = std::get_if<StringSet>(&whole.value);
    return set != nullptr && set->contains(*text);
  }
  if (const auto* number = part.number()) {
    const auto* set = std::get_if<NumberSet>(&whole.value);
    return set != nullptr && set->contains(*number);
  }
  if (const auto* binary = std::get_if<Binary>(&part.value)) {
    if (const auto* in = std::get_if<Binary>(&whole.value)) return in->bytes.find(binary->bytes) != std::string::npos;
    const auto* set = std::get_if<BinarySet>(&whole.value);
    return set != nullptr && set->contains(*binary);
  }
  return false;
}

bool begins_with(const AttributeValue& whole, const AttributeValue& start) {
  if (const auto* text = whole.string()) return start.string() != nullptr && text->starts_with(*start.string());
  const auto* binary = std::get_if<Binary>(&whole.value);
  const auto* bytes = std::get_if<Binary>(&start.value);
  return binary != nullptr && bytes != nullptr && binary->bytes.starts_with(bytes->bytes);
}

// "{S:tea}", as DynamoDB shows a value in its messages.
std::string shown(const AttributeValue& value) {
  std::string out = fmt::format("{{{}:", value.type_name());
  if (const auto* text = value.string()) out.append(*text);
  if (const auto* number = value.number()) number->put_text(out);
  if (const auto* binary = std::get_if<Binary>(&value.value)) base::append_base64(out, binary->bytes);
  out.push_back('}');
  return out;
}

void gather_attributes(const Operand& operand, const Bindings& bindings, std::set<std::string_view>& out) {
  if (!operand.path.empty()) out.insert(bindings.name(operand.path.front()));
  for (const Operand& inner : operand.operands) gather_attributes(inner, bindings, out);
}

void gather_attributes(const Condition& condition, const Bindings& bindings, std::set<std::string_view>& out) {
  for (const Condition& inner : condition.conditions) gather_attributes(inner, bindings, out);
  for (const Operand& operand : condition.operands) gather_attributes(operand, bindings, out);
}

constexpr std::array<std::string_view, 10> valid_types = {"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"};

class OperandCheck {
 public:
  OperandCheck(const ConditionExpression& expression, const Bindings& bindings)
      : expression_(expression), bindings_(bindings) {}

  Result<void> check(const Condition& condition) const {
    for (const Condition& inner : condition.conditions) TRY(check(inner));
    if (condition.operands.empty()) return {};
    for (const Operand& operand : condition.operands) TRY(check_size_operand(operand));
    TRY(check_distinct(condition));
    switch (condition.kind) {
      case Kind::less:
      case Kind::less_equal:
      case Kind::greater:
      case Kind::greater_equal:
        for (const Operand& operand : condition.operands) TRY(check_ordered(condition, operand));
        return {};
      case Kind::between:
        return check_between(condition);
      case Kind::attribute_type:
        return check_attribute_type(condition);
      case Kind::begins_with:
        for (const Operand& operand : condition.operands) TRY(check_begins_with(condition, operand));
        return {};
      default:
        return {};
    }
  }

 private:
  const AttributeValue* literal(const Operand& operand) const {
    return operand.kind == Operand::Kind::value ? bindings_.values[operand.value] : nullptr;
  }

  std::unexpected<Error> wrong_type(std::string_view operation, const AttributeValue& value) const {
    return refuse(expression_,
                  fmt::format("Incorrect operand type for operator or function; operator or function: {}, operand "
                              "type: {}",
                              operation, value.type_name()));
  }

  Result<void> check_size_operand(const Operand& operand) const {
    if (operand.kind != Operand::Kind::size) return {};
    const AttributeValue* value = literal(operand.operands.front());
    if (value != nullptr && !std::visit(CountOf(), value->value)) return wrong_type("size", *value);
    return {};
  }

  Result<void> check_distinct(const Condition& condition) const {
    const Operand& first = condition.operands.front();
    if (first.kind != Operand::Kind::path) return {};
    for (size_t i = 1; i < condition.operands.size(); ++i) {
      const Operand& other = condition.operands[i];
      if (other.kind == Operand::Kind::path && compare(first.path, other.path, bindings_) == 0) {
        return refuse(expression_, fmt::format("The first operand must be distinct from the remaining operands for "
                                               "this operator or function; operator: {}, first operand: {}",
                                               name(condition.kind), path_text(first.path, bindings_)));
      }
    }
    return {};
  }

  Result<void> check_ordered(const Condition& condition, const Operand& operand) const {
    const AttributeValue* value = literal(operand);
    if (value != nullptr && !has_order(*value)) return wrong_type(name(condition.kind), *value);
    return {};
  }

  Result<void> check_between(const Condition& condition) const {
    for (const Operand& operand : condition.operands) TRY(check_ordered(condition, operand));
    const AttributeValue* lower = literal(condition.operands[1]);
    const AttributeValue* upper = literal(condition.operands[2]);
    if (lower == nullptr || upper == nullptr) return {};
    const auto order = order_of(*lower, *upper);
    if (order && *order <= 0) return {};
    return refuse(expression_, fmt::format("The BETWEEN operator requires {}; lower bound operand: AttributeValue: {}, "
                                           "upper bound operand: AttributeValue: {}",
                                           order ? "upper bound to be greater than or equal to lower bound"
                                                 : "same data type for lower and upper bounds",
                                           shown(*lower), shown(*upper)));
  }

  Result<void> check_attribute_type(const Condition& condition) const {
    const AttributeValue* type = literal(condition.operands[1]);
    if (type == nullptr) {
      return refuse(expression_,
                    "Incorrect operand type for operator or function; operator or function: attribute_type, operand "
                    "type: path");
    }
    if (type->string() == nullptr) return wrong_type("attribute_type", *type);
    if (std::ranges::find(valid_types, *type->string()) == valid_types.end()) {
      return refuse(expression_, fmt::format("Invalid attribute type name found; type: {}, valid types: {{{}}}",
                                             *type->string(), fmt::join(valid_types, ",")));
    }
    return {};
  }

  Result<void> check_begins_with(const Condition& condition, const Operand& operand) const {
    const AttributeValue* value = literal(operand);
    if (value != nullptr && value->string() == nullptr && !std::holds_alternative<Binary>(value->value)) {
      return wrong_type(name(condition.kind), *value);
    }
    return {};
  }

  const ConditionExpression& expression_;
  const Bindings& bindings_;
};

}  // namespace

Result<void> check_operands(const ConditionExpression& expression, const Bindings& bindings) {
  return OperandCheck(expression, bindings).check(expression.root);
}

bool holds(const Condition& condition, const Bindings& bindings, const Item* item) {
  switch (condition.kind) {
    case Kind::logical_and:
      return std::ranges::all_of(condition.conditions, [&](const auto& each) { return holds(each, bindings, item); });
    case Kind::logical_or:
      return std::ranges::any_of(condition.conditions, [&](const auto& each) { return holds(each, bindings, item); });
    case Kind::logical_not:
      return !holds(condition.conditions.front(), bindings, item);
    default:
      break;
  }
  AttributeValue first_scratch;
  const AttributeValue* first = value_of(condition.operands.front(), bindings, item, first_scratch);
  if (condition.kind == Kind::attribute_exists) return first != nullptr;
  if (condition.kind == Kind::attribute_not_exists) return first == nullptr;
  const bool is_not_equal = condition.kind == Kind::not_equal;
  if (first == nullptr) return is_not_equal;

  AttributeValue scratch;
  if (condition.kind == Kind::in) {
    return std::any_of(condition.operands.begin() + 1, condition.operands.end(), [&](const Operand& operand) {
      const AttributeValue* each = value_of(operand, bindings, item, scratch);
      return each != nullptr && *each == *first;
    });
  }
  const AttributeValue* second = value_of(condition.operands[1], bindings, item, scratch);
  if (second == nullptr) return is_not_equal;
  const auto ordered = [&](auto holds_for) {
    const auto order = order_of(*first, *second);
    return order && holds_for(*order);
  };
  switch (condition.kind) {
    case Kind::equal:
      return *first == *second;
    case Kind::not_equal:
      return !(*first == *second);
    case Kind::less:
      return ordered([](auto order) { return order < 0; });
    case Kind::less_equal:
      return ordered([](auto order) { return order <= 0; });
    case Kind::greater:
      return ordered([](auto order) { return order > 0; });
    case Kind::greater_equal:
      return ordered([](auto order) { return order >= 0; });
    case Kind::between: {
      AttributeValue upper_scratch;
      const AttributeValue* upper = value_of(condition.operands[2], bindings, item, upper_scratch);
      if (upper == nullptr || !ordered([](auto order) { return order >= 0; })) return false;
      const auto order = order_of(*first, *upper);
      return order && *order <= 0;
    }
    case Kind::attribute_type:
      return second->string() != nullptr && first->type_name() == *second->string();
    case Kind::begins_with:
      return begins_with(*first, *second);
    case Kind::contains:
      return contains(*first, *second);
    default:
      return false;
  }
}

Result<bool> evaluate(const ConditionExpression& condition, UsedSubstitutions& substitutions, const Item* item) {
  Bindings bindings;
  TRY(bind(bindings, condition, substitutions));
  TRY(check_operands(condition, bindings));
  return holds(condition.root, bindings, item);
}

Result<std::set<std::string_view>> attributes_of(const ConditionExpression& condition,
                                                 UsedSubstitutions& substitutions) {
  Bindings bindings;
  TRY(bind(bindings, condition, substitutions));
  std::set<std::string_view> attributes;
  gather_attributes(condition.root, bindings, attributes);
  return attributes;
}

struct BoundCondition::State {
  std::shared_ptr<const ConditionExpression> condition;
  Bindings bindings;
};

BoundCondition::BoundCondition(std::unique_ptr<State> state) : state_(std::move(state)) {}
BoundCondition::BoundCondition(BoundCondition&&) noexcept = default;
BoundCondition& BoundCondition::operator=(BoundCondition&&) noexcept = default;
BoundCondition::~BoundCondition() = default;

Result<BoundCondition> BoundCondition::bind(std::shared_ptr<const ConditionExpression> condition,
                                            UsedSubstitutions& substitutions) {
  auto state = std::make_unique<State>();
  TRY(table::bind(state->bindings, *condition, substitutions));
  TRY(check_operands(*condition, state->bindings));
  state->condition = std::move(condition);
  return BoundCondition(std::move(state));
}

bool BoundCondition::holds(const Item* item) const {
  return table::holds(state_->condition->root, state_->bindings, item);
}

}  // namespace millrace::table
