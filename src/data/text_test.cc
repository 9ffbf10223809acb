#include "data/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::data {
namespace {

std::string decimal_text(std::optional<Int128> v, int scale) {
  if (!v) return "none";
  std::string out;
  put_decimal(out, *v, scale);
  return out;
}

TEST(Text, whole_numbers_lose_their_fraction) {
  EXPECT_EQ(parse_whole("12.99"), 12);
  EXPECT_EQ(parse_whole("-12.99"), -12);
  EXPECT_EQ(parse_whole("0.99999999999999999999999"), 0);
  EXPECT_EQ(parse_whole("-.5"), 0);
  EXPECT_EQ(parse_whole("7."), 7);
  EXPECT_EQ(parse_whole("9223372036854775807.9"), INT64_MAX);
  for (const std::string_view text : {"", ".", "-", "-.", "1.2.3", "1.x", "1e3", "9223372036854775808.0"}) {
    EXPECT_EQ(parse_whole(text), std::nullopt) << text;
  }
}

TEST(Text, doubles_are_written_as_in_java) {
  EXPECT_EQ(parse_double("1.5d"), 1.5);
  EXPECT_EQ(parse_double("2F"), 2.0);
  EXPECT_EQ(parse_double("1.D"), 1.0);
  EXPECT_EQ(parse_double("-Infinity"), -HUGE_VAL);
  EXPECT_EQ(parse_double("+Infinity"), HUGE_VAL);
  EXPECT_TRUE(std::isnan(*parse_double("NaN")));
  for (const std::string_view text : {"inf", "infinity", "nan", "nan(1)", "INF", "d", ".d", "-", "1dd", "0x10", "1e"}) {
    EXPECT_EQ(parse_double(text), std::nullopt) << text;
  }
}

TEST(ParseDecimal, reads_digits_exactly_and_rounds_half_up) {
  struct Case {
    const char* text;
    int precision;
    int scale;
    const char* expected;
  };
  const Case cases[] = {
      {"12.50", 10, 2, "12.50"},
      {"12.5", 10, 2, "12.50"},
      {"12.345", 10, 2, "12.35"},
      {"-12.345", 10, 2, "-12.35"},
      {"12.344999999999999999999999999999999999999999999", 10, 2, "12.34"},
      {"0", 10, 2, "0.00"},
      {"0.004", 10, 2, "0.00"},
      {"0.005", 10, 2, "0.01"},
      {"000123.4", 5, 1, "123.4"},
      {"1e3", 10, 2, "1000.00"},
      {"1.25E-1", 10, 2, "0.13"},
      {"1.24e-1", 10, 2, "0.12"},
      {"99999999.99", 10, 2, "99999999.99"},
      {"99999999.995", 10, 2, "none"},
      {"100000000", 10, 2, "none"},
      {"12345678901234567890123456789012345678", 38, 0, "12345678901234567890123456789012345678"},
      {"9007199254740993.1", 20, 1, "9007199254740993.1"},
      {"1e999999999", 10, 2, "none"},
      {"1e-999999999", 10, 2, "0.00"},
      {"", 10, 2, "none"},
      {".", 10, 2, "none"},
      {"-", 10, 2, "none"},
      {"1.2.3", 10, 2, "none"},
      {"12a", 10, 2, "none"},
      {"1e", 10, 2, "none"},
      {".5", 10, 2, "0.50"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(decimal_text(parse_decimal(c.text, c.precision, c.scale), c.scale), c.expected) << c.text;
  }
}

TEST(ParseTimestamp, understands_sql_and_iso_forms) {
  struct Case {
    const char* text;
    std::optional<int64_t> expected;
  };
  const Case cases[] = {
      {"1970-01-01 00:00:00", 0},
      {"2019-10-01 00:00:00", 1569888000000},
      {"2019-10-01 00:00:00 UTC", 1569888000000},
      {"2019-10-01T00:00:00Z", 1569888000000},
      {"2019-10-01T00:00:00.125Z", 1569888000125},
      {"2019-10-01 00:00:00.1", 1569888000100},
      {"2019-10-01 00:00:00.123456789", 1569888000123},
      {"2019-10-01T02:00:00+02:00", 1569888000000},
      {"2019-09-30T20:30:00-0330", 1569888000000},
      {"2019-10-01 00:00", 1569888000000},
      {"2019-10-01", 1569888000000},
      {"2000-02-29", 951782400000},
      {"1969-12-31 23:59:59.999", -1},
      {"1900-02-29", std::nullopt},
      {"2019-13-01 00:00:00", std::nullopt},
      {"2019-10-01 24:00:00", std::nullopt},
      {"2019-10-01 00:00:0", 1569888000000},
      {"2019-10-01 00:00:00.", std::nullopt},
      {"2019-10-01 00:00:00 CET", std::nullopt},
      {"2019/10/01 00:00:00", std::nullopt},
      {"", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_timestamp(c.text), c.expected) << c.text;
}

TEST(PutTimestamp, reads_back_over_four_centuries) {
  for (int64_t ms = -6'857'222'400'000; ms < 6'857'222'400'000; ms += 12'345'678'901) {
    std::string text;
    put_timestamp(text, ms);
    EXPECT_EQ(parse_timestamp(text), ms) << text;
  }
}

TEST(PutDouble, writes_the_shortest_form_with_a_point) {
  const auto text = [](double v) {
    std::string out;
    put_double(out, v);
    return out;
  };
  EXPECT_EQ(text(1), "1.0");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(-2.5), "-2.5");
  EXPECT_EQ(text(1e10), "1.0E10");
  EXPECT_EQ(text(1.5e-5), "1.5E-5");
  EXPECT_EQ(text(0), "0.0");
}

TEST(Rescale, rounds_half_away_from_zero_and_refuses_overflow) {
  EXPECT_EQ(rescale(125, 2, 1, 10), Int128{13});
  EXPECT_EQ(rescale(-125, 2, 1, 10), Int128{-13});
  EXPECT_EQ(rescale(124, 2, 1, 10), Int128{12});
  EXPECT_EQ(rescale(-124, 2, 1, 10), Int128{-12});
  EXPECT_EQ(rescale(5, 1, 0, 10), Int128{1});
  EXPECT_EQ(rescale(12, 0, 2, 10), Int128{1200});
  EXPECT_EQ(rescale(12, 0, 2, 3), std::nullopt);
}

TEST(DecimalToDouble, gives_the_nearest_double) {
  EXPECT_EQ(decimal_to_double(1999, 2), 19.99);
  EXPECT_EQ(decimal_to_double(power_of_ten(37), 0), 1e37);
  EXPECT_EQ(decimal_to_double(-5, 1), -0.5);
}

}  // namespace
}  // namespace millrace::data
