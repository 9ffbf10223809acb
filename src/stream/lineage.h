#pragma once
// In which order the shards of a changing set are read, for whoever follows a stream: a shard's parents to their ends
// before the shard, so the records of a key stay in order. Pure; any thread.
//
// A follower keeps the shards that it follows with its positions and nothing else: what lies before them is done, what
// comes after them is told from the set. So that this stays true, a shard that was read to its end is kept until all of
// its children are followed; then every hash key has a followed shard at every time.

#include <span>
#include <vector>

#include "base/error.h"
#include "log/block.h"
#include "stream/shard_set.h"

namespace millrace::stream {

// Where a new follower begins: with the oldest shards that are there, each at its oldest record; with the open ones, at
// their ends; with those that have records from `time` on and no parent that has.
std::vector<ShardId> oldest_shards(const ShardSet& set);
std::vector<ShardId> open_shards(const ShardSet& set);
Result<std::vector<ShardId>> shards_at(const ShardSet& set, const log::Log& log, ProcessingTime time);
// Whether it has taken, or may still take, records at `time`.
Result<bool> is_open_at(const Shard& shard, const log::Log& log, ProcessingTime time);

// Whether a shard was read to its end when all before `next` is.
bool is_finished(const ShardSet& set, const log::Log& log, ShardId shard, SequenceNumber next);

struct Followed {
  ShardId shard;
  bool finished = false;
};

struct FollowerStep {
  struct Begin {
    ShardId shard;  // from its first record, 0
    std::vector<ShardId> parents;
    bool after_gap = false;  // retention took a parent that had not been read
  };
  std::vector<Begin> begin;
  std::vector<ShardId> forget;
};

// What a follower does next.
FollowerStep next_step(const ShardSet& set, std::span<const Followed> followed);

// The shards that come later than the followed ones.
std::vector<ShardId> later_shards(const ShardSet& set, std::span<const Followed> followed);

std::vector<ShardId> children_of(const ShardSet& set, ShardId shard);

}  // namespace millrace::stream
