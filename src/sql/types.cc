#include "sql/types.h"

#include <algorithm>

#include "sql/fold.h"

namespace millrace::sql {

using data::Type;
using data::TypeKind;

Type boolean_type(bool nullable) {
  return {TypeKind::boolean, 0, 0, nullable};
}
Type integer_type(bool nullable) {
  return {TypeKind::integer, 0, 0, nullable};
}
Type bigint_type(bool nullable) {
  return {TypeKind::bigint, 0, 0, nullable};
}
Type real_type(bool nullable) {
  return {TypeKind::real, 0, 0, nullable};
}
Type string_type(bool nullable) {
  return {TypeKind::string, 0, 0, nullable};
}
Type timestamp_type(bool nullable) {
  return {TypeKind::timestamp, 0, 0, nullable};
}
Type decimal_type(int precision, int scale, bool nullable) {
  return {TypeKind::decimal, static_cast<uint8_t>(precision), static_cast<uint8_t>(scale), nullable};
}

Type with_nullable(Type type, bool nullable) {
  type.nullable = nullable;
  return type;
}

bool same_kind(const Type& a, const Type& b) {
  return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale;
}

Type as_decimal(const Type& type) {
  if (type.kind == TypeKind::integer) return decimal_type(10, 0, type.nullable);
  if (type.kind == TypeKind::bigint) return decimal_type(19, 0, type.nullable);
  return type;
}

std::optional<Type> common_type(const Type& a, const Type& b) {
  const bool nullable = a.nullable || b.nullable;
  if (a.kind == b.kind && a.kind != TypeKind::decimal) return with_nullable(a, nullable);
  if (!a.is_numeric() || !b.is_numeric()) return std::nullopt;
  if (a.kind == TypeKind::real || b.kind == TypeKind::real) return real_type(nullable);
  if (a.kind != TypeKind::decimal && b.kind != TypeKind::decimal) return bigint_type(nullable);
  const Type x = as_decimal(a);
  const Type y = as_decimal(b);
  int scale = std::max(x.scale, y.scale);
  const int whole = std::max(x.precision - x.scale, y.precision - y.scale);
  if (whole + scale > decimal_precision_max) scale = std::max(0, decimal_precision_max - whole);
  return decimal_type(std::min(whole + scale, decimal_precision_max), scale, nullable);
}

namespace {

// Flink's LogicalTypeMerging: digits before the point are kept, those after it give way down to 6.
Type bounded_decimal(int precision, int scale, bool nullable) {
  if (precision <= decimal_precision_max) return decimal_type(precision, scale, nullable);
  const int whole = precision - scale;
  const int scale_min = std::min(scale, 6);
  return decimal_type(decimal_precision_max, std::max(decimal_precision_max - whole, scale_min), nullable);
}

}  // namespace

Type arithmetic_type(Function function, const Type& a, const Type& b) {
  const bool nullable = a.nullable || b.nullable;
  if (a.kind == TypeKind::real || b.kind == TypeKind::real) return real_type(nullable);
  if (a.is_integer() && b.is_integer()) {
    const Type type =
        a.kind == TypeKind::integer && b.kind == TypeKind::integer ? integer_type(nullable) : bigint_type(nullable);
    return type;
  }
  const Type x = as_decimal(a);
  const Type y = as_decimal(b);
  const int p1 = x.precision, s1 = x.scale, p2 = y.precision, s2 = y.scale;
  // A decimal that overflows is NULL.
  switch (function) {
    case Function::multiply:
      return bounded_decimal(p1 + p2 + 1, s1 + s2, true);
    case Function::divide: {
      const int scale = std::max(6, s1 + p2 + 1);
      return bounded_decimal(p1 - s1 + s2 + scale, scale, true);
    }
    case Function::modulo: {
      const int scale = std::max(s1, s2);
      return bounded_decimal(std::max(1, std::min(p1 - s1, p2 - s2) + scale), scale, true);
    }
    default: {
      const int scale = std::max(s1, s2);
      return bounded_decimal(std::max(p1 - s1, p2 - s2) + scale + 1, scale, true);
    }
  }
}

Type round_type(const Type& decimal, int digits) {
  const int precision = decimal.precision;
  const int scale = decimal.scale;
  if (digits >= scale) return decimal;
  if (digits < 0) {
    return decimal_type(std::min(decimal_precision_max, 1 + precision - scale), 0, decimal.nullable);
  }
  return decimal_type(std::min(decimal_precision_max, 1 + precision - scale + digits), digits, decimal.nullable);
}

Type average_type(const Type& type) {
  if (type.kind != TypeKind::decimal) return type;
  return decimal_type(decimal_precision_max, std::max<int>(6, type.scale), true);
}

Type sum_type(const Type& type) {
  if (type.kind != TypeKind::decimal) return type;
  return decimal_type(decimal_precision_max, type.scale, true);
}

bool can_cast(const Type& from, const Type& to) {
  if (from.kind == to.kind) return true;
  if (to.kind == TypeKind::string || from.kind == TypeKind::string) return true;
  if (from.is_numeric() && to.is_numeric()) return true;
  const auto boolean_or_number = [](const Type& type) { return type.kind == TypeKind::boolean || type.is_numeric(); };
  return boolean_or_number(from) && boolean_or_number(to);
}

bool converts_silently(const Type& from, const Type& to) {
  if (from.kind == to.kind) return true;
  if (!from.is_numeric()) return false;
  switch (to.kind) {
    case TypeKind::bigint:
      return from.kind == TypeKind::integer;
    case TypeKind::decimal:
      return true;
    case TypeKind::real:
      return true;
    default:
      return false;
  }
}

bool cast_may_fail(const Type& from, const Type& to) {
  if (to.kind == TypeKind::string) return false;
  if (from.kind == TypeKind::string) return true;
  if (to.kind == TypeKind::decimal) {
    if (from.kind == TypeKind::real) return true;
    if (from.kind == TypeKind::boolean) return to.precision == to.scale;
    const Type x = as_decimal(from);
    // Rounding to fewer digits after the point can carry into one more before it.
    return x.precision - x.scale + (x.scale > to.scale ? 1 : 0) > to.precision - to.scale;
  }
  if (to.is_integer())
    return from.kind == TypeKind::real || from.kind == TypeKind::decimal ||
           (from.kind == TypeKind::bigint && to.kind == TypeKind::integer);
  return false;
}

ExpressionPtr cast_to(const ExpressionPtr& expression, Type type, bool try_cast) {
  if (same_kind(expression->type, type)) return expression;
  if (is_null_literal(expression)) return make_null(type);
  type.nullable = expression->type.nullable || cast_may_fail(expression->type, type);
  return fold(make_call(try_cast ? Function::try_cast : Function::cast, type, {expression}));
}

}  // namespace millrace::sql
