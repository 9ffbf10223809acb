#include "data/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace millrace::data {

namespace {

constexpr int digits_max = 38;

constexpr std::array<Int128, digits_max + 1> powers = [] {
  std::array<Int128, digits_max + 1> p{};
  p[0] = 1;
  for (int i = 1; i <= digits_max; ++i) p[i] = p[i - 1] * 10;
  return p;
}();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// `count` digits at `at`; -1 if one of them is none.
int fixed_digits(const char* at, int count) {
  int v = 0;
  for (int i = 0; i < count; ++i) {
    if (!is_digit(at[i])) return -1;
    v = v * 10 + (at[i] - '0');
  }
  return v;
}

void put_padded(std::string& out, int64_t value, int width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  for (auto n = end - digits; n < width; ++n) out.push_back('0');
  out.append(digits, end);
}

// The offset in minutes that `text` names ("Z", " UTC", "+02:00", "-0330"); nullopt: something else.
std::optional<int> offset_minutes(std::string_view text) {
  if (text.empty() || text == "Z" || text == " UTC" || text == "z") return 0;
  const bool negative = text[0] == '-';
  if (!negative && text[0] != '+') return std::nullopt;
  text.remove_prefix(1);
  if (text.size() == 5 && text[2] == ':') {
    const int h = fixed_digits(text.data(), 2);
    const int m = fixed_digits(text.data() + 3, 2);
    if (h < 0 || h > 18 || m < 0 || m > 59) return std::nullopt;
    return negative ? -(h * 60 + m) : h * 60 + m;
  }
  if (text.size() == 4) {
    const int v = fixed_digits(text.data(), 4);
    if (v < 0 || v > 1800 || v % 100 > 59) return std::nullopt;
    return negative ? -(v / 100 * 60 + v % 100) : v / 100 * 60 + v % 100;
  }
  return std::nullopt;
}

}  // namespace

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char x, char y) { return (x | 0x20) == y; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::optional<int64_t> parse_int64(std::string_view text) {
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text[0])) return std::nullopt;
  }
  int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

std::optional<int64_t> parse_whole(std::string_view text) {
  const size_t point = text.find('.');
  if (point == std::string_view::npos) return parse_int64(text);
  const std::string_view fraction = text.substr(point + 1);
  if (!std::ranges::all_of(fraction, is_digit)) return std::nullopt;
  const std::string_view whole = text.substr(0, point);
  if (!whole.empty() && whole != "-" && whole != "+") return parse_int64(whole);
  return fraction.empty() ? std::nullopt : std::optional<int64_t>(0);
}

std::optional<double> parse_double(std::string_view text) {
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return std::nullopt;
  }
  const std::string_view magnitude = text.substr(text.starts_with('-'));
  if (magnitude.empty()) return std::nullopt;
  if (!is_digit(magnitude[0]) && magnitude[0] != '.' && magnitude != "NaN" && magnitude != "Infinity") {
    return std::nullopt;
  }
  if (magnitude.size() > 1 && std::string_view("dDfF").find(text.back()) != std::string_view::npos &&
      (is_digit(text[text.size() - 2]) || text[text.size() - 2] == '.')) {
    text.remove_suffix(1);
  }
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars leaves the value alone; the exponent's sign tells a huge number from a tiny one.
    const size_t e = text.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && e + 1 < text.size() && text[e + 1] == '-';
    const double limit = tiny ? 0.0 : HUGE_VAL;
    return text[0] == '-' ? -limit : limit;
  }
  if (error != std::errc()) return std::nullopt;
  return v;
}

