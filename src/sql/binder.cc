#include "sql/binder.h"

#include <algorithm>

#include "data/text.h"
#include "sql/fold.h"
#include "sql/names.h"

namespace millrace::sql {

using data::Type;
using data::TypeKind;
using Kind = ParsedExpression::Kind;

namespace {

bool any_nullable(const std::vector<ExpressionPtr>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const auto& argument) { return argument->type.nullable; });
}

ExpressionPtr boolean_call(Function function, std::vector<ExpressionPtr> arguments) {
  const bool nullable = any_nullable(arguments);
  return fold(make_call(function, boolean_type(nullable), std::move(arguments)));
}

ExpressionPtr negated_if(bool negated, ExpressionPtr condition) {
  return negated ? boolean_call(Function::logical_not, {std::move(condition)}) : condition;
}

// A literal as the type if that changes nothing of its value: so that a column need not be cast to a type that
// is only wider because of a literal.
ExpressionPtr literal_as(const ExpressionPtr& literal, const Type& type) {
  if (!is_literal(literal) || is_null_literal(literal)) return nullptr;
  if (literal->type.kind == TypeKind::string && type.kind == TypeKind::timestamp) {
    const ExpressionPtr cast = cast_to(literal, type);
    return is_literal(cast) ? cast : nullptr;
  }
  const bool exact =
      (literal->type.is_integer() && (type.is_integer() || type.kind == TypeKind::decimal)) ||
      (literal->type.kind == TypeKind::decimal && type.kind == TypeKind::decimal && literal->type.scale <= type.scale);
  if (!exact) return nullptr;
  const ExpressionPtr cast = cast_to(literal, type);
  return is_literal(cast) ? cast : nullptr;
}

std::string type_name(const ExpressionPtr& expression) {
  return to_string(with_nullable(expression->type, true));
}

}  // namespace

Bound Binder::finish(ExpressionPtr expression, Position position) const {
  Bound bound;
  bound.expression = std::move(expression);
  bound.position = position;
  return bound;
}

Result<Bound> Binder::bind_value(const ParsedExpression& parsed) {
  TRY_ASSIGN(Bound bound, bind(parsed));
  if (bound.interval_ms) {
    return fail_at(parsed.position, "an interval is no value of a column; add it to a timestamp");
  }
  if (bound.untyped_null) {
    return fail_at(parsed.position, "this NULL has no type; write CAST(NULL AS type)");
  }
  return bound;
}

Result<ExpressionPtr> Binder::bind_condition(const ParsedExpression& parsed) {
  return boolean_operand(parsed, clause_);
}

Result<Bound> Binder::bind(const ParsedExpression& parsed) {
  switch (parsed.kind) {
    case Kind::column:
      return bind_column(parsed);
    case Kind::unary:
      return bind_unary(parsed);
    case Kind::binary:
      return bind_binary(parsed);
    case Kind::case_when:
      return bind_case(parsed);
    case Kind::cast:
      return bind_cast(parsed);
    case Kind::in_list:
      return bind_in(parsed);
    case Kind::between:
      return bind_between(parsed);
    case Kind::like:
      return bind_like(parsed);
    case Kind::is_null:
    case Kind::is_truth:
      return bind_null_test(parsed);
    case Kind::call:
      return bind_call(parsed);
    case Kind::star:
      return fail_at(parsed.position, "* is an argument of COUNT only");
    default:
      return bind_literal(parsed);
  }
}

