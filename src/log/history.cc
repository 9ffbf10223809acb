#include "log/history.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"

namespace millrace::log {
namespace {

constexpr size_t padding_bytes = 64;

// A block to read from the disk.
struct Pick {
  BlockEntry entry;
  GroupNumber group;
  ProcessingTime time;
};

// Neighbours within this distance are read by one call; what lies between is read in vain.
constexpr size_t gap_bytes_max = 2 << 10;
constexpr size_t run_bytes_max = size_t{1} << 20;

Result<std::vector<BlockPtr>> read_blocks(const Segment& segment, ShardId shard, const std::vector<Pick>& picks) {
  TRY_ASSIGN(const FilePtr file, segment.open());
  auto blocks = std::make_shared<Block[]>(picks.size());
  std::vector<BlockPtr> result;
  result.reserve(picks.size());
  for (size_t i = 0; i < picks.size();) {
    const uint64_t begin = picks[i].entry.offset;
    uint64_t end = begin + picks[i].entry.bytes;
    size_t last = i + 1;
    for (; last < picks.size(); ++last) {
      const BlockEntry& next = picks[last].entry;
      const uint64_t next_end = uint64_t{next.offset} + next.bytes;
      if (next.offset < end || next.offset - end > gap_bytes_max || next_end - begin > run_bytes_max) break;
      end = next_end;
    }
    const std::shared_ptr<char[]> buffer(new char[end - begin + padding_bytes]);
    TRY_ASSIGN(const size_t read, file->read_at(buffer.get(), end - begin, begin));
    std::memset(buffer.get() + read, 0, end - begin + padding_bytes - read);
    for (; i < last; ++i) {
      const auto& [entry, group, time] = picks[i];
      const std::string_view payload(buffer.get() + (entry.offset - begin), entry.bytes);
      if (base::crc32c(payload) != entry.checksum) {
        return fail(ErrorKind::corrupt, "{}: the block of shard {} at offset {} is damaged", segment.path, shard,
                    entry.offset);
      }
      blocks[i] = Block{shard, group, SequenceNumber(entry.first), entry.count, time, payload, buffer};
      result.emplace_back(blocks, &blocks[i]);
    }
  }
  return result;
}

void pick_from(const Segment& segment, const SegmentIndex& index, ShardId shard, SequenceNumber from,
               SequenceNumber end, size_t bytes_max, std::vector<Pick>& picks) {
  const auto* entries = index.blocks(shard);
  if (entries == nullptr) return;
  auto entry = std::ranges::upper_bound(*entries, from.value, {}, &BlockEntry::first);
  if (entry != entries->begin()) --entry;
  for (size_t bytes = 0; entry != entries->end() && entry->first < end.value && (picks.empty() || bytes < bytes_max);
       ++entry) {
    bytes += entry->bytes;
    picks.push_back({*entry, GroupNumber(segment.first_group + entry->group_index),
                     ProcessingTime(index.groups()[entry->group_index].time)});
  }
}

std::unexpected<Error> no_such_shard(ShardId shard) {
  return fail(ErrorKind::not_found, "the log has no shard {}", shard);
}

std::unexpected<Error> trimmed(ShardId shard, uint64_t oldest, SequenceNumber from) {
  return fail(ErrorKind::trimmed, "shard {} is trimmed up to {}; asked for {}", shard, oldest, from);
}

}  // namespace

std::shared_ptr<const Block[]> blocks_of(const GroupView& group, const std::shared_ptr<const char[]>& owner) {
  auto blocks = std::make_shared<Block[]>(group.blocks.size());
  const char* payload = group.payloads;
  for (size_t i = 0; i < group.blocks.size(); ++i) {
    const BlockHeader& header = group.blocks[i];
    blocks[i] = Block{ShardId(header.shard),
                      GroupNumber(group.header.group),
                      SequenceNumber(header.first),
                      header.count,
                      ProcessingTime(group.header.time),
                      {payload, header.bytes},
                      owner};
    payload += header.bytes;
  }
  return blocks;
}

void History::add_shard(ShardId shard, SequenceNumber end) {
  std::lock_guard lock(mutex_);
  const auto [at, added] = shards_.try_emplace(shard);
  if (added) at->second.end = end.value;
}

void History::add_span(Shard& shard, const SegmentPtr& segment, uint64_t first) {
  if (shard.spans.empty() || shard.spans.back().segment != segment) shard.spans.push_back({segment, first});
}

void History::restore(const SegmentPtr& segment, const std::vector<Span>& spans) {
  std::lock_guard lock(mutex_);
  segments_.push_back(segment);
  if (segment->sealed && segment->index) keep_index(segment);
  for (const Span& span : spans) {
    Shard& shard = shards_[ShardId(span.shard)];
    shard.end = span.next;
    if (span.block_count > 0) add_span(shard, segment, span.first);
  }
}

void History::publish(const SegmentPtr& segment, uint32_t offset, const GroupView& group,
                      std::shared_ptr<const char[]> image, size_t image_bytes) {
  const auto blocks = blocks_of(group, image);
  std::lock_guard lock(mutex_);
  if (segments_.empty() || segments_.back() != segment) segments_.push_back(segment);
  segment->add_group(group, offset);
  for (size_t i = 0; i < group.blocks.size(); ++i) {
    Shard& shard = shards_[blocks[i].shard];
    CHECK(shard.end == blocks[i].first.value, "shard {} at {}", blocks[i].shard, shard.end);
    shard.end = blocks[i].end().value;
    add_span(shard, segment, blocks[i].first.value);
    shard.tail.emplace_back(blocks, &blocks[i]);
  }
  // What the bookkeeping of a block takes beside its bytes.
  constexpr size_t block_overhead_bytes = 160;
  const size_t bytes = image_bytes + group.blocks.size() * block_overhead_bytes;
  tail_.push_back({blocks, group.blocks.size(), bytes});
  tail_bytes_ += bytes;
  budget_.add(bytes);
  shrink_tail();
}

History::~History() {
  budget_.subtract(tail_bytes_);
  budget_.leave();
}

void History::shrink_tail() {
  const size_t bytes_max = std::min(tail_bytes_max_, budget_.share());
  while (tail_bytes_ > bytes_max && !tail_.empty()) {
    const TailGroup& oldest = tail_.front();
    for (size_t i = 0; i < oldest.block_count; ++i) shards_[oldest.blocks[i].shard].tail.pop_front();
    tail_bytes_ -= oldest.bytes;
    budget_.subtract(oldest.bytes);
    tail_.pop_front();
  }
}

Result<std::shared_ptr<SegmentIndex>> History::index_of(const SegmentPtr& segment, std::unique_lock<std::mutex>& lock) {
  if (segment->index) return segment->index;
  lock.unlock();
  auto loaded = load_index(*segment);
  lock.lock();
  if (!loaded) return loaded;
  if (!segment->index) {
    segment->index = *loaded;
    keep_index(segment);
  }
  return *loaded;
}

void History::keep_index(const SegmentPtr& segment) {
  indexed_.push_back(segment);
  indexed_bytes_ += segment->index->memory_bytes();
  while (indexed_bytes_ > index_bytes_max && indexed_.size() > 1) {
    indexed_bytes_ -= indexed_.front()->index->memory_bytes();
    indexed_.front()->index = nullptr;
    indexed_.pop_front();
  }
}

void History::closed(const SegmentPtr& segment) {
  std::lock_guard lock(mutex_);
  if (segment->sealed) return;
  segment->sealed = true;
  keep_index(segment);
}

Result<std::vector<BlockPtr>> History::read(ShardId id, SequenceNumber from, size_t bytes_max) {
  auto blocks = read_durable(id, from, bytes_max);
  if (!blocks) return std::unexpected(why_unreadable(id, from, std::move(blocks).error()));
  return blocks;
}

std::vector<SegmentExtent> History::extents() const {
  std::lock_guard lock(mutex_);
  std::vector<SegmentExtent> extents;
  for (const SegmentPtr& segment : segments_) extents.push_back({segment, segment->groups_end, segment->sealed});
  return extents;
}

// Tells of damage, once for each place. And what a file that is gone means to somebody who was about to open it.
Error History::why_unreadable(ShardId id, SequenceNumber from, Error error) {
  std::lock_guard lock(mutex_);
  if (error.kind == ErrorKind::corrupt && damage_told_.size() < damage_told_max &&
      damage_told_.insert(error.message).second) {
    std::fprintf(stderr, "millrace: %s; restore the file from a copy\n", error.message.c_str());
  }
  if (error.kind != ErrorKind::not_found) return error;
  const auto found = shards_.find(id);
  if (found == shards_.end()) return error;
  const Shard& shard = found->second;
  if (const uint64_t oldest = shard.oldest(); from.value < oldest) return trimmed(id, oldest, from).error();
  return {ErrorKind::unavailable, "the log was deleted, or its file taken away"};
}

Result<std::vector<BlockPtr>> History::read_durable(ShardId id, SequenceNumber from, size_t bytes_max) {
  std::vector<Pick> picks;
  SegmentPtr segment;
  {
    std::unique_lock lock(mutex_);
    const auto found = shards_.find(id);
    if (found == shards_.end()) return no_such_shard(id);
    Shard& shard = found->second;
    const uint64_t end = shard.visible_end();
    if (from.value >= end) return std::vector<BlockPtr>{};
    if (from.value < shard.oldest()) return trimmed(id, shard.oldest(), from);
    if (!shard.tail.empty() && shard.tail.front()->first <= from) {
      std::vector<BlockPtr> blocks;
      auto at = std::ranges::upper_bound(shard.tail, from, {}, [](const BlockPtr& b) { return b->first; });
      --at;
      for (size_t bytes = 0;
           at != shard.tail.end() && (*at)->first.value < end && (blocks.empty() || bytes < bytes_max); ++at) {
        bytes += (*at)->payload.size();
        blocks.push_back(*at);
      }
      return blocks;
    }
    segment = std::prev(std::ranges::upper_bound(shard.spans, from.value, {}, &SegmentSpan::first))->segment;
    TRY_ASSIGN(const auto index, index_of(segment, lock));
    pick_from(*segment, *index, id, from, SequenceNumber(end), bytes_max, picks);
  }
  return read_blocks(*segment, id, picks);
}

Result<ShardRange> History::range(ShardId id) const {
  std::lock_guard lock(mutex_);
  const auto found = shards_.find(id);
  if (found == shards_.end()) return no_such_shard(id);
  const Shard& shard = found->second;
  return ShardRange{SequenceNumber(shard.oldest()), SequenceNumber(std::max(shard.oldest(), shard.visible_end()))};
}

Result<SequenceNumber> History::find(ShardId id, ProcessingTime time) {
  TRY_ASSIGN(const SequenceNumber first,
             find_first(
                 id, [time](const Segment& segment) { return segment.last_time < time.value; },
                 [time](const Segment&, const GroupEntry& group, uint32_t) { return group.time < time.value; }));
  TRY_ASSIGN(const ShardRange visible, range(id));
  return std::min(first, visible.end);
}

Result<SequenceNumber> History::first_of(ShardId id, GroupNumber number) {
  return find_first(
      id, [number](const Segment& segment) { return segment.last_group() < number.value; },
      [number](const Segment& segment, const GroupEntry&, uint32_t index) {
        return segment.first_group + index < number.value;
      });
}

Result<SequenceNumber> History::find_first(
    ShardId id, const std::function<bool(const Segment&)>& segment_before,
    const std::function<bool(const Segment&, const GroupEntry&, uint32_t)>& group_before) {
  std::unique_lock lock(mutex_);
  const auto found = shards_.find(id);
  if (found == shards_.end()) return no_such_shard(id);
  const Shard& shard = found->second;
  const uint64_t end = shard.end;
  const auto span =
      std::ranges::partition_point(shard.spans, [&](const SegmentSpan& s) { return segment_before(*s.segment); });
  if (span == shard.spans.end()) return SequenceNumber(end);
  const SegmentPtr segment = span->segment;
  const auto after = std::next(span);
  const uint64_t next_first = after == shard.spans.end() ? end : after->first;
  const auto loaded = index_of(segment, lock);
  if (!loaded) {
    if (loaded.error().kind != ErrorKind::not_found) return std::unexpected(loaded.error());
    // Trimmed meanwhile: what follows is the oldest there is.
    return SequenceNumber(next_first);
  }
  const auto& index = *loaded;
  const auto* entries = index->blocks(id);
  if (entries == nullptr) return SequenceNumber(next_first);
  const auto entry = std::ranges::partition_point(*entries, [&](const BlockEntry& block) {
    return group_before(*segment, index->groups()[block.group_index], block.group_index);
  });
  return SequenceNumber(entry == entries->end() ? next_first : entry->first);
}

bool History::hold(ShardId id, SequenceNumber end) {
  std::lock_guard lock(mutex_);
  const auto found = shards_.find(id);
  if (found == shards_.end()) return false;
  found->second.holds.push_back(end.value);
  return true;
}

void History::release(ShardId id, SequenceNumber end) {
  std::lock_guard lock(mutex_);
  auto& holds = shards_.at(id).holds;
  holds.erase(std::ranges::find(holds, end.value));
}

Result<void> History::replay(GroupNumber after,
                             const std::function<Result<void>(GroupNumber, std::span<const BlockPtr>)>& apply) const {
  struct Part {
    SegmentPtr segment;
    uint64_t first_group;
    uint64_t last_group;
    uint32_t groups_offset;
  };
  std::vector<Part> parts;
  {
    std::lock_guard lock(mutex_);
    if (!segments_.empty() && after.value + 1 < segments_.front()->first_group) {
      return fail(ErrorKind::trimmed, "the groups before {} are trimmed; asked for those after {}",
                  segments_.front()->first_group, after);
    }
    for (const auto& segment : segments_) {
      if (segment->last_group() <= after.value) continue;
      parts.push_back({segment, segment->first_group, segment->last_group(), segment->groups_offset});
    }
  }
  std::vector<BlockPtr> pointers;
  for (const Part& part : parts) {
    GroupScanner scanner(*part.segment, part.groups_offset);
    for (uint64_t number = part.first_group; number <= part.last_group; ++number) {
      TRY_ASSIGN(const auto group, scanner.group());
      if (!group || group->header.group != number || (number > after.value && !group->payloads_hold())) {
        return fail(ErrorKind::corrupt, "{}: group {} at offset {} is damaged", part.segment->path, number,
                    scanner.offset());
      }
      scanner.skip(group->header.bytes);
      if (number <= after.value) continue;
      const auto blocks = blocks_of(*group, scanner.owner());
      pointers.clear();
      for (size_t i = 0; i < group->blocks.size(); ++i) pointers.emplace_back(blocks, &blocks[i]);
      TRY(apply(GroupNumber(number), pointers));
    }
  }
  return {};
}

std::vector<SegmentPtr> History::trim(ProcessingTime before, GroupNumber group) {
  std::lock_guard lock(mutex_);
  shrink_tail();
  std::vector<SegmentPtr> gone;
  // The newest stays: it is being written, or carries the shards' numbers until another one is.
  while (segments_.size() > 1) {
    const SegmentPtr& oldest = segments_.front();
    if (oldest->last_time >= before.value || oldest->last_group() > group.value) break;
    gone.push_back(oldest);
    segments_.pop_front();
  }
  for (const auto& segment : gone) {
    for (auto& [id, shard] : shards_) {
      if (!shard.spans.empty() && shard.spans.front().segment == segment) shard.spans.pop_front();
    }
    if (const auto at = std::ranges::find(indexed_, segment); at != indexed_.end()) {
      indexed_bytes_ -= segment->index->memory_bytes();
      segment->index = nullptr;
      indexed_.erase(at);
    }
  }
  return gone;
}

}  // namespace millrace::log
