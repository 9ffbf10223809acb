#include "table/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace millrace::table {
namespace {

using data::Int128;

constexpr int digits_max = 38;
// Of the leading digit: 1e-130 is the smallest magnitude, 9.99...e+125 the largest.
constexpr int leading_exponent_min = -130;
constexpr int leading_exponent_max = 125;

constexpr std::string_view overflow_text =
    "Number overflow. Attempting to store a number with magnitude larger than supported range";
constexpr std::string_view underflow_text =
    "Number underflow. Attempting to store a number with magnitude smaller than supported range";
constexpr std::string_view digits_text = "Attempting to store more than 38 significant digits in a Number";

constexpr std::array<UInt128, digits_max + 1> make_powers() {
  std::array<UInt128, digits_max + 1> powers{};
  powers[0] = 1;
  for (int i = 1; i <= digits_max; ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}
constexpr std::array<UInt128, digits_max + 1> powers_of_ten = make_powers();

int bits_of(UInt128 v) {
  const auto high = static_cast<uint64_t>(v >> 64);
  const auto low = static_cast<uint64_t>(v);
  if (high != 0) return 128 - __builtin_clzll(high);
  if (low != 0) return 64 - __builtin_clzll(low);
  return 0;
}

// Decimal digits; 0 has none. 39 for 10^38 and more.
int digits_of(UInt128 v) {
  if (v == 0) return 0;
  const int estimate = (bits_of(v) * 1233) >> 12;  // log10(2) = 1233/4096 is close enough for 128 bits
  return estimate + (v >= powers_of_ten[estimate] ? 1 : 0);
}

void strip_trailing_zeros(UInt128& coefficient, int& exponent) {
  while (static_cast<uint64_t>(coefficient >> 64) != 0) {
    if (coefficient % 10 != 0) return;
    coefficient /= 10;
    ++exponent;
  }
  auto low = static_cast<uint64_t>(coefficient);
  while (low >= 10 && low % 10 == 0) {
    low /= 10;
    ++exponent;
  }
  coefficient = low;
}

// The decimal digits, written before `end`; returns the first.
char* write_digits(char* end, UInt128 v) {
  constexpr uint64_t chunk = 10'000'000'000'000'000'000u;
  while (static_cast<uint64_t>(v >> 64) != 0) {
    auto low = static_cast<uint64_t>(v % chunk);
    v /= chunk;
    for (int i = 0; i < 19; ++i, low /= 10) *--end = static_cast<char>('0' + low % 10);
  }
  for (auto low = static_cast<uint64_t>(v); low != 0; low /= 10) *--end = static_cast<char>('0' + low % 10);
  return end;
}

Result<Number> make(bool negative, UInt128 coefficient, int exponent) {
  if (coefficient == 0) return Number();
  strip_trailing_zeros(coefficient, exponent);
  const int digits = digits_of(coefficient);
  if (digits > digits_max) return fail(ErrorKind::invalid_argument, "{}", digits_text);
  const int leading = digits + exponent - 1;
  if (leading > leading_exponent_max) return fail(ErrorKind::invalid_argument, "{}", overflow_text);
  if (leading < leading_exponent_min) return fail(ErrorKind::invalid_argument, "{}", underflow_text);
  return Number::from_parts(negative, coefficient, exponent);
}

}  // namespace

Number::Number(Int128 unscaled, int scale) {
  const bool negative = unscaled < 0;
  const UInt128 magnitude = negative ? UInt128{0} - static_cast<UInt128>(unscaled) : static_cast<UInt128>(unscaled);
  auto number = make(negative, magnitude, -scale);
  CHECK(number.has_value(), "scale {}: {}", scale, number.error().message);
  *this = *number;
}

Number Number::from_parts(bool negative, UInt128 coefficient, int exponent) {
  Number number;
  if (coefficient == 0) return number;
  strip_trailing_zeros(coefficient, exponent);
  const int digits = digits_of(coefficient);
  CHECK(digits <= digits_max, "{} digits", digits);
  const int leading = digits + exponent - 1;
  CHECK(leading <= leading_exponent_max && leading >= leading_exponent_min, "exponent {}", exponent);
  number.negative_ = negative;
  number.coefficient_ = coefficient;
  number.exponent_ = static_cast<int16_t>(exponent);
  return number;
}

Result<Number> Number::checked_from_parts(bool negative, UInt128 coefficient, int64_t exponent) {
  return make(negative, coefficient, static_cast<int>(std::clamp<int64_t>(exponent, -1'000'000, 1'000'000)));
}

Result<Number> Number::parse(std::string_view text) {
  const auto not_a_number = [&]() -> std::unexpected<Error> {
    if (text.empty()) return fail(ErrorKind::invalid_argument, "The parameter cannot be converted to a numeric value");
    return fail(ErrorKind::invalid_argument, "The parameter cannot be converted to a numeric value: {}", text);
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  bool negative = false;
  if (at != end && (*at == '-' || *at == '+')) negative = *at++ == '-';

  UInt128 coefficient = 0;
  int digits = 0;        // significant ones in the coefficient
  int64_t exponent = 0;  // of the coefficient's last digit
  int64_t zeros = 0;     // seen since the last digit that counts
  bool any_digit = false;
  bool point = false;
  bool too_many_digits = false;
  for (; at != end; ++at) {
    if (*at == '.') {
      if (point) return not_a_number();
      point = true;
      continue;
    }
    if (*at < '0' || *at > '9') break;
    any_digit = true;
    const int digit = *at - '0';
    if (digit == 0) {
      // Held back: they count only if another digit follows.
      if (digits > 0)
        ++zeros;
      else if (point)
        --exponent;
      if (digits > 0 && point) --exponent;
      continue;
    }
    digits += static_cast<int>(std::min<int64_t>(zeros, digits_max + 1)) + 1;
    if (digits > digits_max) {
      too_many_digits = true;
      digits = digits_max + 1;
    } else {
      coefficient = coefficient * powers_of_ten[zeros] * 10 + static_cast<unsigned>(digit);
    }
    zeros = 0;
    if (point) --exponent;
  }
  exponent += zeros;
  if (!any_digit) return not_a_number();
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && *at == '+') {
      ++at;
      if (at != end && *at == '-') return not_a_number();
    }
    if (at == end) return not_a_number();
    int32_t written = 0;
    const auto [stop, code] = std::from_chars(at, end, written);
    if (stop != end || (code != std::errc() && code != std::errc::result_out_of_range)) return not_a_number();
    if (code == std::errc::result_out_of_range) written = *at == '-' ? -1'000'000'000 : 1'000'000'000;
    exponent += written;
    at = stop;
  }
  if (at != end) return not_a_number();
  if (too_many_digits) return fail(ErrorKind::invalid_argument, "{}", digits_text);
  return checked_from_parts(negative, coefficient, exponent);
}

