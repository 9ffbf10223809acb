#pragma once
// Numbers and times from text and to text, as Flink's casts and JSON format read and write them. Decimals go digit by
// digit, never through a double. Pure; any thread. nullopt: the text is no such value, or it does not fit.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/type.h"

namespace millrace::data {

bool equals_ignoring_case(std::string_view text, std::string_view lower);  // ASCII letters
std::string_view trimmed(std::string_view text);  // without spaces and control characters at both ends
// The first character of a text in UTF-8, whole; of an empty text, nothing.
inline std::string_view first_character(std::string_view text) {
  size_t bytes = text.empty() ? 0 : 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) ++bytes;
  return text.substr(0, bytes);
}

std::optional<int64_t> parse_int64(std::string_view text);
std::optional<int64_t> parse_whole(std::string_view text);  // the same; a fraction is cut: "12.7" is 12
std::optional<double> parse_double(std::string_view text);  // as Java: also "NaN", "-Infinity", "1.5d"; not "inf"
// The unscaled value at `scale`, rounded half up; exponents are understood. nullopt also if it has more than
// `precision` digits.
std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale);
// "2019-10-01 00:00:00", with 'T' for the space, a fraction, and "Z", " UTC" or an offset after it, or a date alone.
// Leading zeros may be missing ("2024-1-5 8:03:09"), but for the year's.
// Fractions finer than a millisecond are cut.
std::optional<int64_t> parse_timestamp(std::string_view text);
// The times that a TIMESTAMP holds, as in Flink: the years 0000 to 9999.
inline constexpr int64_t timestamp_min_ms = -62'167'219'200'000;
inline constexpr int64_t timestamp_max_ms = 253'402'300'799'999;
inline bool is_timestamp(int64_t ms) {
  return ms >= timestamp_min_ms && ms <= timestamp_max_ms;
}
std::optional<bool> parse_boolean(std::string_view text);

void put_int64(std::string& out, int64_t value);
void put_double(std::string& out, double value);  // shortest, always with a point: "1.0", "1.0E10"
void put_decimal(std::string& out, Int128 unscaled, int scale);
// "2019-10-01 00:00:00" and ".125" behind it if there are milliseconds.
void put_timestamp(std::string& out, int64_t ms, char separator = ' ');

// 10^exponent, 0 <= exponent <= 38.
Int128 power_of_ten(int exponent);
// The value at another scale, rounded half up; nullopt: more than `precision` digits.
std::optional<Int128> rescale(Int128 unscaled, int from_scale, int to_scale, int precision);
std::optional<Int128> decimal_of_double(double value, int precision, int scale);
double decimal_to_double(Int128 unscaled, int scale);

// The Gregorian calendar, from and to days since 1970-01-01.
int64_t days_of_date(int64_t year, int month, int day);
struct Date {
  int64_t year;
  int month;
  int day;
};
Date date_of_days(int64_t days);
int days_of_month(int64_t year, int month);

inline int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}
inline int64_t floor_modulo(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r + ((r != 0) && ((r < 0) != (b < 0)) ? b : 0);
}

}  // namespace millrace::data
