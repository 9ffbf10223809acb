#pragma once
// What is durable of a log and how it is read: the segments, the place of each shard's blocks in them, and the
// recent blocks in memory.
//
// Invariants: groups are added in order, only when durable; a shard's blocks are dense. Memory is bounded by
// tail_bytes_max for the recent blocks, index_bytes_max for the indexes of closed segments, one index for the
// segment being written, and 24 bytes per shard and segment. Any thread; publish() by one at a time.

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "log/block.h"
#include "log/segment.h"
#include "log/tail_budget.h"

namespace millrace::log {

class History {
 public:
  static constexpr size_t index_bytes_max = size_t{8} << 20;
  static constexpr size_t damage_told_max = 1000;

  History(size_t tail_bytes_max, TailBudget& budget) : tail_bytes_max_(tail_bytes_max), budget_(budget) {
    budget_.join();
  }
  ~History();

  void add_shard(ShardId shard, SequenceNumber end);

  // Recovery: the next segment, with the blocks that `spans` says it has.
  void restore(const SegmentPtr& segment, const std::vector<Span>& spans);

  // A group became durable at `offset` of the segment. Its image lies in `image` (`image_bytes` long, counted
  // against the tail).
  void publish(const SegmentPtr& segment, uint32_t offset, const GroupView& group, std::shared_ptr<const char[]> image,
               size_t image_bytes);

  Result<std::vector<BlockPtr>> read(ShardId shard, SequenceNumber from, size_t bytes_max);
  Result<ShardRange> range(ShardId shard) const;
  Result<SequenceNumber> find(ShardId shard, ProcessingTime time);
  // The first record of the shard in this group or a later one.
  Result<SequenceNumber> first_of(ShardId shard, GroupNumber group);

  // Readers find the shard's end here, at the beginning of a block, until as many release() it. False: no such shard.
  bool hold(ShardId shard, SequenceNumber end);
  void release(ShardId shard, SequenceNumber end);
  Result<void> replay(GroupNumber after,
                      const std::function<Result<void>(GroupNumber, std::span<const BlockPtr>)>& apply) const;

  // Takes the segments out that may go, the oldest first. Recent blocks beyond this log's share leave the memory, too.
  std::vector<SegmentPtr> trim(ProcessingTime before, GroupNumber group);

  // The segments as they are now, in order, the holder of which keeps their files from beginning another life.
  std::vector<SegmentExtent> extents() const;

  // The segment is closed: its index may be dropped and loaded again.
  void closed(const SegmentPtr& segment);

 private:
  struct SegmentSpan {
    SegmentPtr segment;
    uint64_t first = 0;
  };
  struct Shard {
    uint64_t end = 0;
    std::deque<SegmentSpan> spans;
    std::deque<BlockPtr> tail;
    std::vector<uint64_t> holds;

    uint64_t visible_end() const { return holds.empty() ? end : std::min(end, *std::ranges::min_element(holds)); }
    uint64_t oldest() const { return spans.empty() ? end : spans.front().first; }
  };
  struct TailGroup {
    std::shared_ptr<const Block[]> blocks;
    size_t block_count = 0;
    size_t bytes = 0;
  };

  // The first record in the first group that is not before the place, in the first segment that is not.
  Result<SequenceNumber> find_first(
      ShardId shard, const std::function<bool(const Segment&)>& segment_before,
      const std::function<bool(const Segment&, const GroupEntry&, uint32_t)>& group_before);
  Result<std::vector<BlockPtr>> read_durable(ShardId shard, SequenceNumber from, size_t bytes_max);
  Error why_unreadable(ShardId shard, SequenceNumber from, Error error);
  Result<std::shared_ptr<SegmentIndex>> index_of(const SegmentPtr& segment, std::unique_lock<std::mutex>& lock);
  void keep_index(const SegmentPtr& segment);
  void add_span(Shard& shard, const SegmentPtr& segment, uint64_t first);

  void shrink_tail();

  const size_t tail_bytes_max_;
  TailBudget& budget_;
  std::set<std::string, std::less<>> damage_told_;  // places; at most damage_told_max
  mutable std::mutex mutex_;
  std::deque<SegmentPtr> segments_;
  std::unordered_map<ShardId, Shard> shards_;
  std::deque<TailGroup> tail_;
  size_t tail_bytes_ = 0;
  std::deque<SegmentPtr> indexed_;  // closed segments with their index in memory, the oldest load first
  size_t indexed_bytes_ = 0;
};

// The group's blocks as readers get them: views into `owner`, all in one allocation.
std::shared_ptr<const Block[]> blocks_of(const GroupView& group, const std::shared_ptr<const char[]>& owner);

}  // namespace millrace::log
