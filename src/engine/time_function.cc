// Functions of times. Patterns are Java's: yyyy, MM, dd, HH, mm, ss, SSS; letters in quotes and all else are literal.
// Times are UTC.

#include <algorithm>

#include "data/text.h"
#include "engine/kernels.h"

namespace millrace::engine {

using sql::Expression;
using sql::Function;
using Text = std::string_view;

namespace {

constexpr int64_t day_ms = 86'400'000;

// Calls field(letter, count) and literal(character) along the pattern.
template <class Field, class Literal>
bool walk(Text pattern, Field field, Literal literal) {
  bool quoted = false;
  for (size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '\'') {
      if (at + 1 < pattern.size() && pattern[at + 1] == '\'') {
        if (!literal('\'')) return false;
        at += 2;
      } else {
        quoted = !quoted;
        ++at;
      }
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (quoted || !letter) {
      if (!literal(c)) return false;
      ++at;
      continue;
    }
    size_t end = at;
    while (end < pattern.size() && pattern[end] == c) ++end;
    if (!field(c, static_cast<int>(end - at))) return false;
    at = end;
  }
  return true;
}

void put_number(std::string& out, int64_t value, int width) {
  std::string digits;
  data::put_int64(digits, value);
  if (digits.size() < static_cast<size_t>(width)) out.append(width - digits.size(), '0');
  out += digits;
}

void put_formatted(std::string& out, int64_t ms, Text pattern) {
  const int64_t days = data::floor_divide(ms, day_ms);
  const int64_t rest = ms - days * day_ms;
  const data::Date date = data::date_of_days(days);
  walk(
      pattern,
      [&](char letter, int count) {
        switch (letter) {
          case 'y':
          case 'u':
            put_number(out, count == 2 ? date.year % 100 : date.year, count);
            break;
          case 'M':
            put_number(out, date.month, count);
            break;
          case 'd':
            put_number(out, date.day, count);
            break;
          case 'H':
            put_number(out, rest / 3'600'000, count);
            break;
          case 'm':
            put_number(out, rest / 60'000 % 60, count);
            break;
          case 's':
            put_number(out, rest / 1000 % 60, count);
            break;
          case 'S': {
            std::string fraction;
            put_number(fraction, rest % 1000, 3);
            fraction.resize(std::min(count, 9), '0');
            out += fraction;
            break;
          }
          default:
            return false;
        }
        return true;
      },
      [&](char c) {
        out += c;
        return true;
      });
}

Outcome parse_formatted(Text text, Text pattern, int64_t& out) {
  int64_t year = 1970;
  int64_t month = 1;
  int64_t day = 1;
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t millisecond = 0;
  size_t at = 0;
  const bool good = walk(
      pattern,
      [&](char letter, int count) {
        int64_t v = 0;
        int digits = 0;
        const int digits_max = count == 1 ? 2 : count;
        while (at < text.size() && digits < digits_max && text[at] >= '0' && text[at] <= '9') {
          v = v * 10 + (text[at++] - '0');
          ++digits;
        }
        if (digits == 0 || (count > 1 && digits != count)) return false;
        switch (letter) {
          case 'y':
          case 'u':
            year = count == 2 ? 2000 + v : v;
            break;
          case 'M':
            month = v;
            break;
          case 'd':
            day = v;
            break;
          case 'H':
            hour = v;
            break;
          case 'm':
            minute = v;
            break;
          case 's':
            second = v;
            break;
          case 'S':
            for (int i = digits; i < 3; ++i) v *= 10;
            for (int i = digits; i > 3; --i) v /= 10;
            millisecond = v;
            break;
          default:
            return false;
        }
        return true;
      },
      [&](char c) { return at < text.size() && text[at++] == c; });
  if (!good || at != text.size() || month < 1 || month > 12 || day < 1 || year > 9999 || hour > 23 || minute > 59 ||
      second > 59 || day > data::days_of_month(year, static_cast<int>(month))) {
    return Outcome::null;
  }
  out = data::days_of_date(year, static_cast<int>(month), static_cast<int>(day)) * day_ms + hour * 3'600'000 +
        minute * 60'000 + second * 1000 + millisecond;
  return Outcome::value;
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
      return try_binary<int64_t, Text, Text>(e.type, context, arguments[0], arguments[1], parse_formatted);
    }
    case Function::to_timestamp_ltz: {
      const int64_t unit = arguments.size() > 1 && values_of<int64_t>(arguments[1])[0] == 0 ? 1000 : 1;
      return map_unary<int64_t, int64_t>(e.type, context, arguments[0], [=](int64_t v) {
        return static_cast<int64_t>(static_cast<uint64_t>(v) * static_cast<uint64_t>(unit));
      });
    }
    case Function::unix_timestamp:
      return map_unary<int64_t, int64_t>(e.type, context, arguments[0],
                                         [](int64_t ms) { return data::floor_divide(ms, 1000); });
    case Function::timestamp_add_ms:
      return map_binary<int64_t, int64_t, int64_t>(
          e.type, context, arguments[0], arguments[1], [](int64_t a, int64_t b) {
            return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
          });
    case Function::date_format: {
      std::string text;
      return try_binary<Text, int64_t, Text>(e.type, context, arguments[0], arguments[1],
                                             [&](int64_t ms, Text pattern, Text& out) {
                                               text.clear();
                                               put_formatted(text, ms, pattern);
                                               out = context.arena.copy(text);
                                               return Outcome::value;
                                             });
    }
    default:
      return extract(e, arguments[0], context);
  }
}

}  // namespace millrace::engine
