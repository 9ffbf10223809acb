#include "stream/shard_ranges.h"

#include <gtest/gtest.h>

#include <random>

namespace millrace::stream {
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
  EXPECT_EQ(parse_shard_name("shardId-3"), ShardId(3));
  EXPECT_EQ(parse_shard_name("0"), ShardId(0));
  for (const std::string_view wrong :
       {"", "shardId-", "shardId--3", "-3", "shardId-00000000000x", "shardId-0000000000003", "shardid-000000000003",
        "shardId-004294967296", "shardId-999999999999"}) {
    EXPECT_FALSE(parse_shard_name(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace millrace::stream