Result<Bound> Binder::bind_column(const ParsedExpression& parsed) {
  const Name& name = parsed.path.back();
  const std::string qualifier = parsed.path.size() > 1 ? parsed.path.front().text : std::string();
  std::vector<std::string> qualifiers;
  std::vector<std::string> names;
  const ScopeColumn* found = nullptr;
  for (const ScopeColumn& column : scope_) {
    if (std::find(qualifiers.begin(), qualifiers.end(), column.qualifier) == qualifiers.end()) {
      qualifiers.push_back(column.qualifier);
    }
    if (!qualifier.empty() && column.qualifier != qualifier) continue;
    names.push_back(column.name);
    if (column.name != name.text) continue;
    if (found != nullptr) {
      if (found->qualifier == column.qualifier) {
        return fail_at(parsed.position, "there are two columns '{}'; give one of them another name with AS", name.text);
      }
      return fail_at(parsed.position, "'{0}' is ambiguous; write {1}.{0} or {2}.{0}", name.text, found->qualifier,
                     column.qualifier);
    }
    found = &column;
  }
  if (found == nullptr) {
    if (!qualifier.empty() && names.empty()) {
      std::erase(qualifiers, std::string());
      return fail_at(parsed.position, "there is no table '{}' in this query{}", qualifier,
                     suggestion(qualifier, qualifiers, "there are"));
    }
    return fail_at(name.position, "there is no column '{}'{}{}", name.text,
                   qualifier.empty() ? std::string() : fmt::format(" in {}", qualifier),
                   suggestion(name.text, names, "the columns are"));
  }
  if (!inside_aggregate_) uses_.try_emplace(found->column, parsed.position);
  Bound bound = finish(make_column(found->column, found->type), parsed.position);
  bound.time = found->time;
  return bound;
}

Result<Bound> Binder::bind_literal(const ParsedExpression& parsed) {
  const std::string& text = parsed.text;
  switch (parsed.kind) {
    case Kind::null_literal: {
      Bound bound = finish(make_null(string_type(true)), parsed.position);
      bound.untyped_null = true;
      return bound;
    }
    case Kind::boolean_literal:
      return finish(make_boolean(text == "TRUE"), parsed.position);
    case Kind::integer_literal: {
      if (const auto value = data::parse_int64(text)) {
        const bool small = *value >= INT32_MIN && *value <= INT32_MAX;
        return finish(make_literal(*value, small ? integer_type(false) : bigint_type(false)), parsed.position);
      }
      const int digits = static_cast<int>(std::min<size_t>(text.size(), 100)) - (text.starts_with('-') ? 1 : 0);
      const auto value = data::parse_decimal(text, decimal_precision_max, 0);
      if (!value) return fail_at(parsed.position, "a number has at most {} digits", decimal_precision_max);
      return finish(make_literal(*value, decimal_type(std::min(digits, decimal_precision_max), 0, false)),
                    parsed.position);
    }
    case Kind::decimal_literal: {
      std::string_view digits = text;
      if (digits.starts_with('-')) digits.remove_prefix(1);
      while (digits.size() > 1 && digits[0] == '0' && digits[1] != '.') digits.remove_prefix(1);
      const size_t point = digits.find('.');
      const size_t whole = digits.substr(0, point) == "0" ? 0 : point;
      const size_t scale = digits.size() - point - 1;
      if (whole + scale > static_cast<size_t>(decimal_precision_max)) {
        return fail_at(parsed.position, "a number has at most {} digits", decimal_precision_max);
      }
      const int precision = std::max<int>(1, static_cast<int>(whole + scale));
      const auto value = data::parse_decimal(text, decimal_precision_max, static_cast<int>(scale));
      if (!value) return fail_at(parsed.position, "'{}' is no number", text);
      return finish(make_literal(*value, decimal_type(precision, static_cast<int>(scale), false)), parsed.position);
    }
    case Kind::real_literal: {
      const auto value = data::parse_double(text);
      if (!value) return fail_at(parsed.position, "'{}' does not fit into a DOUBLE", text.substr(0, 40));
      return finish(make_literal(*value, real_type(false)), parsed.position);
    }
    case Kind::string_literal:
      return finish(make_literal(text, string_type(false)), parsed.position);
    case Kind::timestamp_literal: {
      const auto value = data::parse_timestamp(text);
      if (!value)
        return fail_at(parsed.position, "'{}' is no timestamp; write '2024-01-31 12:00:00.000'", text.substr(0, 40));
      return finish(make_literal(*value, timestamp_type(false)), parsed.position);
    }
    case Kind::interval_literal: {
      Bound bound;
      bound.interval_ms = parsed.interval_ms;
      bound.position = parsed.position;
      return bound;
    }
    default:
      return fail_at(parsed.position, "this is no value");
  }
}

Result<ExpressionPtr> Binder::bind_operand(const ParsedExpression& parsed, std::string_view of) {
  TRY_ASSIGN(Bound bound, bind(parsed));
  if (bound.interval_ms) return fail_at(parsed.position, "{} does not take an interval", of);
  return bound.expression;
}

