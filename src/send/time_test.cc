#include "send/time.h"

#include <gtest/gtest.h>

namespace millrace::send {
namespace {

int64_t ms(std::string_view text) {
  const auto time = parse_time(text);
  return time ? time->value : -1;
}

TEST(SendTimeTest, reads_seconds_and_milliseconds_since_1970) {
  EXPECT_EQ(ms("1569888000"), 1'569'888'000'000);
  EXPECT_EQ(ms("1569888000.25"), 1'569'888'000'250);
  EXPECT_EQ(ms("1569888000123"), 1'569'888'000'123);
  EXPECT_EQ(ms("0"), 0);
}

TEST(SendTimeTest, reads_microseconds_and_nanoseconds_since_1970) {
  EXPECT_EQ(ms("1569888000123456"), 1'569'888'000'123);
  EXPECT_EQ(ms("1569888000123456789"), 1'569'888'000'123);
  EXPECT_EQ(ms("1569888000123456.5"), 1'569'888'000'123);
  EXPECT_EQ(ms("400000000000000"), 400'000'000'000);     // September 1982
  EXPECT_EQ(ms("400000000000000000"), 400'000'000'000);  // the same
  EXPECT_EQ(ms("99999999999"), 99'999'999'999'000);      // the last seconds
  EXPECT_EQ(ms("99999999999999"), 99'999'999'999'999);   // the last milliseconds
  EXPECT_EQ(ms("-1569888000123456"), -1'569'888'000'123);
  EXPECT_EQ(ms("99999999999999999999"), -1);
}

TEST(SendTimeTest, reads_numbers_with_an_exponent) {
  EXPECT_EQ(ms("1.569888e9"), 1'569'888'000'000);
  EXPECT_EQ(ms("1.56988800025E9"), 1'569'888'000'250);
  EXPECT_EQ(ms("1.569888000123456e+18"), 1'569'888'000'123);
  EXPECT_EQ(ms("1e99"), -1);
  EXPECT_EQ(ms("1e"), -1);
}

TEST(SendTimeTest, reads_dates_with_and_without_zone) {
  EXPECT_EQ(ms("2019-10-01"), 1'569'888'000'000);
  EXPECT_EQ(ms("2019-10-01 00:00:00 UTC"), 1'569'888'000'000);
  EXPECT_EQ(ms("2019-10-01 00:00:00.5"), 1'569'888'000'500);
  EXPECT_EQ(ms("2019-10-01T00:00:00.123456Z"), 1'569'888'000'123);
  EXPECT_EQ(ms("2019-10-01T02:00:00+02:00"), 1'569'888'000'000);
  EXPECT_EQ(ms("2019-09-30T18:30-0530"), 1'569'888'000'000);
  EXPECT_EQ(ms("2020-02-29 12:00"), 1'582'977'600'000);
}

TEST(SendTimeTest, refuses_what_is_no_time) {
  for (const auto* text :
       {"", "yesterday", "2019-13-01", "2019-02-29", "2019-10-01 24:00:00", "2019-10-01 00:00:00 CET",
        "2019-10-01T00:00:00+2", "12a4567890", "1.", "99999999999999999999", "2019-10-01x"}) {
    EXPECT_EQ(ms(text), -1) << text;
  }
}

TEST(SendTimeTest, reads_speeds) {
  EXPECT_EQ(*parse_speed("1x"), 1);
  EXPECT_EQ(*parse_speed("100x"), 100);
  EXPECT_EQ(*parse_speed("0.5x"), 0.5);
  EXPECT_EQ(*parse_speed("max"), 0);
  for (const auto* text : {"", "x", "0x", "-1x", "fast", "1xx", "nan", "inf"}) EXPECT_FALSE(parse_speed(text)) << text;
}

}  // namespace
}  // namespace millrace::send
