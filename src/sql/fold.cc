#include "sql/fold.h"

#include <cmath>
#include <limits>

#include "data/text.h"
#include "sql/types.h"

namespace millrace::sql {
namespace {

using data::Int128;
using data::Type;
using data::TypeKind;
using data::Value;
using Folded = std::optional<Value>;

Folded integer_in_range(int64_t value, TypeKind kind) {
  if (kind == TypeKind::integer &&
      (value > std::numeric_limits<int32_t>::max() || value < std::numeric_limits<int32_t>::min())) {
    return std::nullopt;
  }
  return Value(value);
}

template <class T>
Folded folded(const std::optional<T>& value) {
  return value ? Folded(*value) : std::nullopt;
}

Folded cast_text(const std::string& text, const Type& to) {
  const std::string_view word = data::trimmed(text);
  switch (to.kind) {
    case TypeKind::string:
      return Value(text);
    case TypeKind::boolean:
      return folded(data::parse_boolean(word));
    case TypeKind::real:
      return folded(data::parse_double(word));
    case TypeKind::decimal:
      return folded(data::parse_decimal(word, to.precision, to.scale));
    case TypeKind::timestamp:
      return folded(data::parse_timestamp(word));
    case TypeKind::integer:
    case TypeKind::bigint: {
      const auto value = data::parse_whole(word);
      return value ? integer_in_range(*value, to.kind) : std::nullopt;
    }
  }
  return std::nullopt;
}

Folded cast_value(const Value& value, const Type& from, const Type& to) {
  if (from.kind == TypeKind::string) return cast_text(std::get<std::string>(value), to);
  if (from.kind == to.kind && from.kind != TypeKind::decimal) return value;
  if (from.is_integer()) {
    const int64_t integer = std::get<int64_t>(value);
    if (to.is_integer()) return integer_in_range(integer, to.kind);
    if (to.kind == TypeKind::real) return Value(static_cast<double>(integer));
    if (to.kind == TypeKind::decimal) {
      const auto unscaled = data::rescale(integer, 0, to.scale, to.precision);
      return unscaled ? Folded(*unscaled) : std::nullopt;
    }
  }
  if (from.kind == TypeKind::decimal) {
    const Int128 unscaled = std::get<Int128>(value);
    if (to.kind == TypeKind::real) return Value(data::decimal_to_double(unscaled, from.scale));
    if (to.kind == TypeKind::decimal) {
      const auto scaled = data::rescale(unscaled, from.scale, to.scale, to.precision);
      return scaled ? Folded(*scaled) : std::nullopt;
    }
  }
  return std::nullopt;
}

Folded add_or_multiply(Function function, int64_t a, int64_t b, TypeKind kind) {
  int64_t result = 0;
  const bool overflow = function == Function::add        ? __builtin_add_overflow(a, b, &result)
                        : function == Function::subtract ? __builtin_sub_overflow(a, b, &result)
                                                         : __builtin_mul_overflow(a, b, &result);
  return overflow ? std::nullopt : integer_in_range(result, kind);
}

Folded divide_integers(Function function, int64_t a, int64_t b, TypeKind kind) {
  if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min())) return std::nullopt;
  return integer_in_range(function == Function::divide ? a / b : a % b, kind);
}

Folded decimal_arithmetic(Function function, const Expression& a, const Expression& b, const Type& type) {
  // What needs more than 38 digits on the way is left to the engine, which has 256 bits.
  const int common = std::max(a.type.scale, b.type.scale);
  const bool sum = function == Function::add || function == Function::subtract;
  const auto x = data::rescale(std::get<Int128>(a.literal), a.type.scale, sum ? common : a.type.scale, 38);
  const auto y = data::rescale(std::get<Int128>(b.literal), b.type.scale, sum ? common : b.type.scale, 38);
  if (!x || !y) return std::nullopt;
  Int128 result = 0;
  int scale = common;
  switch (function) {
    case Function::add:
      if (__builtin_add_overflow(*x, *y, &result)) return std::nullopt;
      break;
    case Function::subtract:
      if (__builtin_sub_overflow(*x, *y, &result)) return std::nullopt;
      break;
    case Function::multiply:
      if (__builtin_mul_overflow(*x, *y, &result)) return std::nullopt;
      scale = a.type.scale + b.type.scale;
      break;
    default:
      return std::nullopt;
  }
  if (scale - type.scale > 38) return std::nullopt;
  const auto scaled = data::rescale(result, scale, type.scale, type.precision);
  return scaled ? Folded(*scaled) : std::nullopt;
}

