#include "stream/shard_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "stream/lineage.h"

namespace millrace::stream {
namespace {

constexpr ProcessingTime now(1'700'000'000'000);

// The open shards cover all keys, without gaps, and each key's shard is the one whose range it is in.
void expect_whole(const ShardSet& set) {
  std::vector<Shard> open;
  std::ranges::copy_if(set.all(), std::back_inserter(open), [](const Shard& shard) { return !shard.closed; });
  ASSERT_EQ(open.size(), set.open_count());
  std::ranges::sort(open, {}, &Shard::first);
  HashKey next = 0;
  for (const Shard& shard : open) {
    EXPECT_TRUE(shard.first == next);
    EXPECT_TRUE(set.of(shard.first) == shard.id && set.of(shard.last) == shard.id);
    next = shard.last + 1;
  }
  EXPECT_TRUE(next == 0) << "behind the last key";
  EXPECT_TRUE(ShardSet::make(set.all(), set.next_id())) << "as it is read back";
}

TEST(ShardSet, a_split_shard_has_two_children_that_share_its_range) {
  ShardSet set = ShardSet::equal(1, now);
  ASSERT_TRUE(set.split(ShardId(0), HashKey{1} << 100, now));
  expect_whole(set);
  EXPECT_TRUE(set.find(ShardId(0))->closed);
  EXPECT_EQ(set.of(5), ShardId(1));
  EXPECT_EQ(set.of(HashKey{1} << 100), ShardId(2));
  EXPECT_EQ(children_of(set, ShardId(0)), (std::vector<ShardId>{ShardId(1), ShardId(2)}));
  EXPECT_EQ(set.split(ShardId(0), HashKey{1} << 90, now).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(set.split(ShardId(9), HashKey{1} << 90, now).error().kind, ErrorKind::not_found);
}

TEST(ShardSet, neighbours_merge_to_one_child) {
  ShardSet set = ShardSet::equal(3, now);
  EXPECT_EQ(set.merge(ShardId(0), ShardId(2), now).error().kind, ErrorKind::invalid_argument);
  ASSERT_TRUE(set.merge(ShardId(1), ShardId(0), now));
  expect_whole(set);
  EXPECT_EQ(set.open_count(), 2U);
  EXPECT_TRUE(set.find(ShardId(3))->is_child_of(ShardId(0)) && set.find(ShardId(3))->is_child_of(ShardId(1)));
}

TEST(ShardSet, any_count_is_reached_with_two_parents_at_most) {
  for (uint32_t from = 1; from <= 7; ++from) {
    for (uint32_t to = 1; to <= 14; ++to) {
      ShardSet set = ShardSet::equal(from, now);
      ASSERT_TRUE(set.resize(to, now)) << from << " to " << to;
      EXPECT_EQ(set.open_count(), to);
      expect_whole(set);
      const HashKey share = ~HashKey{0} / to;
      for (const Shard& shard : set.all()) {
        if (shard.closed) continue;
        const HashKey keys = shard.last - shard.first;
        EXPECT_TRUE((keys > share ? keys - share : share - keys) < 2 * to)
            << "equal ranges, but for what does not divide";
      }
    }
  }
}

// Whoever takes the steps it is told, in any order of reading, reads each shard once, after its parents.
TEST(Lineage, a_follower_reads_every_shard_once_after_its_parents) {
  std::mt19937 random(7);
  for (int run = 0; run < 200; ++run) {
    ShardSet set = ShardSet::equal(1 + random() % 3, now);
    std::vector<Followed> followed;
    for (const ShardId id : oldest_shards(set)) followed.push_back({id, false});
    std::vector<ShardId> read;
    const auto is_read = [&](ShardId id) { return std::ranges::find(read, id) != read.end(); };
    const auto has_more = [&] {
      return std::ranges::any_of(followed,
                                 [&](const Followed& each) { return set.find(each.shard)->closed.has_value(); });
    };
    for (int step = 0; step < 40 || has_more(); ++step) {
      if (step < 40 && random() % 2 == 0) {
        std::vector<Shard> open;
        std::ranges::copy_if(set.all(), std::back_inserter(open), [](const Shard& shard) { return !shard.closed; });
        std::ranges::sort(open, {}, &Shard::first);
        const size_t at = random() % open.size();
        if (random() % 2 == 0 || at + 1 == open.size()) {
          ASSERT_TRUE(set.split(open[at].id, open[at].first + (open[at].last - open[at].first) / 2, now));
        } else {
          ASSERT_TRUE(set.merge(open[at].id, open[at + 1].id, now));
        }
      }
      // Closed shards are read to their ends in any order.
      for (Followed& each : followed) {
        if (each.finished || !set.find(each.shard)->closed || (step < 40 && random() % 2 == 0)) continue;
        each.finished = true;
        ASSERT_FALSE(is_read(each.shard));
        read.push_back(each.shard);
      }
      const FollowerStep next = next_step(set, followed);
      std::erase_if(followed, [&](const Followed& each) {
        return std::ranges::find(next.forget, each.shard) != next.forget.end();
      });
      for (const FollowerStep::Begin& begin : next.begin) {
        EXPECT_FALSE(begin.after_gap);
        const Shard& shard = *set.find(begin.shard);
        for (const auto& parent : {shard.parent, shard.adjacent_parent}) {
          ASSERT_TRUE(!parent || is_read(*parent));
        }
        ASSERT_FALSE(is_read(begin.shard));
        ASSERT_EQ(std::ranges::find(followed, begin.shard, &Followed::shard), followed.end());
        followed.push_back({begin.shard, false});
      }
      ASSERT_LT(step, 1000);
    }
    for (const Shard& shard : set.all()) {
      const bool is_followed = std::ranges::find(followed, shard.id, &Followed::shard) != followed.end();
      EXPECT_TRUE(is_read(shard.id) || (is_followed && !shard.closed)) << shard.id.value;
    }
  }
}

}  // namespace
}  // namespace millrace::stream
