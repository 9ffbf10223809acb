#pragma once
// The shards of a stream: those that take records, whose ranges of hash keys cover the space without gaps, and those
// that were split or merged and are read still. A shard's number is never given again, and a child's is greater than
// its parents'. A value; the changes make another one of it.
// https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "stream/shard_ranges.h"

namespace millrace::stream {

struct Shard {
  ShardId id;
  HashKey first = 0;  // the range of hash keys, both ends in it
  HashKey last = ~HashKey{0};
  std::optional<ShardId> parent;
  std::optional<ShardId> adjacent_parent;  // of one that two were merged to
  ProcessingTime created;
  std::optional<ProcessingTime> closed;  // takes no records any more
  // One past its last record, of a closed one; not before all that it took is durable. Not stored: the log knows.
  std::optional<SequenceNumber> end;

  bool is_child_of(ShardId other) const { return parent == other || adjacent_parent == other; }
};

class ShardSet {
 public:
  static constexpr size_t shards_max = 10'000;  // open and closed ones

  // As a new stream has it: equal ranges.
  static ShardSet equal(uint32_t count, ProcessingTime created);
  // One shard that stays, such as a table's change feed.
  static ShardSet single(ShardId id);
  // corrupt: the ranges of the open ones have gaps or overlap; numbers are not in order or not below `next`.
  static Result<ShardSet> make(std::vector<Shard> shards, ShardId next);

  const std::vector<Shard>& all() const { return shards_; }  // by number
  const Shard* find(ShardId id) const;                       // null: never was, or is let go
  ShardId of(HashKey key) const { return by_key_.size() == 1 ? by_key_[0].id : search(key); }  // the open one
  uint32_t open_count() const { return static_cast<uint32_t>(by_key_.size()); }
  bool has_closed() const { return shards_.size() > by_key_.size(); }
  ShardId next_id() const { return next_; }

  // Each closes what it changes, at `now`. not_found: no such shard. invalid_argument: it is closed, the two are no
  // neighbours, or `at` leaves one side without keys. limit_exceeded: too many closed shards.
  Result<void> split(ShardId id, HashKey at, ProcessingTime now);
  Result<void> merge(ShardId lower, ShardId upper, ProcessingTime now);
  // `count` open shards of equal ranges, by as many splits and merges as that takes; those in between are closed at
  // once and empty, so a shard has two parents at most.
  Result<void> resize(uint32_t count, ProcessingTime now);

  void set_end(ShardId id, SequenceNumber end);
  // Lets go the closed shards of which `done` holds.
  template <class Done>
  bool let_go(Done&& done) {
    return std::erase_if(shards_, [&](const Shard& shard) { return shard.closed && done(shard); }) > 0;
  }

 private:
  struct Range {
    HashKey first;
    ShardId id;
  };
  ShardId search(HashKey key) const;
  Shard* open(ShardId id);
  Shard& add(HashKey first, HashKey last, ProcessingTime now);
  void index();

  std::vector<Shard> shards_;
  std::vector<Range> by_key_;  // the open ones
  ShardId next_;
};

using ShardSetPtr = std::shared_ptr<const ShardSet>;

}  // namespace millrace::stream