Folded arithmetic(Function function, const Expression& a, const Expression& b, const Type& type) {
  if (a.type.kind == TypeKind::decimal && b.type.kind == TypeKind::decimal && type.kind == TypeKind::decimal) {
    return decimal_arithmetic(function, a, b, type);
  }
  if (a.type.is_integer() && b.type.is_integer()) {
    const int64_t x = std::get<int64_t>(a.literal);
    const int64_t y = std::get<int64_t>(b.literal);
    return function == Function::divide || function == Function::modulo ? divide_integers(function, x, y, type.kind)
                                                                        : add_or_multiply(function, x, y, type.kind);
  }
  if (a.type.kind != TypeKind::real || b.type.kind != TypeKind::real) return std::nullopt;
  const double x = std::get<double>(a.literal);
  const double y = std::get<double>(b.literal);
  switch (function) {
    case Function::add:
      return Value(x + y);
    case Function::subtract:
      return Value(x - y);
    case Function::multiply:
      return Value(x * y);
    case Function::divide:
      return y == 0 ? std::nullopt : Folded(x / y);
    default:
      return std::nullopt;
  }
}

// -1, 0, 1; nothing for what has no order (NaN) or differs in type.
std::optional<int> order(const Expression& a, const Expression& b) {
  if (a.literal.index() != b.literal.index() || !same_kind(a.type, b.type)) return std::nullopt;
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (const auto* x = std::get_if<double>(&a.literal)) {
    const double y = std::get<double>(b.literal);
    if (std::isnan(*x) || std::isnan(y)) return std::nullopt;
    return sign(*x, y);
  }
  if (const auto* x = std::get_if<int64_t>(&a.literal)) return sign(*x, std::get<int64_t>(b.literal));
  if (const auto* x = std::get_if<Int128>(&a.literal)) return sign(*x, std::get<Int128>(b.literal));
  if (const auto* x = std::get_if<bool>(&a.literal)) return sign(*x, std::get<bool>(b.literal));
  if (const auto* x = std::get_if<std::string>(&a.literal)) return sign(*x, std::get<std::string>(b.literal));
  return std::nullopt;
}

Folded compare(Function function, const Expression& a, const Expression& b) {
  const auto result = order(a, b);
  if (!result) return std::nullopt;
  switch (function) {
    case Function::equal:
      return Value(*result == 0);
    case Function::not_equal:
      return Value(*result != 0);
    case Function::less:
      return Value(*result < 0);
    case Function::less_equal:
      return Value(*result <= 0);
    case Function::greater:
      return Value(*result > 0);
    case Function::greater_equal:
      return Value(*result >= 0);
    default:
      return std::nullopt;
  }
}

Folded negate(const Expression& a, TypeKind kind) {
  if (const auto* x = std::get_if<double>(&a.literal)) return Value(-*x);
  if (const auto* x = std::get_if<Int128>(&a.literal)) return Value(-*x);
  if (const auto* x = std::get_if<int64_t>(&a.literal)) {
    if (*x == std::numeric_limits<int64_t>::min()) return std::nullopt;
    return integer_in_range(-*x, kind);
  }
  return std::nullopt;
}

Folded evaluate(const Expression& call) {
  const auto argument = [&](size_t i) -> const Expression& { return *call.arguments[i]; };
  switch (call.function) {
    case Function::add:
    case Function::subtract:
    case Function::multiply:
    case Function::divide:
    case Function::modulo:
      return arithmetic(call.function, argument(0), argument(1), call.type);
    case Function::negate:
      return negate(argument(0), call.type.kind);
    case Function::equal:
    case Function::not_equal:
    case Function::less:
    case Function::less_equal:
    case Function::greater:
    case Function::greater_equal:
      return compare(call.function, argument(0), argument(1));
    case Function::logical_not:
      return Value(!std::get<bool>(argument(0).literal));
    case Function::cast:
    case Function::try_cast:
      return cast_value(argument(0).literal, argument(0).type, call.type);
    case Function::concat: {
      std::string text;
      for (const auto& part : call.arguments) text += std::get<std::string>(part->literal);
      return Value(std::move(text));
    }
    case Function::timestamp_add_ms: {
      int64_t sum = 0;
      if (__builtin_add_overflow(std::get<int64_t>(argument(0).literal), std::get<int64_t>(argument(1).literal),
                                 &sum) ||
          !data::is_timestamp(sum)) {
        return std::nullopt;
      }
      return Value(sum);
    }
    default:
      return std::nullopt;
  }
}

