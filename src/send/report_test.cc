#include "send/report.h"

#include <gtest/gtest.h>

namespace millrace::send {
namespace {

TEST(ReportTest, writes_durations_up_to_days) {
  EXPECT_EQ(duration(0), "0s");
  EXPECT_EQ(duration(59.4), "59s");
  EXPECT_EQ(duration(200), "3m20s");
  EXPECT_EQ(duration(7500), "2h05m");
  EXPECT_EQ(duration(1e6), "11d13h");
  EXPECT_EQ(duration(1e300), "11574074074d01h");
}

TEST(ReportTest, says_with_which_options_the_same_command_goes_on) {
  const std::vector<std::string> files = {"a.csv", "b of Ann's.csv", "c.csv"};
  EXPECT_EQ(going_on(files, {0, 0}), "--from-line 1");
  EXPECT_EQ(going_on(files, {0, 701}), "--from-line 702");
  EXPECT_EQ(going_on(files, {1, 11}), R"(--file 'b of Ann'\''s.csv' --file c.csv --from-line 12)");
}

}  // namespace
}  // namespace millrace::send
