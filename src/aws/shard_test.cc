#include <gtest/gtest.h>

#include <random>

#include "aws/shard_iterator.h"
#include "aws/shard_ranges.h"
#include "base/base64.h"

namespace millrace::aws {
namespace {

constexpr HashKey most = ~HashKey{0};

TEST(ShardRanges, CoverAllKeysWithoutGaps) {
  for (const uint32_t count : {1u, 2u, 3u, 4u, 5u, 7u, 64u, 500u, 10'000u}) {
    const ShardRanges ranges(count);
    EXPECT_TRUE(ranges.first(ShardId(0)) == 0);
    EXPECT_TRUE(ranges.last(ShardId(count - 1)) == most);
    for (uint32_t shard = 0; shard < count; ++shard) {
      const ShardId id(shard);
      EXPECT_EQ(ranges.of(ranges.first(id)), id);
      EXPECT_EQ(ranges.of(ranges.last(id)), id);
      if (shard > 0) {
        EXPECT_TRUE(ranges.last(ShardId(shard - 1)) + 1 == ranges.first(id));
      }
    }
  }
}

TEST(ShardRanges, EveryKeyLiesInItsShardsRange) {
  const unsigned seed = 11;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    const ShardRanges ranges(static_cast<uint32_t>(1 + random() % 1000));
    const HashKey key = HashKey{random()} << 64 | random();
    const ShardId shard = ranges.of(key);
    EXPECT_TRUE(ranges.first(shard) <= key && key <= ranges.last(shard));
  }
}

TEST(ShardRanges, AreAwsOwn) {
  const ShardRanges three(3);
  EXPECT_EQ(to_decimal(three.last(ShardId(0))), "113427455640312821154458202477256070484");
  EXPECT_EQ(to_decimal(three.first(ShardId(1))), "113427455640312821154458202477256070485");
  const ShardRanges two(2);
  EXPECT_EQ(to_decimal(two.first(ShardId(1))), "170141183460469231731687303715884105728");
  EXPECT_EQ(to_decimal(most), "340282366920938463463374607431768211455");
}

TEST(HashKeys, AreDecimalNumbersBelowTwoToThe128) {
  EXPECT_TRUE(parse_hash_key("0") == HashKey{0});
  EXPECT_TRUE(parse_hash_key("340282366920938463463374607431768211455") == most);
  for (const std::string_view wrong : {"", "340282366920938463463374607431768211456", "01", "-1", "1x", " 1",
                                       "9999999999999999999999999999999999999999"}) {
    EXPECT_FALSE(parse_hash_key(wrong)) << wrong;
  }
}

TEST(ShardNames, ComeBack) {
  EXPECT_EQ(shard_name(ShardId(3)), "shardId-000000000003");
  EXPECT_EQ(parse_shard_name("shardId-004294967295"), ShardId(UINT32_MAX));
  for (const std::string_view wrong : {"", "shardId-3", "shardId-00000000000x", "shardId-0000000000003",
                                       "shardid-000000000003", "shardId-004294967296", "shardId-999999999999"}) {
    EXPECT_FALSE(parse_shard_name(wrong)) << wrong;
  }
}

TEST(SequenceNumbers, AscendAsTextAndComeBack) {
  EXPECT_EQ(sequence_number_text(SequenceNumber(0)), "100000000000000000000");
  EXPECT_EQ(sequence_number_text(SequenceNumber(UINT64_MAX)), "118446744073709551615");
  EXPECT_LT(sequence_number_text(SequenceNumber(999)), sequence_number_text(SequenceNumber(1000)));
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{123456789}, UINT64_MAX}) {
    EXPECT_EQ(parse_sequence_number(sequence_number_text(SequenceNumber(value))), SequenceNumber(value));
  }
  for (const std::string_view wrong : {"", "0", "1", "49590338271490256608559692538361571095921575989136588898",
                                       "118446744073709551616", "200000000000000000000", "10000000000000000000x"}) {
    EXPECT_FALSE(parse_sequence_number(wrong)) << wrong;
  }
}

class ShardIteratorTest : public testing::Test {
 protected:
  const ProcessingTime now_{1'700'000'000'000};
  const ShardIterator iterator_{"clickstream", 0x1234567890abcdef, ShardId(7), SequenceNumber(42), now_};

  Result<ShardIterator> decode(std::string_view text, int64_t later_ms = 0) {
    return ShardIterator::decode(text, ProcessingTime(now_.value + later_ms), kinesis_iterator_life_ms);
  }
};

TEST_F(ShardIteratorTest, ComesBack) {
  const auto back = decode(iterator_.encode()).value();
  EXPECT_EQ(back.stream, "clickstream");
  EXPECT_EQ(back.stream_id, 0x1234567890abcdefu);
  EXPECT_EQ(back.shard, ShardId(7));
  EXPECT_EQ(back.next, SequenceNumber(42));
  EXPECT_EQ(back.issued, now_);
  ShardIterator longest = iterator_;
  longest.stream = std::string(128, 's');
  EXPECT_LE(longest.encode().size(), 512u);
  EXPECT_EQ(decode(longest.encode())->stream, longest.stream);
}

TEST_F(ShardIteratorTest, ServesOnlyWhatItWasGivenOutFor) {
  EXPECT_FALSE(decode(iterator_.encode(ShardIterator::Use::list)));
}

TEST_F(ShardIteratorTest, ExpiresAfterFiveMinutes) {
  EXPECT_TRUE(decode(iterator_.encode(), 300'000));
  const auto late = decode(iterator_.encode(), 300'001);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::expired);
}

TEST_F(ShardIteratorTest, AnyChangeIsNoticed) {
  const std::string text = iterator_.encode();
  const std::string bytes = base::base64_decode(text).value();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      std::string encoded;
      base::append_base64(encoded, changed);
      const auto decoded = decode(encoded);
      ASSERT_FALSE(decoded) << i;
      EXPECT_EQ(decoded.error().kind, ErrorKind::invalid_argument);
    }
  }
  for (size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(decode(std::string_view(text).substr(0, size)));
  EXPECT_FALSE(decode(text + "AAAA"));
  EXPECT_FALSE(decode(std::string(10'000, 'A')));
}

}  // namespace
}  // namespace millrace::aws