Result<ExpressionPtr> Binder::boolean_operand(const ParsedExpression& parsed, std::string_view of) {
  TRY_ASSIGN(Bound bound, bind(parsed));
  if (bound.untyped_null) return make_null(boolean_type(true));
  if (bound.interval_ms || bound.expression->type.kind != TypeKind::boolean) {
    return fail_at(parsed.position, "{} needs a condition, and this is {}", of,
                   bound.interval_ms ? "an interval" : type_name(bound.expression));
  }
  return bound.expression;
}

Result<Bound> Binder::bind_unary(const ParsedExpression& parsed) {
  if (parsed.text == "NOT") {
    TRY_ASSIGN(auto condition, boolean_operand(*parsed.arguments[0], "NOT"));
    return finish(boolean_call(Function::logical_not, {std::move(condition)}), parsed.position);
  }
  TRY_ASSIGN(Bound bound, bind(*parsed.arguments[0]));
  if (bound.interval_ms) {
    if (parsed.text == "-") bound.interval_ms = -*bound.interval_ms;
    return bound;
  }
  if (bound.untyped_null) return bound;
  if (!bound.expression->type.is_numeric()) {
    return fail_at(parsed.position, "{} needs a number, and this is {}", parsed.text, type_name(bound.expression));
  }
  if (parsed.text == "+") return finish(bound.expression, parsed.position);
  return finish(fold(make_call(Function::negate, bound.expression->type, {bound.expression})), parsed.position);
}

Result<Bound> Binder::bind_logical(const ParsedExpression& parsed, Function function) {
  // A chain of ANDs leans to the left; walking it in a loop keeps the stack flat.
  TRY_ASSIGN(auto left, boolean_operand(*parsed.arguments[0], parsed.text));
  TRY_ASSIGN(auto right, boolean_operand(*parsed.arguments[1], parsed.text));
  return finish(boolean_call(function, {std::move(left), std::move(right)}), parsed.position);
}

Result<Bound> Binder::bind_binary(const ParsedExpression& parsed) {
  const std::string& op = parsed.text;
  if (op == "AND") return bind_logical(parsed, Function::logical_and);
  if (op == "OR") return bind_logical(parsed, Function::logical_or);
  TRY_ASSIGN(Bound left, bind(*parsed.arguments[0]));
  TRY_ASSIGN(Bound right, bind(*parsed.arguments[1]));

  static const std::map<std::string, Function, std::less<>> comparisons = {
      {"=", Function::equal},       {"<>", Function::not_equal}, {"<", Function::less},
      {"<=", Function::less_equal}, {">", Function::greater},    {">=", Function::greater_equal}};
  if (const auto found = comparisons.find(op); found != comparisons.end()) {
    TRY_ASSIGN(auto condition, compare(found->second, std::move(left), std::move(right), parsed.position));
    return finish(std::move(condition), parsed.position);
  }
  if (op == "||") {
    for (Bound* side : {&left, &right}) {
      if (side->interval_ms || side->expression->type.kind != TypeKind::string) {
        return fail_at(side->position, "|| joins texts, and this is {}; write CAST(... AS STRING)",
                       side->interval_ms ? "an interval" : type_name(side->expression));
      }
    }
    std::vector<ExpressionPtr> arguments = {left.expression, right.expression};
    const bool nullable = any_nullable(arguments);
    return finish(fold(make_call(Function::concat, string_type(nullable), std::move(arguments))), parsed.position);
  }
  const auto is_time = [](const Bound& bound) {
    return bound.interval_ms || bound.expression->type.kind == TypeKind::timestamp;
  };
  if (is_time(left) || is_time(right)) return bind_time_arithmetic(parsed, std::move(left), std::move(right));
  if (left.untyped_null) left.expression = make_null(right.untyped_null ? integer_type(true) : right.expression->type);
  if (right.untyped_null) right.expression = make_null(left.expression->type);
  for (const Bound* side : {&left, &right}) {
    if (!side->expression->type.is_numeric()) {
      return fail_at(side->position,
                     "{} needs numbers, and this is {}; write CAST(... AS DECIMAL(10, 2)) or another "
                     "number type",
                     op, type_name(side->expression));
    }
  }
  const Function function = op == "+"   ? Function::add
                            : op == "-" ? Function::subtract
                            : op == "*" ? Function::multiply
                            : op == "/" ? Function::divide
                                        : Function::modulo;
  return finish(make_arithmetic(function, left.expression, right.expression), parsed.position);
}

