#include "data/time_pattern.h"

#include <gtest/gtest.h>

#include "data/text.h"

namespace millrace::data {
namespace {

using Use = TimePattern::Use;

std::string formatted(std::string_view pattern, std::string_view time) {
  const auto made = TimePattern::make(pattern, Use::format);
  if (!made) return made.error().message;
  std::string out;
  made->format(out, *parse_timestamp(time));
  return out;
}

std::string parsed(std::string_view pattern, std::string_view text) {
  const auto made = TimePattern::make(pattern, Use::parse);
  if (!made) return made.error().message;
  const auto ms = made->parse(text);
  if (!ms) return "none";
  std::string out;
  put_timestamp(out, *ms);
  return out;
}

TEST(TimePattern, formats) {
  EXPECT_EQ(formatted("yyyy-MM-dd HH:mm:ss.SSS", "2019-10-03 04:05:06.078"), "2019-10-03 04:05:06.078");
  EXPECT_EQ(formatted("d.M.yy H:m:s S", "2019-10-03 04:05:06.078"), "3.10.19 4:5:6 0");
  EXPECT_EQ(formatted("E, EEEE d MMM MMMM u", "2019-10-03 04:05:06"), "Thu, Thursday 3 Oct October 2019");
  EXPECT_EQ(formatted("h a", "2019-10-03 00:05:00"), "12 AM");
  EXPECT_EQ(formatted("hh:mm a", "2019-10-03 12:05:00"), "12:05 PM");
  EXPECT_EQ(formatted("hha", "2019-10-03 23:00:00"), "11PM");
  EXPECT_EQ(formatted("yyyy-MM-dd'T'HH 'o''clock' ''", "2019-10-03 04:00:00"), "2019-10-03T04 o'clock '");
  EXPECT_EQ(formatted("SSSSSS", "1969-12-31 23:59:59.999"), "999000");
  EXPECT_EQ(formatted("EEE", "1969-12-31 23:59:59.999"), "Wed");
}

TEST(TimePattern, parses) {
  EXPECT_EQ(parsed("yyyyMMddHHmmss", "20191003040506"), "2019-10-03 04:05:06");
  EXPECT_EQ(parsed("d/M/y H:m", "3/1/2019 4:15"), "2019-01-03 04:15:00");
  EXPECT_EQ(parsed("EEE, d MMM yyyy h:mm a", "Thu, 3 Oct 2019 12:30 AM"), "2019-10-03 00:30:00");
  EXPECT_EQ(parsed("EEEE MMMM d yyyy h a", "Thursday October 3 2019 12 PM"), "2019-10-03 12:00:00");
  EXPECT_EQ(parsed("yyyy-MM-dd'T'HH:mm:ss.SS", "2019-10-03T04:05:06.25"), "2019-10-03 04:05:06.250");
  for (const std::string_view text : {"2019-10-3", "2019-13-01", "2019-02-29", "2019-10-03 ", "x019-10-03", ""}) {
    EXPECT_EQ(parsed("yyyy-MM-dd", text), "none") << text;
  }
  EXPECT_EQ(parsed("EEE yyyy-MM-dd", "Fri 2019-10-03"), "none");
  // What stands twice must be the same twice.
  EXPECT_EQ(parsed("yyyy M MMM", "2019 10 Oct"), "2019-10-01 00:00:00");
  EXPECT_EQ(parsed("yyyy M MMM", "2019 10 Nov"), "none");
  EXPECT_EQ(parsed("yyyy yy", "2019 20"), "none");
  EXPECT_EQ(parsed("H h a", "13 1 PM"), "1970-01-01 13:00:00");
  EXPECT_EQ(parsed("H h a", "13 2 PM"), "none");
  EXPECT_EQ(parsed("h a", "13 PM"), "none");
  EXPECT_EQ(parsed("h a", "0 PM"), "none");
}

TEST(TimePattern, refuses_what_it_does_not_know) {
  EXPECT_NE(
      formatted("yyyy-QQ", "2019-10-03").find("in the pattern 'yyyy-QQ' the letter Q has no meaning here; there are y"),
      std::string::npos);
  EXPECT_EQ(formatted("ddd", "2019-10-03"), "in the pattern 'ddd' ddd stands too often; dd is the longest form");
  EXPECT_EQ(formatted("HH 'h", "2019-10-03"), "in the pattern 'HH 'h' a quote is not closed");
  EXPECT_EQ(formatted("[HH]", "2019-10-03"),
            "in the pattern '[HH]' '[' has no meaning here; to have it in the text, quote it");
  EXPECT_NE(parsed("hh:mm", "04:05").find("needs a, which says AM or PM"), std::string::npos);
  EXPECT_NE(parsed("HH a", "04 AM").find("needs a"), std::string::npos);
}

}  // namespace
}  // namespace millrace::data
