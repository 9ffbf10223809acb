#include "table/number.h"

#include <gtest/gtest.h>

#include <random>

namespace millrace::table {
namespace {

using data::Int128;

Number number(std::string_view text) {
  auto parsed = Number::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Number());
}

std::string refusal(std::string_view text) {
  auto parsed = Number::parse(text);
  EXPECT_FALSE(parsed.has_value()) << text;
  return parsed ? "" : parsed.error().message;
}

std::string sortable(const Number& value) {
  std::string out;
  value.put_sortable(out);
  return out;
}

// Any number of up to 38 digits; small exponents are as likely as wide ones.
Number any_number(std::mt19937_64& random) {
  const int digits = 1 + static_cast<int>(random() % 38);
  std::string text = random() % 2 == 0 ? "-" : "";
  for (int i = 0; i < digits; ++i) text.push_back(static_cast<char>('0' + random() % 10));
  const int span = random() % 2 == 0 ? 3 : 87;
  const int exponent = static_cast<int>(random() % (2 * span + 1)) - span;
  return number(text + "e" + std::to_string(exponent));
}

TEST(NumberTest, AnswersInPlainNotation) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"12.50", "12.5"},
      {"-0.003", "-0.003"},
      {"100", "100"},
      {"1e2", "100"},
      {"1E+5", "100000"},
      {"+3", "3"},
      {".123", "0.123"},
      {"5.", "5"},
      {"0001.23", "1.23"},
      {"-17.4E37", "-174000000000000000000000000000000000000"},
      {"0", "0"},
      {"-0", "0"},
      {"0.000", "0"},
      {"0e1000", "0"},
      {"100.05", "100.05"},
      {"3.1415926535897932384626433832795028841", "3.1415926535897932384626433832795028841"},
      {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
      {"0.00000000000000000000000000000000000000000000000000001e40", "0.0000000000001"},
      {"10000000000000000000000000000000000000000000000000000",
       "10000000000000000000000000000000000000000000000000000"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(number(text).to_string(), expected) << text;
}

TEST(NumberTest, KeepsTheLimitsOfMagnitude) {
  EXPECT_EQ(number("1e125").to_string().size(), 126u);
  EXPECT_EQ(number("9.9999999999999999999999999999999999999e125").exponent(), 125 - 37);
  EXPECT_EQ(number("1e-130").exponent(), -130);
  EXPECT_EQ(number("-1.5e-130").exponent(), -131);
  EXPECT_NE(refusal("1e126").find("Number overflow."), std::string::npos);
  EXPECT_NE(refusal("-11e125").find("Number overflow."), std::string::npos);
  EXPECT_NE(refusal("1e999999999999999999999").find("Number overflow."), std::string::npos);
  EXPECT_NE(refusal("0.9e-130").find("Number underflow."), std::string::npos);
  EXPECT_NE(refusal("1e-99999999999999").find("Number underflow."), std::string::npos);
}

TEST(NumberTest, KeepsTheLimitOfDigits) {
  EXPECT_NE(refusal("3.14159265358979323846264338327950288419").find("38 significant digits"), std::string::npos);
  EXPECT_NE(refusal("100000000000000000000000000000000000001").find("38 significant digits"), std::string::npos);
  EXPECT_EQ(number("100000000000000000000000000000000000010").to_string(),
            "100000000000000000000000000000000000010");  // 39 digits, 38 of them significant
}

TEST(NumberTest, RefusesWhatIsNotANumber) {
  for (const char* text : {"NaN", "Infinity", "-Infinity", "dog", "-dog", " 1", "1 ", "1.2.3", "1e", "e5", ".", "-",
                           "+", "1e+-5", "1e5.5", "0x10", "1,000", "--1", "1e5 "}) {
    EXPECT_EQ(refusal(text), std::string("The parameter cannot be converted to a numeric value: ") + text);
  }
  EXPECT_EQ(refusal(""), "The parameter cannot be converted to a numeric value");
}

// The sums are those of Python's decimal at 100 digits.
TEST(NumberTest, AddsExactly) {
  struct Case {
    std::string_view a, b, sum, difference;
  };
  const Case cases[] = {
      {"1", "10000000000000000000000", "10000000000000000000001", "-9999999999999999999999"},
      {"0.1", "0.2", "0.3", "-0.1"},
      {"99999999999999999999999999999999999999", "1", "100000000000000000000000000000000000000",
       "99999999999999999999999999999999999998"},
      {"-12.75", "12.75", "0", "-25.5"},
      {"1e-130", "1e-130", "2e-130", "0"},
      {"1e125", "-1e125", "0", "2e125"},
      {"5e37", "5e37", "1e38", "0"},
      {"12345678901234567890.123456789", "0.000000001", "12345678901234567890.12345679",
       "12345678901234567890.123456788"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(number(c.a).plus(number(c.b))->to_string(), number(c.sum).to_string()) << c.a << " + " << c.b;
    EXPECT_EQ(number(c.a).minus(number(c.b))->to_string(), number(c.difference).to_string()) << c.a << " - " << c.b;
  }
  EXPECT_EQ(number("1e38").minus(number("1"))->to_string(), "99999999999999999999999999999999999999");
  EXPECT_EQ(number("1.9e38").minus(number("9.1e37"))->to_string(), number("9.9e37").to_string());
}

TEST(NumberTest, RefusesSumsThatDoNotFit) {
  for (const auto& [a, b] : {std::pair{"9e125", "9e125"}, {"1e50", "1"}, {"1e125", "1e-130"}, {"1e38", "1"}}) {
    const auto sum = number(a).plus(number(b));
    ASSERT_FALSE(sum.has_value()) << a << " + " << b;
    EXPECT_NE(sum.error().message.find("Number overflow."), std::string::npos);
  }
  EXPECT_NE(number("1.1e-130").minus(number("1e-130")).error().message.find("Number underflow."), std::string::npos);
}

TEST(NumberTest, ObeysAlgebraAndOrder) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  int sums = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Number a = any_number(random);
    const Number b = any_number(random);
    ASSERT_EQ(number(a.to_string()), a);
    ASSERT_EQ(Number::from_parts(a.negative(), a.coefficient(), a.exponent()), a);
    const auto order = a <=> b;
    ASSERT_EQ(order == 0, a == b);
    ASSERT_EQ(order, 0 <=> (b <=> a));
    const int bytes = sortable(a).compare(sortable(b));
    ASSERT_EQ(order, bytes <=> 0) << a.to_string() << " " << b.to_string();
    if (const double x = a.to_double(), y = b.to_double(); x != y) {
      ASSERT_EQ(order < 0, x < y);
    }
    const auto sum = a.plus(b);
    if (!sum) continue;
    ++sums;
    ASSERT_EQ(*sum, *b.plus(a));
    ASSERT_EQ(*sum > a, b > Number());
    const auto back = sum->minus(b);
    if (back) {
      ASSERT_EQ(*back, a);
    }
  }
  EXPECT_GT(sums, 1000);
}