ExpressionPtr make_arithmetic(Function function, ExpressionPtr left, ExpressionPtr right) {
  Type type = arithmetic_type(function, left->type, right->type);
  const Type second = right->type;
  if (type.kind == TypeKind::decimal) {
    // Each at its own scale: what the result's type cannot hold may still be exact on the way to it.
    left = cast_to(left, as_decimal(left->type));
    right = cast_to(right, as_decimal(right->type));
  } else {
    left = cast_to(left, type);
    right = cast_to(right, type);
  }
  if (function == Function::divide || function == Function::modulo) {
    const auto* divisor = is_literal(right) ? std::get_if<int64_t>(&right->literal) : nullptr;
    if (type.kind != TypeKind::real && (divisor == nullptr || *divisor == 0)) type.nullable = true;
  }
  const bool integers = type.is_integer();
  ExpressionPtr result = fold(make_call(function, type, {std::move(left), std::move(right)}));
  // A remainder has the divisor's type: MOD(BIGINT, INT) is INT.
  return function == Function::modulo && integers ? cast_to(result, second) : result;
}

Result<Bound> Binder::bind_time_arithmetic(const ParsedExpression& parsed, Bound left, Bound right) {
  const bool minus = parsed.text == "-";
  if (parsed.text == "+" || minus) {
    if (left.interval_ms && right.interval_ms) {
      int64_t sum = 0;
      if (minus ? __builtin_sub_overflow(*left.interval_ms, *right.interval_ms, &sum)
                : __builtin_add_overflow(*left.interval_ms, *right.interval_ms, &sum)) {
        return fail_at(parsed.position, "the interval is too long");
      }
      left.interval_ms = sum;
      return left;
    }
    if (!minus && left.interval_ms) std::swap(left, right);
    if (!left.interval_ms && right.interval_ms && left.untyped_null) {
      return finish(make_null(timestamp_type(true)), parsed.position);
    }
    if (!left.interval_ms && right.interval_ms && left.expression->type.kind == TypeKind::timestamp) {
      auto amount = make_literal(minus ? -*right.interval_ms : *right.interval_ms, bigint_type(false));
      const Type type = left.expression->type;
      return finish(fold(make_call(Function::timestamp_add_ms, type, {left.expression, std::move(amount)})),
                    parsed.position);
    }
  }
  return fail_at(parsed.position,
                 "with times there are only timestamp + interval and timestamp - interval; "
                 "UNIX_TIMESTAMP(time) gives seconds to compute with");
}

Result<> Binder::unify(std::vector<Bound>& values, Position position, std::string_view what) {
  std::optional<Type> type;
  bool variable = false;  // whether a value that is no literal has set the type
  for (const Bound& value : values) {
    if (value.interval_ms) return fail_at(value.position, "{} does not take an interval", what);
    if (value.untyped_null) continue;
    const bool literal = is_literal(value.expression);
    if (!type) {
      type = value.expression->type;
      variable = !literal;
      continue;
    }
    if (variable && literal_as(value.expression, *type)) continue;
    auto common = common_type(*type, value.expression->type);
    if (!common && type->kind == TypeKind::string && value.expression->type.kind == TypeKind::timestamp) {
      common = value.expression->type;  // checked below
    }
    if (!common && !(type->kind == TypeKind::timestamp && literal && value.expression->type.kind == TypeKind::string)) {
      return fail_at(value.position, "{} needs values of one type, and these are {} and {}; CAST one of them", what,
                     to_string(with_nullable(*type, true)), type_name(value.expression));
    }
    if (common) type = common;
    if (!literal && !variable) {
      // The literals before it may fit the column's own type.
      const Type& own = value.expression->type;
      const bool all_fit = std::all_of(values.begin(), values.end(), [&](const Bound& before) {
        return &before >= &value || before.untyped_null || literal_as(before.expression, own) != nullptr;
      });
      if (all_fit) type = own;
    }
    variable = variable || !literal;
  }
  if (!type) type = string_type(true);
  for (Bound& value : values) {
    if (value.untyped_null) {
      value.expression = make_null(*type);
      value.untyped_null = false;
      continue;
    }
    const bool text_as_time = type->kind == TypeKind::timestamp && value.expression->type.kind == TypeKind::string;
    if (auto literal = literal_as(value.expression, *type)) {
      value.expression = std::move(literal);
    } else if (text_as_time) {
      return fail_at(value.position,
                     "{} needs values of one type: this text is no timestamp; write TIMESTAMP "
                     "'2024-01-31 12:00:00', or TO_TIMESTAMP(text)",
                     what);
    } else {
      value.expression = cast_to(value.expression, *type);
    }
  }
  (void)position;
  return {};
}

