#include "log/segment_index.h"

#include <algorithm>
#include <cstring>

namespace millrace::log {

void SegmentIndex::add_group(const GroupView& group, uint32_t offset) {
  const auto group_index = static_cast<uint32_t>(groups_.size());
  groups_.push_back({group.header.time, offset});
  auto payload_offset = static_cast<uint32_t>(offset + sizeof(GroupHeader) + group.blocks.size() * sizeof(BlockHeader));
  for (const BlockHeader& block : group.blocks) {
    blocks_[block.shard].push_back(
        {block.first, block.count, payload_offset, block.bytes, block.checksum, group_index});
    payload_offset += block.bytes;
  }
  block_count_ += group.blocks.size();
}

const std::vector<BlockEntry>* SegmentIndex::blocks(ShardId shard) const {
  const auto found = blocks_.find(shard.value);
  return found == blocks_.end() ? nullptr : &found->second;
}

std::vector<Span> SegmentIndex::spans(std::span<const OpeningShard> ends) const {
  std::vector<Span> spans;
  spans.reserve(ends.size());
  for (const OpeningShard& end : ends) {
    const auto* entries = blocks(ShardId(end.shard));
    if (entries == nullptr) {
      spans.push_back({end.shard, 0, end.next, end.next});
    } else {
      spans.push_back({end.shard, static_cast<uint32_t>(entries->size()), entries->front().first, end.next});
    }
  }
  std::ranges::sort(spans, {}, &Span::shard);
  return spans;
}

std::string SegmentIndex::encode(const std::vector<Span>& spans) const {
  std::string bytes;
  bytes.reserve(groups_.size() * sizeof(GroupEntry) + block_count_ * sizeof(BlockEntry));
  bytes.append(reinterpret_cast<const char*>(groups_.data()), groups_.size() * sizeof(GroupEntry));
  for (const Span& span : spans) {
    const auto* entries = blocks(ShardId(span.shard));
    if (entries == nullptr) continue;
    bytes.append(reinterpret_cast<const char*>(entries->data()), entries->size() * sizeof(BlockEntry));
  }
  return bytes;
}

bool SegmentIndex::groups_hold(const Seal& seal) const {
  uint64_t before = 0;
  for (const GroupEntry& group : groups_) {
    if (group.offset <= before || group.offset % frame_alignment != 0) return false;
    before = group.offset;
  }
  return groups_.front().offset == seal.groups_offset && before < seal.footer_offset;
}

bool SegmentIndex::holds(const std::vector<BlockEntry>& entries, const Span& span, uint32_t groups_end) const {
  uint64_t next = span.first;
  uint64_t groups = 0;  // those before the one in which the next block may lie
  for (const BlockEntry& entry : entries) {
    if (entry.first != next || entry.count == 0 || entry.count > span.next - next) return false;
    if (entry.group_index < groups || entry.group_index >= groups_.size()) return false;
    const size_t following = size_t{entry.group_index} + 1;
    const uint64_t end = following < groups_.size() ? groups_[following].offset : groups_end;
    if (entry.offset < groups_[entry.group_index].offset + sizeof(GroupHeader) + sizeof(BlockHeader)) return false;
    if (entry.offset + uint64_t{entry.bytes} > end) return false;
    next += entry.count;
    groups = following;
  }
  return next == span.next;
}

std::shared_ptr<SegmentIndex> SegmentIndex::decode(std::string_view bytes, const Seal& seal,
                                                   const std::vector<Span>& spans) {
  const size_t group_count = seal.group_count;
  size_t block_count = 0;
  for (const Span& span : spans) block_count += span.block_count;
  if (bytes.size() != group_count * sizeof(GroupEntry) + block_count * sizeof(BlockEntry)) return nullptr;
  auto index = std::make_shared<SegmentIndex>();
  index->groups_.resize(group_count);
  std::memcpy(index->groups_.data(), bytes.data(), group_count * sizeof(GroupEntry));
  if (!index->groups_hold(seal)) return nullptr;
  const char* at = bytes.data() + group_count * sizeof(GroupEntry);
  for (const Span& span : spans) {
    if (span.block_count == 0) continue;
    auto& entries = index->blocks_[span.shard];
    entries.resize(span.block_count);
    std::memcpy(entries.data(), at, span.block_count * sizeof(BlockEntry));
    at += span.block_count * sizeof(BlockEntry);
    if (!index->holds(entries, span, seal.footer_offset)) return nullptr;
  }
  index->block_count_ = block_count;
  return index;
}

}  // namespace millrace::log