Result<Number> Number::from_double(double value) {
  if (!std::isfinite(value)) {
    return fail(ErrorKind::invalid_argument, "The parameter cannot be converted to a numeric value: {}",
                std::isnan(value) ? "NaN" : "Infinity");
  }
  char text[64];
  const auto written = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  return parse(std::string_view(text, written.ptr));
}

int Number::digits() const {
  return digits_of(coefficient_);
}

std::string Number::to_string() const {
  std::string out;
  put_text(out);
  return out;
}

void Number::put_text(std::string& out) const {
  if (coefficient_ == 0) {
    out.push_back('0');
    return;
  }
  char buffer[40];
  char* const end = buffer + sizeof(buffer);
  const std::string_view digits(write_digits(end, coefficient_), end);
  const int size = static_cast<int>(digits.size());
  if (negative_) out.push_back('-');
  if (exponent_ >= 0) {
    out.append(digits);
    out.append(exponent_, '0');
  } else if (size + exponent_ > 0) {
    out.append(digits.substr(0, size + exponent_));
    out.push_back('.');
    out.append(digits.substr(size + exponent_));
  } else {
    out.append("0.");
    out.append(-exponent_ - size, '0');
    out.append(digits);
  }
}

double Number::to_double() const {
  // Both exact in a double, so one rounding: the right one.
  static constexpr std::array<double, 23> exact_powers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (coefficient_ <= (UInt128{1} << 53) && exponent_ >= -22 && exponent_ <= 22) {
    const auto whole = static_cast<double>(static_cast<uint64_t>(coefficient_));
    const double value = exponent_ < 0 ? whole / exact_powers[-exponent_] : whole * exact_powers[exponent_];
    return negative_ ? -value : value;
  }
  char buffer[64];
  char* const digits_end = buffer + 40;
  const char* begin = write_digits(digits_end, coefficient_);
  *digits_end = 'e';
  const auto written = std::to_chars(digits_end + 1, buffer + sizeof(buffer), static_cast<int>(exponent_));
  double value = 0;
  std::from_chars(begin, written.ptr, value);
  return negative_ ? -value : value;
}

std::optional<int64_t> Number::to_int64() const {
  if (exponent_ < 0 || digits_of(coefficient_) + exponent_ > 19) return std::nullopt;
  const UInt128 magnitude = coefficient_ * powers_of_ten[exponent_];
  const UInt128 limit = (UInt128{1} << 63) - (negative_ ? 0 : 1);
  if (magnitude > limit) return std::nullopt;
  const auto bits = static_cast<uint64_t>(magnitude);
  return static_cast<int64_t>(negative_ ? uint64_t{0} - bits : bits);
}