std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale) {
  const char* at = text.data();
  const char* const end = at + text.size();
  bool negative = false;
  if (at != end && (*at == '-' || *at == '+')) negative = *at++ == '-';

  // The significant digits as written, at most 39 of them exact: the 39th and all behind it only matter for rounding.
  std::array<uint8_t, digits_max + 2> digits;
  int count = 0;
  int64_t exponent = 0;  // value = 0.d1 d2 d3 ... * 10^exponent
  bool any = false;
  bool point = false;
  for (; at != end; ++at) {
    if (*at == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(*at)) break;
    any = true;
    if (count == 0 && *at == '0') {
      if (point) --exponent;
      continue;
    }
    if (!point) ++exponent;
    if (count < static_cast<int>(digits.size())) digits[count++] = static_cast<uint8_t>(*at - '0');
  }
  if (!any) return std::nullopt;
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && *at == '+') ++at;
    int64_t e = 0;
    const auto [stop, error] = std::from_chars(at, end, e);
    if (error != std::errc() || stop != end) return std::nullopt;
    if (e > 100000 || e < -100000) return e < 0 || count == 0 ? std::optional<Int128>(0) : std::nullopt;
    exponent += e;
  } else if (at != end) {
    return std::nullopt;
  }
  if (count == 0) return Int128{0};

  const int64_t kept = exponent + scale;  // digits in front of the rounding place
  if (kept > precision) return std::nullopt;
  if (kept < 0) return Int128{0};
  Int128 v = 0;
  for (int64_t i = 0; i < kept; ++i) v = v * 10 + (i < count ? digits[i] : 0);
  if (kept < count && digits[kept] >= 5) ++v;
  if (v >= powers[precision]) return std::nullopt;
  return negative ? -v : v;
}

namespace {

// One or two digits at the text's beginning, which are taken off; -1: none.
int take_number(std::string_view& text) {
  const size_t count = text.size() > 1 && is_digit(text[1]) ? 2 : 1;
  const int number = text.empty() ? -1 : fixed_digits(text.data(), static_cast<int>(count));
  if (number >= 0) text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<int64_t> parse_timestamp(std::string_view text) {
  if (text.size() < 8) return std::nullopt;
  const int year = fixed_digits(text.data(), 4);
  text.remove_prefix(4);
  if (year < 0 || !take(text, '-')) return std::nullopt;
  const int month = take_number(text);
  if (month < 1 || month > 12 || !take(text, '-')) return std::nullopt;
  const int day = take_number(text);
  if (day < 1 || day > days_of_month(year, month)) return std::nullopt;
  int64_t ms = days_of_date(year, month, day) * 86'400'000;
  if (text.empty()) return ms;
  if (!take(text, ' ') && !take(text, 'T')) return std::nullopt;
  const int hour = take_number(text);
  if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const int minute = take_number(text);
  if (minute < 0 || minute > 59) return std::nullopt;
  ms += hour * 3'600'000 + minute * 60'000;
  if (take(text, ':')) {
    const int second = take_number(text);
    if (second < 0 || second > 59) return std::nullopt;
    ms += second * 1000;
    if (take(text, '.')) {
      int place = 100;
      size_t digits = 0;
      for (; digits < text.size() && is_digit(text[digits]); ++digits, place /= 10) ms += (text[digits] - '0') * place;
      if (digits == 0 || digits > 9) return std::nullopt;
      text.remove_prefix(digits);
    }
  }
  const auto offset = offset_minutes(text);
  if (!offset) return std::nullopt;
  ms -= *offset * int64_t{60'000};
  return is_timestamp(ms) ? std::optional(ms) : std::nullopt;
}

std::optional<bool> parse_boolean(std::string_view text) {
  for (std::string_view word : {"true", "t", "yes", "y"}) {
    if (equals_ignoring_case(text, word)) return true;
  }
  if (text == "1") return true;
  for (std::string_view word : {"false", "f", "no", "n"}) {
    if (equals_ignoring_case(text, word)) return false;
  }
  if (text == "0") return false;
  return std::nullopt;
}

void put_int64(std::string& out, int64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void put_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  const double magnitude = std::fabs(value);
  char digits[64];
  if (magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
    const auto end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::fixed).ptr;
    const std::string_view text(digits, end - digits);
    out += text;
    if (text.find('.') == std::string_view::npos) out += ".0";
    return;
  }
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific).ptr;
  const std::string_view text(digits, end - digits);
  const size_t e = text.find('e');
  out += text.substr(0, e);
  if (text.substr(0, e).find('.') == std::string_view::npos) out += ".0";
  out += 'E';
  std::string_view exponent = text.substr(e + 1);
  if (exponent[0] == '-') out += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent[0] == '0') exponent.remove_prefix(1);
  out += exponent;
}

