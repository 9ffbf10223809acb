// Arithmetic and comparison kernels. Integers wrap as Java's do; decimals round half up and become NULL when they do
// not fit their type.

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <unordered_set>

#include "data/text.h"
#include "engine/kernels.h"

namespace millrace::engine {

using data::Int128;
using data::Type;
using data::TypeKind;
using sql::Expression;
using sql::Function;

namespace {

using Wide = boost::multiprecision::int256_t;

int64_t wrapped(int64_t v, TypeKind kind) {
  return kind == TypeKind::integer ? static_cast<int32_t>(v) : v;
}

bool fits(Int128 v, int precision) {
  return v < data::power_of_ten(precision) && v > -data::power_of_ten(precision);
}

// numerator / denominator rounded half away from zero, if it fits.
Outcome round_wide(Wide numerator, Wide denominator, int precision, Int128& out) {
  const bool negative = (numerator < 0) != (denominator < 0);
  numerator = abs(numerator);
  denominator = abs(denominator);
  Wide quotient = numerator / denominator;
  if ((numerator % denominator) * 2 >= denominator) ++quotient;
  if (quotient >= Wide(data::power_of_ten(precision))) return Outcome::null;
  const auto magnitude = quotient.convert_to<Int128>();
  out = negative ? -magnitude : magnitude;
  return Outcome::value;
}

Wide wide_power(int exponent) {
  Wide v = Wide(data::power_of_ten(std::min(exponent, 38)));
  for (; exponent > 38; --exponent) v *= 10;
  return v;
}

Outcome multiply_decimals(Int128 a, Int128 b, int dropped_digits, int precision, Int128& out) {
  Int128 product;
  if (dropped_digits >= 0 && !__builtin_mul_overflow(a, b, &product)) {
    if (dropped_digits <= 38) {
      const auto v = data::rescale(product, dropped_digits, 0, precision);
      if (!v) return Outcome::null;
      out = *v;
      return Outcome::value;
    }
  }
  Wide numerator = Wide(a) * Wide(b);
  if (dropped_digits < 0) return round_wide(numerator * wide_power(-dropped_digits), Wide(1), precision, out);
  return round_wide(numerator, wide_power(dropped_digits), precision, out);
}

// a / b with the result's scale: a * 10^shift / b.
Outcome divide_decimals(Int128 a, Int128 b, int shift, int precision, Int128& out) {
  if (b == 0) return Outcome::error;
  Wide numerator = a;
  Wide denominator = b;
  if (shift >= 0) {
    numerator *= wide_power(shift);
  } else {
    denominator *= wide_power(-shift);
  }
  return round_wide(numerator, denominator, precision, out);
}

Operand integer_arithmetic(const Expression& e, const Operand& a, const Operand& b, const KernelContext& context) {
  const TypeKind kind = e.type.kind;
  const auto op = [&](auto f) {
    return map_binary<int64_t, int64_t, int64_t>(e.type, context, a, b, [&](int64_t x, int64_t y) {
      return wrapped(static_cast<int64_t>(f(static_cast<uint64_t>(x), static_cast<uint64_t>(y))), kind);
    });
  };
  switch (e.function) {
    case Function::add:
      return op([](uint64_t x, uint64_t y) { return x + y; });
    case Function::subtract:
      return op([](uint64_t x, uint64_t y) { return x - y; });
    case Function::multiply:
      return op([](uint64_t x, uint64_t y) { return x * y; });
    case Function::divide:
      return try_binary<int64_t, int64_t, int64_t>(e.type, context, a, b, [&](int64_t x, int64_t y, int64_t& out) {
        if (y == 0) return Outcome::error;
        out = y == -1 ? wrapped(static_cast<int64_t>(0 - static_cast<uint64_t>(x)), kind) : x / y;
        return Outcome::value;
      });
    default:
      return try_binary<int64_t, int64_t, int64_t>(e.type, context, a, b, [](int64_t x, int64_t y, int64_t& out) {
        if (y == 0) return Outcome::error;
        out = y == -1 ? 0 : x % y;
        return Outcome::value;
      });
  }
}

Operand real_arithmetic(const Expression& e, const Operand& a, const Operand& b, const KernelContext& context) {
  const auto op = [&](auto f) { return map_binary<double, double, double>(e.type, context, a, b, f); };
  switch (e.function) {
    case Function::add:
      return op([](double x, double y) { return x + y; });
    case Function::subtract:
      return op([](double x, double y) { return x - y; });
    case Function::multiply:
      return op([](double x, double y) { return x * y; });
    case Function::divide:
      return op([](double x, double y) { return x / y; });
    default:
      return op([](double x, double y) { return std::fmod(x, y); });
  }
}

Operand decimal_arithmetic(const Expression& e, const Operand& a, const Operand& b, const KernelContext& context) {
  const int scale_a = a.column->type.scale;
  const int scale_b = b.column->type.scale;
  const int scale = e.type.scale;
  const int precision = e.type.precision;
  const auto op = [&](auto f) { return try_binary<Int128, Int128, Int128>(e.type, context, a, b, f); };
  switch (e.function) {
    case Function::add:
    case Function::subtract: {
      const int sign = e.function == Function::add ? 1 : -1;
      if (scale_a == scale && scale_b == scale) {
        return op([=](Int128 x, Int128 y, Int128& out) {
          if (__builtin_add_overflow(x, sign * y, &out) || !fits(out, precision)) return Outcome::null;
          return Outcome::value;
        });
      }
      const int common = std::max(scale_a, scale_b);
      const Int128 unit_a = data::power_of_ten(common - scale_a);
      const Int128 unit_b = data::power_of_ten(common - scale_b);
      return op([=](Int128 x, Int128 y, Int128& out) {
        Int128 a_common;
        Int128 b_common;
        if (common == scale && !__builtin_mul_overflow(x, unit_a, &a_common) &&
            !__builtin_mul_overflow(y, unit_b, &b_common) && !__builtin_add_overflow(a_common, sign * b_common, &out)) {
          return fits(out, precision) ? Outcome::value : Outcome::null;
        }
        const Wide sum = Wide(x) * wide_power(common - scale_a) + sign * (Wide(y) * wide_power(common - scale_b));
        if (common > scale) return round_wide(sum, wide_power(common - scale), precision, out);
        return round_wide(sum * wide_power(scale - common), Wide(1), precision, out);
      });
    }
    case Function::multiply:
      return op([=](Int128 x, Int128 y, Int128& out) {
        return multiply_decimals(x, y, scale_a + scale_b - scale, precision, out);
      });
    case Function::divide:
      return op([=](Int128 x, Int128 y, Int128& out) {
        return divide_decimals(x, y, scale + scale_b - scale_a, precision, out);
      });
    default: {
      const int common = std::max(scale_a, scale_b);
      const Int128 unit_a = data::power_of_ten(common - scale_a);
      const Int128 unit_b = data::power_of_ten(common - scale_b);
      return op([=](Int128 x, Int128 y, Int128& out) {
        if (y == 0) return Outcome::error;
        Int128 a_common;
        Int128 b_common;
        if (common == scale && !__builtin_mul_overflow(x, unit_a, &a_common) &&
            !__builtin_mul_overflow(y, unit_b, &b_common)) {
          out = a_common % b_common;
          return fits(out, precision) ? Outcome::value : Outcome::null;
        }
        const Wide rest = (Wide(x) * wide_power(common - scale_a)) % (Wide(y) * wide_power(common - scale_b));
        if (common > scale) return round_wide(rest, wide_power(common - scale), precision, out);
        return round_wide(rest * wide_power(scale - common), Wide(1), precision, out);
      });
    }
  }
}

// FLOOR and CEIL keep the unscaled digits in front of the point.
Int128 whole_part(Int128 v, int scale, bool up) {
  const Int128 unit = data::power_of_ten(scale);
  const Int128 quotient = v / unit;
  const Int128 rest = v % unit;
  if (up) return quotient + (rest > 0);
  return quotient - (rest < 0);
}

Operand round_function(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  const Operand& a = arguments[0];
  int64_t digits = 0;
  if (arguments.size() > 1) {
    if (arguments[1].is_null(0)) return {std::make_shared<data::Column>(e.type, 1), 0};
    digits = values_of<int64_t>(arguments[1])[0];
  }
  digits = std::clamp<int64_t>(digits, -38, 38);
  const int places = static_cast<int>(digits);
  switch (e.type.kind) {
    case TypeKind::decimal: {
      const int scale = a.column->type.scale;
      return try_unary<Int128, Int128>(e.type, context, a, [=, &e](Int128 v, Int128& out) {
        const int kept = std::min(places, scale);
        const int cut = scale - kept;
        if (cut > 38) {
          out = 0;
          return Outcome::value;
        }
        const auto rounded = data::rescale(v, cut, 0, 38);
        if (!rounded) return Outcome::null;
        // rounded has `kept` places; the result's type says how many it shows.
        if (kept < 0) {
          Int128 whole;
          if (__builtin_mul_overflow(*rounded, data::power_of_ten(-kept), &whole)) return Outcome::null;
          const auto shown = data::rescale(whole, 0, e.type.scale, e.type.precision);
          if (!shown) return Outcome::null;
          out = *shown;
          return Outcome::value;
        }
        const auto shown = data::rescale(*rounded, kept, e.type.scale, e.type.precision);
        if (!shown) return Outcome::null;
        out = *shown;
        return Outcome::value;
      });
    }
    case TypeKind::real:
      return map_unary<double, double>(e.type, context, a, [=](double v) {
        if (!std::isfinite(v)) return v;
        if (places < 0) {
          const double unit = std::pow(10.0, -places);
          return std::round(v / unit) * unit;
        }
        // By the shortest decimal form, as BigDecimal.valueOf(v).setScale(places, HALF_UP).
        const auto rounded = data::decimal_of_double(v, 38, places);
        return rounded ? data::decimal_to_double(*rounded, places) : v;
      });
    default:
      if (places >= 0) return a;
      return map_unary<int64_t, int64_t>(e.type, context, a, [=, &e](int64_t v) {
        // A BIGINT has 19 digits. What is rounded up beyond the type wraps, as in Java's intValue().
        if (places < -19) return int64_t{0};
        const Int128 rounded = data::rescale(v, -places, 0, 38).value_or(0) * data::power_of_ten(-places);
        return wrapped(static_cast<int64_t>(rounded), e.type.kind);
      });
  }
}

Operand unary_arithmetic(const Expression& e, const Operand& a, const KernelContext& context) {
  const TypeKind kind = a.column->type.kind;
  const Function function = e.function;
  if (kind == TypeKind::real) {
    return map_unary<double, double>(e.type, context, a, [=](double v) {
      if (function == Function::negate) return -v;
      if (function == Function::absolute) return std::fabs(v);
      return function == Function::floor ? std::floor(v) : std::ceil(v);
    });
  }
  if (kind == TypeKind::decimal) {
    const int scale = a.column->type.scale;
    const int out_scale = e.type.scale;
    const int precision = e.type.precision;
    return try_unary<Int128, Int128>(e.type, context, a, [=](Int128 v, Int128& out) {
      if (function == Function::negate || function == Function::absolute) {
        out = function == Function::negate || v < 0 ? -v : v;
        return Outcome::value;
      }
      const auto whole = data::rescale(whole_part(v, scale, function == Function::ceil), 0, out_scale, precision);
      if (!whole) return Outcome::null;
      out = *whole;
      return Outcome::value;
    });
  }
  if (function == Function::floor || function == Function::ceil) return a;
  return map_unary<int64_t, int64_t>(e.type, context, a, [=, &e](int64_t v) {
    if (function == Function::absolute && v >= 0) return v;
    return wrapped(static_cast<int64_t>(0 - static_cast<uint64_t>(v)), e.type.kind);
  });
}

template <class T>
Operand compare(const Expression& e, const Operand& a, const Operand& b, const KernelContext& context) {
  const auto op = [&](auto f) {
    return map_binary<uint8_t, T, T>(e.type, context, a, b, [f](const T& x, const T& y) -> uint8_t { return f(x, y); });
  };
  switch (e.function) {
    case Function::equal:
      return op([](const T& x, const T& y) { return x == y; });
    case Function::not_equal:
      return op([](const T& x, const T& y) { return x != y; });
    case Function::less:
      return op([](const T& x, const T& y) { return x < y; });
    case Function::less_equal:
      return op([](const T& x, const T& y) { return x <= y; });
    case Function::greater:
      return op([](const T& x, const T& y) { return x > y; });
    default:
      return op([](const T& x, const T& y) { return x >= y; });
  }
}

template <class T>
Operand in_list(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  std::vector<T> list;
  bool has_null = false;
  for (size_t k = 1; k < arguments.size(); ++k) {
    if (arguments[k].is_null(0)) {
      has_null = true;
    } else {
      list.push_back(values_of<T>(arguments[k])[0]);
    }
  }
  return try_unary<uint8_t, T>(e.type, context, arguments[0], [&](const T& v, uint8_t& out) {
    out = 0;
    for (const T& candidate : list) out |= v == candidate;
    return out == 0 && has_null ? Outcome::null : Outcome::value;
  });
}

struct LiteralHash {
  size_t operator()(Int128 v) const {
    return static_cast<size_t>(v) ^ (static_cast<size_t>(v >> 64) * size_t{0x9e3779b97f4a7c15});
  }
  size_t operator()(int64_t v) const { return std::hash<int64_t>()(v); }
  size_t operator()(double v) const { return std::hash<double>()(v); }
  size_t operator()(std::string_view v) const { return std::hash<std::string_view>()(v); }
};

// T as columns hold it, V as literals do.
template <class T, class V>
class LiteralSetOf final : public LiteralSet {
 public:
  explicit LiteralSetOf(const Expression& in_list) {
    for (size_t k = 1; k < in_list.arguments.size(); ++k) values_.insert(std::get<V>(in_list.arguments[k]->literal));
  }
  Operand contains(const Expression& e, const Operand& a, const KernelContext& context) const override {
    return map_unary<uint8_t, T>(e.type, context, a, [&](const T& v) -> uint8_t { return values_.contains(v); });
  }