std::optional<Int128> Number::to_decimal(int scale) const {
  const int shift = exponent_ + scale;
  UInt128 magnitude = coefficient_;
  if (shift >= 0) {
    if (coefficient_ != 0 && digits_of(coefficient_) + shift > digits_max) return std::nullopt;
    if (coefficient_ != 0) magnitude *= powers_of_ten[shift];
  } else if (-shift > digits_max) {
    magnitude = 0;  // below a tenth of the last place
  } else {
    const UInt128 divisor = powers_of_ten[-shift];
    const UInt128 rest = magnitude % divisor;
    magnitude /= divisor;
    if (rest >= divisor - rest) ++magnitude;
    if (digits_of(magnitude) > digits_max) return std::nullopt;
  }
  const auto value = static_cast<Int128>(magnitude);
  return negative_ ? -value : value;
}

Result<Number> Number::plus(const Number& other) const {
  if (coefficient_ == 0) return other;
  if (other.coefficient_ == 0) return *this;
  const bool this_higher = exponent_ >= other.exponent_;
  const Number& high = this_higher ? *this : other;
  const Number& low = this_higher ? other : *this;
  const int shift = high.exponent_ - low.exponent_;
  // The sum keeps the low one's last digit (unless the exponents are equal), so it needs as many digits as the high
  // one has at that exponent, or one less after a borrow: 2 * 10^38 leaves room for that and for a carry.
  const int digits = digits_of(high.coefficient_) + shift;
  const bool fits =
      digits <= digits_max || (digits == digits_max + 1 && high.coefficient_ < 2 * powers_of_ten[digits_max - shift]);
  // DynamoDB calls a result of more than 38 digits an overflow, too.
  if (!fits) return fail(ErrorKind::invalid_argument, "{}", overflow_text);
  const UInt128 a = high.coefficient_ * powers_of_ten[shift];
  const UInt128 b = low.coefficient_;
  UInt128 sum = 0;
  bool negative = high.negative_;
  if (high.negative_ == low.negative_) {
    sum = a + b;
  } else if (a >= b) {
    sum = a - b;
  } else {
    sum = b - a;
    negative = low.negative_;
  }
  if (sum == 0) return Number();
  int exponent = low.exponent_;
  strip_trailing_zeros(sum, exponent);
  if (digits_of(sum) > digits_max) return fail(ErrorKind::invalid_argument, "{}", overflow_text);
  return make(negative, sum, exponent);
}

Result<Number> Number::minus(const Number& other) const {
  Number negated = other;
  if (negated.coefficient_ != 0) negated.negative_ = !negated.negative_;
  return plus(negated);
}

std::strong_ordering Number::operator<=>(const Number& other) const {
  const int sign = coefficient_ == 0 ? 0 : negative_ ? -1 : 1;
  const int other_sign = other.coefficient_ == 0 ? 0 : other.negative_ ? -1 : 1;
  if (sign != other_sign) return sign <=> other_sign;
  if (sign == 0) return std::strong_ordering::equal;
  const auto by_magnitude = [&]() -> std::strong_ordering {
    if (exponent_ == other.exponent_) return coefficient_ <=> other.coefficient_;
    const int digits = digits_of(coefficient_);
    const int other_digits = digits_of(other.coefficient_);
    const auto leading = digits + exponent_ <=> other_digits + other.exponent_;
    if (leading != 0) return leading;
    return coefficient_ * powers_of_ten[digits_max - digits] <=>
           other.coefficient_ * powers_of_ten[digits_max - other_digits];
  };
  return sign > 0 ? by_magnitude() : 0 <=> by_magnitude();
}

void Number::put_sortable(std::string& out) const {
  // Sign, then the place of the leading digit, then pairs of digits from the left with an end mark; all turned round
  // for negative numbers.
  constexpr char sign_negative = 1;
  constexpr char sign_zero = 2;
  constexpr char sign_positive = 3;
  if (coefficient_ == 0) {
    out.push_back(sign_zero);
    return;
  }
  const auto turn = static_cast<uint8_t>(negative_ ? 0xff : 0);
  char buffer[40];
  char* const end = buffer + sizeof(buffer) - 1;
  const char* at = write_digits(end, coefficient_);
  *end = '0';  // makes the last pair whole
  const int leading = static_cast<int>(end - at) + exponent_ - 1;
  out.push_back(negative_ ? sign_negative : sign_positive);
  out.push_back(static_cast<char>(static_cast<uint8_t>(leading - leading_exponent_min) ^ turn));
  for (; at < end; at += 2) {
    const auto pair = static_cast<uint8_t>((at[0] - '0') * 10 + (at[1] - '0') + 1);
    out.push_back(static_cast<char>(pair ^ turn));
  }
  out.push_back(static_cast<char>(turn));
}

}  // namespace millrace::table
