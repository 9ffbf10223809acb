// Functions of times. Times are UTC.

#include "data/text.h"
#include "data/time_pattern.h"
#include "engine/kernels.h"

namespace millrace::engine {

using sql::Expression;
using sql::Function;
using Text = std::string_view;

namespace {

// What Flink's TO_TIMESTAMP(text, pattern) reads whatever the pattern: its DateTimeUtils.parseTimestampData falls back
// to java.sql.Timestamp.valueOf, or Date.valueOf for a text without a space.
std::optional<int64_t> time_of_any_pattern(std::string_view text) {
  text = data::trimmed(text);
  const bool with_time = text.find(' ') != std::string_view::npos;
  if (text.find_first_not_of(with_time ? "0123456789-: ." : "0123456789-") != std::string_view::npos) {
    return std::nullopt;
  }
  if (with_time && std::ranges::count(text, ':') != 2) return std::nullopt;
  return data::parse_timestamp(text);
}

constexpr int64_t day_ms = 86'400'000;

// The planner has checked the literal.
data::TimePattern pattern_of(const Operand& literal, data::TimePattern::Use use) {
  auto pattern = data::TimePattern::make(values_of<Text>(literal)[0], use);
  CHECK(pattern, "{}", pattern.error().message);
  return std::move(*pattern);
}

Operand extract(const Expression& e, const Operand& a, const KernelContext& context) {
  const Function function = e.function;
  return map_unary<int64_t, int64_t>(e.type, context, a, [=](int64_t ms) -> int64_t {
    const int64_t days = data::floor_divide(ms, day_ms);
    const int64_t rest = ms - days * day_ms;
    switch (function) {
      case Function::extract_hour:
        return rest / 3'600'000;
      case Function::extract_minute:
        return rest / 60'000 % 60;
      case Function::extract_second:
        return rest / 1000 % 60;
      case Function::extract_day:
        return data::date_of_days(days).day;
      case Function::extract_month:
        return data::date_of_days(days).month;
      default:
        return data::date_of_days(days).year;
    }
  });
}

}  // namespace

Operand time_function(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  switch (e.function) {
    case Function::proctime: {
      auto column = std::make_shared<data::Column>(e.type, 1);
      column->integers()[0] = context.batch.arrived.value;
      column->valid[0] = 1;
      return {std::move(column), 0};
    }
    case Function::to_timestamp: {
      if (arguments.size() == 1) {
        return try_unary<int64_t, Text>(e.type, context, arguments[0], [](Text text, int64_t& out) {
          const auto parsed = data::parse_timestamp(data::trimmed(text));
          if (!parsed) return Outcome::null;
          out = *parsed;
          return Outcome::value;
        });
      }
      const auto pattern = pattern_of(arguments[1], data::TimePattern::Use::parse);
      return try_unary<int64_t, Text>(e.type, context, arguments[0], [&](Text text, int64_t& out) {
        auto parsed = pattern.parse(text);
        if (!parsed) parsed = time_of_any_pattern(text);
        if (!parsed) return Outcome::null;
        out = *parsed;
        return Outcome::value;
      });
    }
    case Function::to_timestamp_ltz: {
      const int64_t unit = arguments.size() > 1 && values_of<int64_t>(arguments[1])[0] == 0 ? 1000 : 1;
      return try_unary<int64_t, int64_t>(e.type, context, arguments[0], [=](int64_t v, int64_t& out) {
        return !__builtin_mul_overflow(v, unit, &out) && data::is_timestamp(out) ? Outcome::value : Outcome::null;
      });
    }
    case Function::unix_timestamp:
      return map_unary<int64_t, int64_t>(e.type, context, arguments[0],
                                         [](int64_t ms) { return data::floor_divide(ms, 1000); });
    case Function::timestamp_add_ms:
      return try_binary<int64_t, int64_t, int64_t>(
          e.type, context, arguments[0], arguments[1], [](int64_t a, int64_t b, int64_t& out) {
            return !__builtin_add_overflow(a, b, &out) && data::is_timestamp(out) ? Outcome::value : Outcome::null;
          });
    case Function::date_format: {
      const auto pattern = pattern_of(arguments[1], data::TimePattern::Use::format);
      std::string text;
      return map_unary<Text, int64_t>(e.type, context, arguments[0], [&](int64_t ms) {
        text.clear();
        pattern.format(text, ms);
        return context.arena.copy(text);
      });
    }
    default:
      return extract(e, arguments[0], context);
  }
}

}  // namespace millrace::engine
