// CAST from every type to every other that Flink converts.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/types/#casting

#include <cmath>

#include "data/text.h"
#include "engine/kernels.h"

namespace millrace::engine {

using data::Column;
using data::Int128;
using data::Type;
using data::TypeKind;

namespace {

// How a cast treats a value that the target cannot hold.
struct Failure {
  bool count;
  Outcome operator()() const { return count ? Outcome::error : Outcome::null; }
};

int64_t wrapped(int64_t v, TypeKind kind) {
  return kind == TypeKind::integer ? static_cast<int32_t>(v) : v;
}

Operand to_text(const Operand& from, Type to, const KernelContext& context) {
  Target target = target_for(to, context, from);
  auto& out = target.column->strings();
  std::string text;
  for (size_t i = 0; i < target.rows; ++i) {
    if (from.is_null(i)) continue;
    const Column& column = *from.column;
    text.clear();
    switch (column.type.kind) {
      case TypeKind::boolean:
        text = column.booleans()[i] ? "TRUE" : "FALSE";
        break;
      case TypeKind::integer:
      case TypeKind::bigint:
        data::put_int64(text, column.integers()[i]);
        break;
      case TypeKind::real:
        data::put_double(text, column.reals()[i]);
        break;
      case TypeKind::decimal:
        data::put_decimal(text, column.decimals()[i], column.type.scale);
        break;
      case TypeKind::timestamp:
        // TIMESTAMP(3) shows its milliseconds even where they are zero.
        data::put_timestamp(text, column.integers()[i]);
        if (column.integers()[i] % 1000 == 0) text += ".000";
        break;
      case TypeKind::string:
        break;
    }
    out[i] = context.arena.copy(text);
    target.column->valid[i] = 1;
  }
  return target.operand();
}

Operand from_text(const Operand& from, Type to, Failure failure, const KernelContext& context) {
  using Text = std::string_view;
  switch (to.kind) {
    case TypeKind::boolean:
      return try_unary<uint8_t, Text>(to, context, from, [=](Text v, uint8_t& out) {
        const auto parsed = data::parse_boolean(data::trimmed(v));
        if (!parsed) return failure();
        out = *parsed;
        return Outcome::value;
      });
    case TypeKind::integer:
    case TypeKind::bigint:
      return try_unary<int64_t, Text>(to, context, from, [=](Text v, int64_t& out) {
        const auto parsed = data::parse_whole(data::trimmed(v));
        if (!parsed) return failure();
        if (to.kind == TypeKind::integer && (*parsed > INT32_MAX || *parsed < INT32_MIN)) return failure();
        out = *parsed;
        return Outcome::value;
      });
    case TypeKind::real:
      return try_unary<double, Text>(to, context, from, [=](Text v, double& out) {
        const auto parsed = data::parse_double(data::trimmed(v));
        if (!parsed) return failure();
        out = *parsed;
        return Outcome::value;
      });
    case TypeKind::decimal:
      return try_unary<Int128, Text>(to, context, from, [=](Text v, Int128& out) {
        const auto parsed = data::parse_decimal(data::trimmed(v), to.precision, to.scale);
        if (!parsed) return failure();
        out = *parsed;
        return Outcome::value;
      });
    case TypeKind::timestamp:
      return try_unary<int64_t, Text>(to, context, from, [=](Text v, int64_t& out) {
        const auto parsed = data::parse_timestamp(data::trimmed(v));
        if (!parsed) return failure();
        out = *parsed;
        return Outcome::value;
      });
    case TypeKind::string:
      break;
  }
  return from;
}

Operand from_integer(const Operand& from, Type to, Failure failure, const KernelContext& context) {
  switch (to.kind) {
    case TypeKind::boolean:
      return map_unary<uint8_t, int64_t>(to, context, from, [](int64_t v) -> uint8_t { return v != 0; });
    case TypeKind::real:
      return map_unary<double, int64_t>(to, context, from, [](int64_t v) { return static_cast<double>(v); });
    case TypeKind::decimal:
      return try_unary<Int128, int64_t>(to, context, from, [=](int64_t v, Int128& out) {
        const auto scaled = data::rescale(v, 0, to.scale, to.precision);
        if (!scaled) return failure();
        out = *scaled;
        return Outcome::value;
      });
    default:
      return map_unary<int64_t, int64_t>(to, context, from, [=](int64_t v) { return wrapped(v, to.kind); });
  }
}

// Java's double to long: toward zero, clamped to the range, NaN is 0.
int64_t whole(double v, TypeKind kind) {
  if (std::isnan(v)) return 0;
  const double low = kind == TypeKind::integer ? INT32_MIN : -9223372036854775808.0;
  const double high = kind == TypeKind::integer ? INT32_MAX : 9223372036854775808.0;
  if (v <= low) return kind == TypeKind::integer ? INT32_MIN : INT64_MIN;
  if (v >= high) return kind == TypeKind::integer ? INT32_MAX : INT64_MAX;
  return static_cast<int64_t>(v);
}

Operand from_real(const Operand& from, Type to, Failure failure, const KernelContext& context) {
  switch (to.kind) {
    case TypeKind::boolean:
      return map_unary<uint8_t, double>(to, context, from, [](double v) -> uint8_t { return v != 0; });
    case TypeKind::decimal:
      return try_unary<Int128, double>(to, context, from, [=](double v, Int128& out) {
        const auto decimal = data::decimal_of_double(v, to.precision, to.scale);
        if (!decimal) return failure();
        out = *decimal;
        return Outcome::value;
      });
    default:
      return map_unary<int64_t, double>(to, context, from, [=](double v) { return whole(v, to.kind); });
  }
}

Operand from_decimal(const Operand& from, Type to, Failure failure, const KernelContext& context) {
  const int scale = from.column->type.scale;
  switch (to.kind) {
    case TypeKind::boolean:
      return map_unary<uint8_t, Int128>(to, context, from, [](Int128 v) -> uint8_t { return v != 0; });
    case TypeKind::real:
      return map_unary<double, Int128>(to, context, from, [=](Int128 v) { return data::decimal_to_double(v, scale); });
    case TypeKind::decimal:
      return try_unary<Int128, Int128>(to, context, from, [=](Int128 v, Int128& out) {
        const auto scaled = data::rescale(v, scale, to.scale, to.precision);
        if (!scaled) return failure();
        out = *scaled;
        return Outcome::value;
      });
    default:
      return try_unary<int64_t, Int128>(to, context, from, [=](Int128 v, int64_t& out) {
        const Int128 integer = v / data::power_of_ten(scale);
        if (integer > INT64_MAX || integer < INT64_MIN) return failure();
        out = static_cast<int64_t>(integer);
        if (to.kind == TypeKind::integer && (out > INT32_MAX || out < INT32_MIN)) return failure();
        return Outcome::value;
      });
  }
}

}  // namespace

Operand cast_operand(const Operand& from, Type to, bool count_errors, const KernelContext& context) {
  const Type source = from.column->type;
  const Failure failure{count_errors};
  const bool same_values = source.kind == to.kind && (to.kind != TypeKind::decimal ||
                                                      (source.scale == to.scale && source.precision <= to.precision));
  if (same_values) {
    if (source == to) return from;
    auto column = std::make_shared<Column>(*from.column);
    column->type = to;
    return {std::move(column), from.mask};
  }
  if (to.kind == TypeKind::string) return to_text(from, to, context);
  switch (source.kind) {
    case TypeKind::string:
      return from_text(from, to, failure, context);
    case TypeKind::real:
      return from_real(from, to, failure, context);
    case TypeKind::decimal:
      return from_decimal(from, to, failure, context);
    case TypeKind::boolean: {
      const Operand integers =
          map_unary<int64_t, uint8_t>(Type{TypeKind::bigint}, context, from, [](uint8_t v) { return int64_t{v}; });
      return to.is_integer() ? Operand{[&] {
                                         auto column = std::make_shared<Column>(*integers.column);
                                         column->type = to;
                                         return column;
                                       }(),
                                       integers.mask}
                             : from_integer(integers, to, failure, context);
    }
    default:
      return from_integer(from, to, failure, context);
  }
}

}  // namespace millrace::engine