ExpressionPtr fold_logical(const ExpressionPtr& call) {
  const bool is_and = call->function == Function::logical_and;
  std::vector<ExpressionPtr> kept;
  for (const auto& argument : call->arguments) {
    if (is_literal(argument) && !is_null_literal(argument)) {
      if (std::get<bool>(argument->literal) != is_and) return argument;  // FALSE AND x, TRUE OR x
      continue;                                                          // TRUE AND x, FALSE OR x
    }
    kept.push_back(argument);
  }
  if (kept.empty()) return make_boolean(is_and);
  if (kept.size() == 1) return kept.front();
  if (is_null_literal(kept[0]) && is_null_literal(kept[1])) return kept[0];
  return call;
}

ExpressionPtr fold_case(const ExpressionPtr& call) {
  std::vector<ExpressionPtr> kept;
  const size_t count = call->arguments.size();
  size_t i = 0;
  for (; i + 1 < count; i += 2) {
    const auto& condition = call->arguments[i];
    if (is_literal(condition)) {
      if (!is_true_literal(condition)) continue;
      if (kept.empty()) return call->arguments[i + 1];
      kept.push_back(call->arguments[i + 1]);
      return make_call(Function::case_when, call->type, std::move(kept));
    }
    kept.push_back(condition);
    kept.push_back(call->arguments[i + 1]);
  }
  const ExpressionPtr otherwise = i < count ? call->arguments[i] : make_null(call->type);
  if (kept.empty()) return otherwise;
  if (kept.size() + (count % 2) == count) return call;
  if (i < count) kept.push_back(otherwise);
  return make_call(Function::case_when, call->type, std::move(kept));
}

ExpressionPtr fold_coalesce(const ExpressionPtr& call) {
  std::vector<ExpressionPtr> kept;
  for (const auto& argument : call->arguments) {
    if (is_null_literal(argument)) continue;
    kept.push_back(argument);
    if (is_literal(argument)) break;
  }
  if (kept.empty()) return make_null(call->type);
  if (kept.size() == 1) return kept.front();
  return kept.size() == call->arguments.size() ? call : make_call(Function::coalesce, call->type, std::move(kept));
}

}  // namespace

ExpressionPtr fold(const ExpressionPtr& expression) {
  if (expression->kind != Expression::Kind::call) return expression;
  switch (expression->function) {
    case Function::logical_and:
    case Function::logical_or:
      return fold_logical(expression);
    case Function::case_when:
      return fold_case(expression);
    case Function::coalesce:
      return fold_coalesce(expression);
    case Function::is_null:
    case Function::is_not_null: {
      const auto& argument = expression->arguments[0];
      if (!is_literal(argument)) return expression;
      return make_boolean(is_null_literal(argument) == (expression->function == Function::is_null));
    }
    case Function::in_list:
    case Function::nullif:
    case Function::proctime:
      return expression;
    default:
      break;
  }
  bool literals = true;
  for (const auto& argument : expression->arguments) {
    if (is_null_literal(argument)) return make_null(expression->type);  // nulls propagate
    literals = literals && is_literal(argument);
  }
  if (!literals) return expression;
  auto value = evaluate(*expression);
  return value ? make_literal(std::move(*value), expression->type) : expression;
}

ExpressionPtr fold_all(const ExpressionPtr& expression) {
  if (!expression || expression->kind != Expression::Kind::call) return expression;
  bool changed = false;
  std::vector<ExpressionPtr> arguments;
  for (const auto& argument : expression->arguments) {
    arguments.push_back(fold_all(argument));
    changed = changed || arguments.back() != argument;
  }
  return fold(changed ? make_call(expression->function, expression->type, std::move(arguments)) : expression);
}

}  // namespace millrace::sql