 private:
  std::unordered_set<T, LiteralHash> values_;  // texts are the plan's
};

template <class T>
Operand choose(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  if (e.function == Function::nullif) {
    const Operand& a = arguments[0];
    const Operand& b = arguments[1];
    Target target = target_for(e.type, context, a, b);
    auto& out = std::get<std::vector<T>>(target.column->values);
    for (size_t i = 0; i < target.rows; ++i) {
      if (a.is_null(i)) continue;
      const T& v = values_of<T>(a)[i & a.mask];
      if (!b.is_null(i) && v == values_of<T>(b)[i & b.mask]) continue;
      out[i] = v;
      target.column->valid[i] = 1;
    }
    return target.operand();
  }
  const bool greatest = e.function == Function::greatest;
  Operand result = arguments[0];
  for (size_t k = 1; k < arguments.size(); ++k) {
    result = map_binary<T, T, T>(e.type, context, result, arguments[k],
                                 [=](const T& x, const T& y) { return (greatest ? x < y : y < x) ? y : x; });
  }
  return result;
}

template <class T>
Operand comparison_of(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  switch (e.function) {
    case Function::in_list:
      return in_list<T>(e, arguments, context);
    case Function::nullif:
    case Function::greatest:
    case Function::least:
      return choose<T>(e, arguments, context);
    default:
      return compare<T>(e, arguments[0], arguments[1], context);
  }
}

}  // namespace

std::shared_ptr<const LiteralSet> LiteralSet::make(const Expression& in_list) {
  if (in_list.arguments.size() <= scanned_max + 1) return nullptr;
  const Type& type = in_list.arguments[0]->type;
  const bool fits = std::all_of(in_list.arguments.begin() + 1, in_list.arguments.end(), [&](const auto& literal) {
    return literal->kind == Expression::Kind::literal && !std::holds_alternative<std::monostate>(literal->literal) &&
           literal->type.kind == type.kind && literal->type.scale == type.scale;
  });
  if (!fits) return nullptr;
  switch (type.kind) {
    case TypeKind::boolean:
      return nullptr;
    case TypeKind::real:
      return std::make_shared<LiteralSetOf<double, double>>(in_list);
    case TypeKind::decimal:
      return std::make_shared<LiteralSetOf<Int128, Int128>>(in_list);
    case TypeKind::string:
      return std::make_shared<LiteralSetOf<std::string_view, std::string>>(in_list);
    default:
      return std::make_shared<LiteralSetOf<int64_t, int64_t>>(in_list);
  }
}

Operand arithmetic(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  if (e.function == Function::round) return round_function(e, arguments, context);
  if (arguments.size() == 1) return unary_arithmetic(e, arguments[0], context);
  switch (e.type.kind) {
    case TypeKind::real:
      return real_arithmetic(e, arguments[0], arguments[1], context);
    case TypeKind::decimal:
      return decimal_arithmetic(e, arguments[0], arguments[1], context);
    default:
      return integer_arithmetic(e, arguments[0], arguments[1], context);
  }
}

Operand comparison(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  // The planner brings decimals to one type; should their scales differ all the same, they are compared at the larger.
  std::vector<Operand> same = arguments;
  if (arguments[0].column->type.kind == TypeKind::decimal) {
    uint8_t scale = 0;
    for (const Operand& argument : arguments) scale = std::max(scale, argument.column->type.scale);
    for (Operand& argument : same) {
      if (argument.column->type.scale == scale) continue;
      argument = cast_operand(argument, Type{TypeKind::decimal, 38, scale, true}, false, context);
    }
  }
  switch (same[0].column->type.kind) {
    case TypeKind::boolean:
      return comparison_of<uint8_t>(e, same, context);
    case TypeKind::real:
      return comparison_of<double>(e, same, context);
    case TypeKind::decimal:
      return comparison_of<Int128>(e, same, context);
    case TypeKind::string:
      return comparison_of<std::string_view>(e, same, context);
    default:
      return comparison_of<int64_t>(e, same, context);
  }
}

}  // namespace millrace::engine