Result<ExpressionPtr> Binder::compare(Function function, Bound left, Bound right, Position position) {
  std::vector<Bound> sides;
  sides.push_back(std::move(left));
  sides.push_back(std::move(right));
  TRY(unify(sides, position, "a comparison"));
  return boolean_call(function, {sides[0].expression, sides[1].expression});
}

Result<Bound> Binder::bind_case(const ParsedExpression& parsed) {
  size_t next = 0;
  Bound operand;
  if (parsed.has_operand) {
    TRY_ASSIGN(operand, bind(*parsed.arguments[next++]));
  }
  std::vector<ExpressionPtr> conditions;
  std::vector<Bound> values;
  const size_t pairs = (parsed.arguments.size() - next) / 2;
  for (size_t i = 0; i < pairs; ++i) {
    const ParsedExpression& when = *parsed.arguments[next++];
    if (parsed.has_operand) {
      TRY_ASSIGN(Bound value, bind(when));
      TRY_ASSIGN(auto condition, compare(Function::equal, operand, std::move(value), when.position));
      conditions.push_back(std::move(condition));
    } else {
      TRY_ASSIGN(auto condition, boolean_operand(when, "WHEN"));
      conditions.push_back(std::move(condition));
    }
    TRY_ASSIGN(Bound value, bind(*parsed.arguments[next++]));
    values.push_back(std::move(value));
  }
  bool nullable = !parsed.has_else;
  if (parsed.has_else) {
    TRY_ASSIGN(Bound value, bind(*parsed.arguments[next]));
    values.push_back(std::move(value));
  }
  if (std::all_of(values.begin(), values.end(), [](const Bound& value) { return value.untyped_null; })) {
    return fail_at(parsed.position, "this CASE gives only NULL; write CAST(NULL AS type)");
  }
  TRY(unify(values, parsed.position, "CASE"));
  std::vector<ExpressionPtr> arguments;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i < conditions.size()) arguments.push_back(conditions[i]);
    arguments.push_back(values[i].expression);
    nullable = nullable || values[i].expression->type.nullable;
  }
  const Type type = with_nullable(values[0].expression->type, nullable);
  return finish(fold(make_call(Function::case_when, type, std::move(arguments))), parsed.position);
}

Result<Bound> Binder::bind_cast(const ParsedExpression& parsed) {
  TRY_ASSIGN(Bound bound, bind(*parsed.arguments[0]));
  if (bound.untyped_null) return finish(make_null(parsed.type), parsed.position);
  if (bound.interval_ms || !can_cast(bound.expression->type, parsed.type)) {
    const bool time_to_number = !bound.interval_ms && bound.expression->type.kind == TypeKind::timestamp;
    return fail_at(parsed.position, "{} cannot be cast to {}{}",
                   bound.interval_ms ? "an interval" : type_name(bound.expression),
                   to_string(with_nullable(parsed.type, true)),
                   time_to_number ? "; UNIX_TIMESTAMP(time) gives seconds"
                   : bound.interval_ms || parsed.type.kind != TypeKind::timestamp
                       ? ""
                       : "; TO_TIMESTAMP_LTZ(number, 3) takes milliseconds");
  }
  const bool try_cast = parsed.text == "TRY_CAST";
  auto result = cast_to(bound.expression, parsed.type, try_cast);
  if (is_literal(bound.expression) && !is_literal(result) && !try_cast &&
      bound.expression->type.kind == TypeKind::string) {
    return fail_at(parsed.position, "'{}' is no {}", std::get<std::string>(bound.expression->literal).substr(0, 40),
                   to_string(with_nullable(parsed.type, true)));
  }
  Bound cast = finish(std::move(result), parsed.position);
  if (cast.expression == bound.expression) cast.time = bound.time;
  return cast;
}

