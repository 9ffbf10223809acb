#include "base/sequence_format.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

using Mismatch = SequenceFormat::Mismatch;

TEST(SequenceFormat, a_number_says_shard_position_and_log) {
  const SequenceFormat format(ShardId(7), 5'000'000'042);
  EXPECT_EQ(format.text(SequenceNumber(0)), "40000000007000000000000000000000000042");
  EXPECT_EQ(format.text(SequenceNumber(123)), "40000000007000000000000000123000000042");
}

TEST(SequenceFormat, numbers_ascend_as_text_and_come_back) {
  const SequenceFormat format(ShardId(UINT32_MAX), UINT64_MAX);
  std::string before;
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{999}, uint64_t{1000}, uint64_t{1} << 40,
                               uint64_t{999'999'999'999'999'999}}) {
    const std::string text = format.text(SequenceNumber(value));
    EXPECT_EQ(text.size(), 38U);
    EXPECT_LT(before, text);
    EXPECT_EQ(format.position(text), SequenceNumber(value));
    before = text;
  }
}

TEST(SequenceFormat, a_later_shard_has_the_greater_numbers) {
  EXPECT_LT(SequenceFormat(ShardId(3), 9).text(SequenceNumber(uint64_t{1} << 59)),
            SequenceFormat(ShardId(4), 9).text(SequenceNumber(0)));
}

TEST(SequenceFormat, numbers_of_other_shards_and_logs_are_told_apart) {
  const SequenceFormat format(ShardId(1), 42);
  const auto other_shard = format.parse(SequenceFormat(ShardId(2), 42).text(SequenceNumber(5)));
  EXPECT_EQ(other_shard.mismatch, Mismatch::other_shard);
  EXPECT_EQ(other_shard.shard, ShardId(2));
  EXPECT_EQ(format.parse(SequenceFormat(ShardId(1), 43).text(SequenceNumber(5))).mismatch, Mismatch::other_log);
  EXPECT_FALSE(format.position(SequenceFormat(ShardId(2), 42).text(SequenceNumber(5))));
  for (const char* const wrong :
       {"", "0", "4", "49590338271490256608559692538361571095921575989136588898", "118446744073709551616",
        "10000000000000000000x", "200000000000000000000", "49999999999000000000000000000000000042",
        "4000000000100000000000000000000000004x", "50000000001000000000000000000000000042"}) {
    EXPECT_EQ(format.parse(wrong).mismatch, Mismatch::not_a_number) << wrong;
  }
}

TEST(SequenceFormat, numbers_of_earlier_versions_are_read_by_every_shard) {
  EXPECT_EQ(SequenceFormat(ShardId(3), 42).position("100000000000000000042"), SequenceNumber(42));
  EXPECT_EQ(SequenceFormat(ShardId(4), 43).position("118446744073709551615"), SequenceNumber(UINT64_MAX));
}

}  // namespace
}  // namespace millrace::base
