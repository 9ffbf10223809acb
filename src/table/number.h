#pragma once
// DynamoDB's number: up to 38 significant digits, magnitude 1e-130 to 9.99...e+125, exact.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
// Pure values; any thread.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "data/type.h"

namespace millrace::table {

__extension__ using UInt128 = unsigned __int128;

class Number {
 public:
  Number() = default;  // zero
  explicit Number(int64_t value) : Number(value, 0) {}
  // unscaled * 10^-scale, as of a DECIMAL column. CHECKs that it fits in 38 digits.
  Number(data::Int128 unscaled, int scale);

  static Result<Number> parse(std::string_view text);  // invalid_argument, in DynamoDB's words
  static Result<Number> from_double(double value);     // its shortest decimal form; NaN and infinities are refused

  std::string to_string() const;          // plain notation as DynamoDB answers: "12.5", "-0.003", "100"
  void put_text(std::string& out) const;  // the same, appended
  double to_double() const;
  std::optional<int64_t> to_int64() const;  // nullopt: a fraction, or too large
  // The unscaled value at that scale, rounded half up; nullopt: more than 38 digits.
  std::optional<data::Int128> to_decimal(int scale) const;

  Result<Number> plus(const Number& other) const;  // invalid_argument: overflow of magnitude or of 38 digits
  Result<Number> minus(const Number& other) const;

  std::strong_ordering operator<=>(const Number& other) const;
  bool operator==(const Number& other) const = default;

  // Bytes that sort as the numbers do (memcmp), self-delimiting; for keys.
  void put_sortable(std::string& out) const;

  // The parts, normalised: coefficient without trailing zeros; zero is 0 * 10^0, not negative.
  bool negative() const { return negative_; }
  UInt128 coefficient() const { return coefficient_; }
  int exponent() const { return exponent_; }
  int digits() const;                                                          // of the coefficient; zero has none
  static Number from_parts(bool negative, UInt128 coefficient, int exponent);  // CHECKs the limits
  // The same for parts that came from outside: invalid_argument as of parse().
  static Result<Number> checked_from_parts(bool negative, UInt128 coefficient, int64_t exponent);

 private:
  UInt128 coefficient_ = 0;
  int16_t exponent_ = 0;
  bool negative_ = false;
};

}  // namespace millrace::table