TEST(NumberTest, SortsByItsBytesAcrossSignsAndMagnitudes) {
  const char* ascending[] = {"-9.9e125", "-100", "-99.9", "-99",  "-1.01", "-1",   "-0.5",  "-1e-130", "0",
                             "1e-130",   "0.5",  "1",     "1.01", "99",    "99.9", "100.5", "101",     "9.9e125"};
  for (size_t i = 1; i < std::size(ascending); ++i) {
    EXPECT_LT(sortable(number(ascending[i - 1])), sortable(number(ascending[i]))) << ascending[i];
    EXPECT_LT(number(ascending[i - 1]), number(ascending[i]));
  }
}

TEST(NumberTest, BytesAreSelfDelimiting) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    const std::string a = sortable(any_number(random));
    const std::string b = sortable(any_number(random));
    if (a != b) {
      EXPECT_FALSE(a.starts_with(b) || b.starts_with(a));
    }
  }
}

TEST(NumberTest, ConvertsToIntegers) {
  EXPECT_EQ(number("9223372036854775807").to_int64(), INT64_MAX);
  EXPECT_EQ(number("-9223372036854775808").to_int64(), INT64_MIN);
  EXPECT_EQ(number("9223372036854775808").to_int64(), std::nullopt);
  EXPECT_EQ(number("1.5").to_int64(), std::nullopt);
  EXPECT_EQ(number("1e30").to_int64(), std::nullopt);
  EXPECT_EQ(number("12e3").to_int64(), 12'000);
  EXPECT_EQ(Number(INT64_MIN).to_string(), "-9223372036854775808");
}

TEST(NumberTest, ConvertsToDecimalsRoundingHalfUp) {
  EXPECT_EQ(number("12.345").to_decimal(2), Int128{1235});
  EXPECT_EQ(number("12.344").to_decimal(2), Int128{1234});
  EXPECT_EQ(number("-12.345").to_decimal(2), Int128{-1235});
  EXPECT_EQ(number("12").to_decimal(4), Int128{120'000});
  EXPECT_EQ(number("1e-60").to_decimal(2), Int128{0});
  EXPECT_EQ(number("1e37").to_decimal(1), std::nullopt);
  EXPECT_EQ(Number(Int128{-12'500}, 3).to_string(), "-12.5");
}

TEST(NumberTest, ConvertsFromAndToDoubles) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  EXPECT_EQ(Number::from_double(0.1)->to_string(), "0.1");
  EXPECT_EQ(Number::from_double(-1e21)->to_string(), "-1000000000000000000000");
  EXPECT_FALSE(Number::from_double(std::nan("")).has_value());
  EXPECT_FALSE(Number::from_double(INFINITY).has_value());
  EXPECT_FALSE(Number::from_double(1e200).has_value());
  for (int i = 0; i < 10'000; ++i) {
    const double value =
        std::ldexp(static_cast<double>(static_cast<int64_t>(random())), static_cast<int>(random() % 400) - 240);
    const auto converted = Number::from_double(value);
    ASSERT_TRUE(converted.has_value()) << value;
    ASSERT_EQ(converted->to_double(), value);
  }
}

}  // namespace
}  // namespace millrace::table