void put_decimal(std::string& out, Int128 unscaled, int scale) {
  char digits[64];
  char* at = digits + sizeof(digits);
  const bool negative = unscaled < 0;
  __extension__ using Unsigned = unsigned __int128;
  auto v = negative ? Unsigned{0} - static_cast<Unsigned>(unscaled) : static_cast<Unsigned>(unscaled);
  int written = 0;
  while (v != 0 || written <= scale) {
    if (written == scale && scale > 0) *--at = '.';
    *--at = static_cast<char>('0' + static_cast<int>(v % 10));
    v /= 10;
    ++written;
  }
  if (negative) *--at = '-';
  out.append(at, digits + sizeof(digits) - at);
}

void put_timestamp(std::string& out, int64_t ms, char separator) {
  const int64_t days = floor_divide(ms, 86'400'000);
  const int64_t rest = ms - days * 86'400'000;
  const Date date = date_of_days(days);
  put_padded(out, date.year, 4);
  out += '-';
  put_padded(out, date.month, 2);
  out += '-';
  put_padded(out, date.day, 2);
  out += separator;
  put_padded(out, rest / 3'600'000, 2);
  out += ':';
  put_padded(out, rest / 60'000 % 60, 2);
  out += ':';
  put_padded(out, rest / 1000 % 60, 2);
  if (rest % 1000 != 0) {
    out += '.';
    put_padded(out, rest % 1000, 3);
  }
}

Int128 power_of_ten(int exponent) {
  CHECK(exponent >= 0 && exponent <= digits_max, "{}", exponent);
  return powers[exponent];
}

std::optional<Int128> rescale(Int128 unscaled, int from_scale, int to_scale, int precision) {
  if (to_scale > from_scale) {
    if (__builtin_mul_overflow(unscaled, powers[to_scale - from_scale], &unscaled)) return std::nullopt;
  } else if (to_scale < from_scale) {
    const Int128 divisor = powers[from_scale - to_scale];
    const Int128 rest = unscaled % divisor;
    unscaled /= divisor;
    if (rest >= divisor - rest && rest > 0) ++unscaled;
    if (rest < 0 && -rest >= divisor + rest) --unscaled;
  }
  if (unscaled >= powers[precision] || unscaled <= -powers[precision]) return std::nullopt;
  return unscaled;
}

std::optional<Int128> decimal_of_double(double value, int precision, int scale) {
  if (!std::isfinite(value)) return std::nullopt;
  // The shortest decimal form, as Java's BigDecimal.valueOf does; then digit by digit.
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific).ptr;
  return parse_decimal({digits, static_cast<size_t>(end - digits)}, precision, scale);
}

double decimal_to_double(Int128 unscaled, int scale) {
  // A division of two exact doubles rounds once; beyond 2^53 or 10^22 the text is the way to the nearest double.
  constexpr Int128 exact = Int128{1} << 53;
  if (scale <= 22 && unscaled < exact && unscaled > -exact) {
    return static_cast<double>(static_cast<int64_t>(unscaled)) / static_cast<double>(powers[scale]);
  }
  std::string text;
  put_decimal(text, unscaled, scale);
  return parse_double(text).value_or(0);
}

int64_t days_of_date(int64_t year, int month, int day) {
  // Years begin in March, so that the leap day is the last of its year.
  year -= month <= 2;
  const int64_t era = floor_divide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

Date date_of_days(int64_t days) {
  days += 719468;
  const int64_t era = floor_divide(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  Date date{};
  date.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  date.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2);
  return date;
}

int days_of_month(int64_t year, int month) {
  static constexpr std::array<int, 12> days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))) return 29;
  return days[month - 1];
}

}  // namespace millrace::data