Result<Bound> Binder::bind_in(const ParsedExpression& parsed) {
  std::vector<Bound> values;
  for (const auto& argument : parsed.arguments) {
    TRY_ASSIGN(Bound value, bind(*argument));
    values.push_back(std::move(value));
  }
  TRY(unify(values, parsed.position, "IN"));
  const ExpressionPtr x = values[0].expression;
  std::vector<ExpressionPtr> list = {x};
  std::vector<ExpressionPtr> alternatives;
  bool null = false;
  for (size_t i = 1; i < values.size(); ++i) {
    const ExpressionPtr& item = values[i].expression;
    if (is_null_literal(item)) {
      null = true;  // x IN (1, NULL) is TRUE or unknown
    } else if (is_literal(item)) {
      list.push_back(item);
    } else {
      alternatives.push_back(boolean_call(Function::equal, {x, item}));
    }
  }
  if (list.size() == 2) {
    alternatives.insert(alternatives.begin(), boolean_call(Function::equal, {x, list[1]}));
  } else if (list.size() > 2) {
    alternatives.insert(alternatives.begin(), boolean_call(Function::in_list, std::move(list)));
  }
  if (null) alternatives.push_back(make_null(boolean_type(true)));
  constexpr size_t computed_max = 100;
  if (alternatives.size() > computed_max) {
    return fail_at(parsed.position, "IN takes any number of constants, and at most {} values that are none",
                   computed_max);
  }
  ExpressionPtr condition = alternatives[0];
  for (size_t i = 1; i < alternatives.size(); ++i) {
    condition = boolean_call(Function::logical_or, {condition, alternatives[i]});
  }
  return finish(negated_if(parsed.negated, std::move(condition)), parsed.position);
}

Result<Bound> Binder::bind_between(const ParsedExpression& parsed) {
  TRY_ASSIGN(Bound value, bind(*parsed.arguments[0]));
  TRY_ASSIGN(Bound low, bind(*parsed.arguments[1]));
  TRY_ASSIGN(Bound high, bind(*parsed.arguments[2]));
  TRY_ASSIGN(auto at_least, compare(Function::greater_equal, value, std::move(low), parsed.position));
  TRY_ASSIGN(auto at_most, compare(Function::less_equal, value, std::move(high), parsed.position));
  auto condition = boolean_call(Function::logical_and, {std::move(at_least), std::move(at_most)});
  return finish(negated_if(parsed.negated, std::move(condition)), parsed.position);
}

Result<Bound> Binder::bind_like(const ParsedExpression& parsed) {
  std::vector<ExpressionPtr> arguments;
  for (const auto& argument : parsed.arguments) {
    TRY_ASSIGN(Bound value, bind(*argument));
    if (value.interval_ms || value.expression->type.kind != TypeKind::string) {
      return fail_at(argument->position, "LIKE compares texts, and this is {}",
                     value.interval_ms ? "an interval" : type_name(value.expression));
    }
    if (!arguments.empty() && (!is_literal(value.expression) || value.untyped_null)) {
      return fail_at(argument->position, "the pattern of LIKE must be a text between single quotes");
    }
    arguments.push_back(value.expression);
  }
  if (arguments.size() == 3 && std::get<std::string>(arguments[2]->literal).size() != 1) {
    return fail_at(parsed.arguments[2]->position, "the ESCAPE of LIKE is one character");
  }
  return finish(negated_if(parsed.negated, boolean_call(Function::like, std::move(arguments))), parsed.position);
}

Result<Bound> Binder::bind_null_test(const ParsedExpression& parsed) {
  if (parsed.kind == Kind::is_truth && parsed.text != "UNKNOWN") {
    TRY_ASSIGN(auto condition, boolean_operand(*parsed.arguments[0], "IS " + parsed.text));
    if (parsed.text == "FALSE") condition = boolean_call(Function::logical_not, {condition});
    condition = fold(make_call(Function::coalesce, boolean_type(false), {condition, make_boolean(false)}));
    return finish(negated_if(parsed.negated, std::move(condition)), parsed.position);
  }
  TRY_ASSIGN(auto operand, bind_operand(*parsed.arguments[0], "IS NULL"));
  const Function function = parsed.negated ? Function::is_not_null : Function::is_null;
  return finish(fold(make_call(function, boolean_type(false), {std::move(operand)})), parsed.position);
}

}  // namespace millrace::sql
