#pragma once
// Where the groups and the blocks of one segment lie: an entry of 16 bytes per group and of 32 per block. The
// segment being written has it in memory (its room for the footer bounds it); for a closed one it is the second
// part of the footer, loaded when somebody reads there.
//
// Not thread-safe while groups are added; immutable afterwards.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "log/format.h"

namespace millrace::log {

class SegmentIndex {
 public:
  void add_group(const GroupView& group, uint32_t offset);

  const std::vector<GroupEntry>& groups() const { return groups_; }
  size_t block_count() const { return block_count_; }
  // The shard's blocks, in order; null if it has none here.
  const std::vector<BlockEntry>* blocks(ShardId shard) const;
  size_t memory_bytes() const { return groups_.size() * sizeof(GroupEntry) + block_count_ * 40; }

  // The spans of a segment at whose end the shards' next sequence numbers were `ends`: of those too that have
  // no blocks here. Sorted by shard.
  std::vector<Span> spans(std::span<const OpeningShard> ends) const;
  // The index part of a footer for these spans (which may name more shards), and back.
  std::string encode(const std::vector<Span>& spans) const;
  // Null: it does not fit, or says what no segment has: blocks outside of their groups, or that are not dense.
  static std::shared_ptr<SegmentIndex> decode(std::string_view bytes, const Seal& seal, const std::vector<Span>& spans);

 private:
  bool holds(const std::vector<BlockEntry>& entries, const Span& span, uint32_t groups_end) const;
  bool groups_hold(const Seal& seal) const;

  std::vector<GroupEntry> groups_;
  std::unordered_map<uint32_t, std::vector<BlockEntry>> blocks_;
  size_t block_count_ = 0;
};

}  // namespace millrace::log
