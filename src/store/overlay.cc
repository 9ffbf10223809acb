#include "store/overlay.h"

#include <algorithm>

namespace millrace::store {
namespace {

// A piece of work under the lock: some tens of microseconds.
constexpr size_t rows_per_lock_max = 256;
// What a row costs beyond its key and value: the tree's node, the queue's entry, the pointers' counts.
constexpr size_t row_overhead_bytes = 256;

size_t size_of(const Bytes& value) {
  return value ? value->size() : 0;
}

}  // namespace

const Overlay::Version* Overlay::visible(const Version& newest, uint64_t moment) {
  const Version* version = &newest;
  while (version && version->sequence > moment) version = version->older.get();
  return version;
}

std::optional<Overlay::Found> Overlay::get(std::string_view row_key) const {
  std::shared_lock lock(mutex_);
  if (const auto row = rows_.find(row_key); row != rows_.end()) {
    if (const Version* version = visible(row->second, visible_sequence_)) return Found{version->value, version->group};
  }
  for (const auto& range : ranges_) {
    if (range->sequence <= visible_sequence_ && range->from <= row_key && row_key < range->to) {
      return Found{nullptr, range->group};
    }
  }
  return std::nullopt;
}

bool Overlay::pinned() const {
  std::lock_guard lock(pins_mutex_);
  return !pins_.empty();
}

void Overlay::set_version(Version& version, Bytes value, uint64_t sequence, GroupNumber group, bool keep_older) {
  if (keep_older && version.sequence != 0) {
    version.older = std::make_unique<Version>(std::move(version));
  } else {
    version.older.reset();
  }
  version.value = std::move(value);
  version.sequence = sequence;
  version.group = group;
}

void Overlay::enter(const OverlayWrite& write, GroupNumber group, bool keep_older) {
  const size_t bytes = write.row_key.size() + size_of(write.value) + row_overhead_bytes;
  auto row = rows_.lower_bound(write.row_key);
  if (row == rows_.end() || row->first != write.row_key) {
    row = rows_.try_emplace(row, std::string(write.row_key));
  }
  set_version(row->second, write.value, ++last_sequence_, group, keep_older);
  pending_.push_back({row, nullptr, write.value, last_sequence_, group, bytes, 0});
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void Overlay::enter_range(const OverlayWrite& write, GroupNumber group, bool keep_older) {
  ++last_sequence_;
  auto range = std::make_shared<const Range>(
      Range{std::string(write.row_key), std::string(*write.range_to), last_sequence_, group});
  for (auto row = rows_.lower_bound(range->from); row != rows_.end() && row->first < range->to; ++row) {
    set_version(row->second, nullptr, last_sequence_, group, keep_older);
  }
  ranges_.push_back(range);
  pending_.push_back({rows_.end(), std::move(range), nullptr, last_sequence_, group, row_overhead_bytes, 0});
  bytes_.fetch_add(row_overhead_bytes, std::memory_order_relaxed);
}

void Overlay::commit(std::span<const OverlayWrite> writes, GroupNumber group) {
  for (size_t at = 0; at < writes.size();) {
    std::unique_lock lock(mutex_);
    const bool keep_older = writes.size() > rows_per_lock_max || pinned();
    const size_t end = std::min(writes.size(), at + rows_per_lock_max);
    for (; at < end; ++at) {
      if (writes[at].range_to) {
        enter_range(writes[at], group, keep_older);
      } else {
        enter(writes[at], group, keep_older);
      }
    }
    if (at == writes.size()) visible_sequence_ = last_sequence_;
  }
}

std::optional<GroupNumber> Overlay::take(GroupNumber limit, size_t bytes_max, RowBatch& batch) {
  const auto last = take_pending(limit, bytes_max);
  if (last) fill(batch);
  return last;
}

std::optional<GroupNumber> Overlay::take_pending(GroupNumber limit, size_t bytes_max) {
  std::optional<GroupNumber> last;
  for (size_t bytes = 0;;) {
    std::unique_lock lock(mutex_);
    for (size_t i = 0; i < rows_per_lock_max; ++i) {
      if (pending_.empty() || pending_.front().group > limit) return last;
      Pending& pending = pending_.front();
      if (last && bytes >= bytes_max && pending.group != *last) return last;
      last = pending.group;
      bytes += pending.bytes;
      if (!pending.range) {
        const Version& newest = pending.row->second;
        pending.superseded = newest.sequence > pending.sequence && newest.group <= limit;
      }
      taken_.push_back(std::move(pending));
      pending_.pop_front();
    }
  }
}

// Without the lock: only the applier removes rows, and keys do not change.
void Overlay::fill(RowBatch& batch) const {
  std::vector<const Pending*> changes;
  changes.reserve(taken_.size());
  bool ordered = false;
  for (const Pending& pending : taken_) {
    ordered |= pending.range != nullptr;
    if (!pending.superseded) changes.push_back(&pending);
  }
  // RocksDB takes rows in key order with less work; an erased range wants the order of the commits.
  if (!ordered) {
    std::ranges::stable_sort(changes, {},
                             [](const Pending* pending) -> std::string_view { return pending->row->first; });
  }
  for (const Pending* pending : changes) {
    if (pending->range) {
      batch.erase_range(pending->range->from, pending->range->to);
    } else if (pending->value) {
      batch.put(pending->row->first, *pending->value);
    } else {
      batch.erase(pending->row->first);
    }
  }
}

uint64_t Overlay::droppable_batch() const {
  std::lock_guard lock(pins_mutex_);
  return pins_.empty() ? batches_applied_ : *pins_.begin();
}

void Overlay::forget_row(VersionMap::iterator row, uint64_t sequence) {
  if (row->second.sequence == sequence) {
    rows_.erase(row);
    return;
  }
  // Something newer stays; this version and those before it are in RocksDB.
  Version* version = &row->second;
  while (version->older && version->older->sequence > sequence) version = version->older.get();
  version->older.reset();
}

void Overlay::forget(const Pending& pending) {
  if (!pending.range) {
    forget_row(pending.row, pending.sequence);
  } else {
    for (auto row = rows_.lower_bound(pending.range->from); row != rows_.end() && row->first < pending.range->to;) {
      forget_row(row++, pending.sequence);
    }
  }
  bytes_.fetch_sub(pending.bytes, std::memory_order_relaxed);
}

void Overlay::applied() {
  {
    std::unique_lock lock(mutex_);
    ++batches_applied_;
    for (Pending& pending : taken_) {
      pending.batch = batches_applied_;
      // RocksDB hides the rows from here on; those written after the erasure may leave before this walk is over.
      if (pending.range) std::erase(ranges_, pending.range);
      applied_.push_back(std::move(pending));
    }
    taken_.clear();
  }
  drop();
}

bool Overlay::drop() {
  for (;;) {
    std::unique_lock lock(mutex_);
    const uint64_t droppable = droppable_batch();
    for (size_t i = 0; i < rows_per_lock_max; ++i) {
      if (applied_.empty()) return true;
      if (applied_.front().batch > droppable) return false;
      forget(applied_.front());
      applied_.pop_front();
    }
  }
}

std::optional<GroupNumber> Overlay::oldest_pending() const {
  std::shared_lock lock(mutex_);
  if (pending_.empty()) return std::nullopt;
  return pending_.front().group;
}

std::unique_ptr<OverlayCursor> Overlay::cursor(const Rows& rows, std::string from, std::string to, bool reverse) const {
  std::unique_ptr<OverlayCursor> cursor(new OverlayCursor(*this, from, to, reverse));
  {
    std::shared_lock lock(mutex_);
    cursor->moment_ = visible_sequence_;
    for (const auto& range : ranges_) {
      if (range->sequence <= visible_sequence_ && range->from < to && from < range->to)
        cursor->ranges_.push_back(range);
    }
    cursor->rows_ = rows.cursor(std::move(from), std::move(to), reverse);
    cursor->fill();
    if (!cursor->exhausted_) {
      std::lock_guard pins_lock(pins_mutex_);
      cursor->pin_ = pins_.insert(batches_applied_);
    }
  }
  cursor->fill_until_valid();
  return cursor;
}

OverlayCursor::~OverlayCursor() {
  if (!pin_) return;
  std::lock_guard lock(overlay_.pins_mutex_);
  overlay_.pins_.erase(*pin_);
}

void OverlayCursor::fill() {
  chunk_.clear();
  at_ = 0;
  const auto& rows = overlay_.rows_;
  const auto take = [&](const auto& row) {
    if (const auto* version = Overlay::visible(row.second, moment_)) {
      chunk_.push_back({row.first, version->value, version->group});
    }
  };
  if (reverse_) {
    auto row = rows.lower_bound(to_);
    for (size_t i = 0; i < rows_per_lock_max; ++i) {
      if (row == rows.begin() || (--row)->first < from_) {
        exhausted_ = true;
        return;
      }
      take(*row);
    }
    to_ = row->first;
  } else {
    auto row = rows.lower_bound(from_);
    for (size_t i = 0; i < rows_per_lock_max; ++i, ++row) {
      if (row == rows.end() || row->first >= to_) {
        exhausted_ = true;
        return;
      }
      take(*row);
    }
    if (row == rows.end()) {
      exhausted_ = true;
    } else {
      from_ = row->first;
    }
  }
}

void OverlayCursor::move() {
  ++at_;
  fill_until_valid();
}

void OverlayCursor::fill_until_valid() {
  while (at_ >= chunk_.size() && !exhausted_) {
    std::shared_lock lock(overlay_.mutex_);
    fill();
  }
}

bool OverlayCursor::hides(std::string_view row_key) const {
  return std::ranges::any_of(ranges_, [&](const auto& range) { return range->from <= row_key && row_key < range->to; });
}

GroupNumber OverlayCursor::newest_range() const {
  GroupNumber newest(0);
  for (const auto& range : ranges_) newest = std::max(newest, range->group);
  return newest;
}

}  // namespace millrace::store
