#include "engine/deduplicate.h"

#include <algorithm>

#include "data/text.h"
#include "engine/group_rows.h"

namespace millrace::engine {

Deduplicate::Deduplicate(const sql::DeduplicateNode& node, const data::Schema& schema)
    : node_(node), encoder_(types_of(node.keys, schema)) {}

EventTime Deduplicate::generation_of(EventTime watermark) const {
  if (node_.ttl_ms <= 0 || watermark == no_watermark) return no_watermark;
  const int64_t width = std::max<int64_t>(1, node_.ttl_ms / generations_per_ttl);
  return EventTime(data::floor_divide(watermark.value, width) * width);
}

Deduplicate::Generation& Deduplicate::generation_at(EventTime start) {
  auto at = generations_.end();
  while (at != generations_.begin() && (*std::prev(at))->start >= start) --at;
  if (at == generations_.end() || (*at)->start != start) {
    at = generations_.insert(at, std::make_unique<Generation>());
    (*at)->start = start;
  }
  return **at;
}

Result<void> Deduplicate::process(int, const data::Batch& batch) {
  std::vector<const data::Column*> columns;
  for (int key : node_.keys) columns.push_back(batch.columns[key].get());
  encoder_.encode(columns, batch.rows);
  // A row may be far ahead of the watermark, which waits for the slowest shard: its key lives by its own time.
  const data::Column* times = node_.time_column < 0 ? nullptr : batch.columns[node_.time_column].get();
  Generation* generation = nullptr;
  std::vector<uint32_t> first;
  first.reserve(batch.rows);
  for (uint32_t i = 0; i < batch.rows; ++i) {
    const bool timed = times && !times->is_null(i);
    const EventTime start = generation_of(timed ? std::max(watermark_, EventTime(times->integers()[i])) : watermark_);
    if (!generation || generation->start != start) generation = &generation_at(start);
    const std::string_view key = encoder_.keys()[i];
    const uint64_t hash = base::hash64(key);
    const bool known = std::any_of(generations_.begin(), generations_.end(), [&](const auto& other) {
      return other.get() != generation && other->keys.find(key, hash) != KeyTable::none;
    });
    if (known) continue;
    const size_t before = generation->keys.size();
    generation->keys.add(key, hash);
    if (generation->keys.size() != before) first.push_back(i);
  }
  duplicates_ += batch.rows - first.size();
  if (first.empty()) return {};
  changed_ = true;
  if (first.size() == batch.rows) return emit(batch);
  return emit(gather(batch, first));
}

Result<void> Deduplicate::advance(int, Watermark watermark) {
  if (watermark.time != end_of_input && watermark.time > watermark_) {
    if (watermark_ == no_watermark && node_.ttl_ms > 0) {
      // Keys that came before any watermark, without a time of their own, count from the first one.
      for (auto& generation : generations_) {
        if (generation->start == no_watermark) generation->start = generation_of(watermark.time);
      }
    }
    watermark_ = watermark.time;
    changed_ = true;
    forget();
  }
  return emit(watermark);
}

void Deduplicate::forget() {
  if (node_.ttl_ms <= 0 || watermark_ == no_watermark) return;
  const int64_t width = std::max<int64_t>(1, node_.ttl_ms / generations_per_ttl);
  while (!generations_.empty() && generations_.front()->start != no_watermark &&
         generations_.front()->start.value + width + node_.ttl_ms <= watermark_.value) {
    generations_.pop_front();
  }
}

void Deduplicate::put_state(std::string& out, bool only_changed) const {
  base::put_signed_varint(out, watermark_.value);
  base::put_varint(out, generations_.size());
  for (const auto& generation : generations_) {
    const size_t from = only_changed ? generation->written : 0;
    base::put_signed_varint(out, generation->start.value);
    base::put_varint(out, from);
    base::put_varint(out, generation->keys.size() - from);
    for (size_t n = from; n < generation->keys.size(); ++n) {
      base::put_bytes(out, generation->keys.key(static_cast<uint32_t>(n)));
    }
  }
}

Result<void> Deduplicate::get_state(base::ByteReader& in) {
  // A piece names all generations that live, so those it does not name are forgotten; one that was renamed when the
  // first watermark came is found by its place.
  watermark_ = EventTime(in.signed_varint());
  const uint64_t count = in.varint();
  std::deque<std::unique_ptr<Generation>> kept;
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    const EventTime start(in.signed_varint());
    const uint64_t from = in.varint();
    const uint64_t added = in.varint();
    std::unique_ptr<Generation> generation;
    for (auto& old : generations_) {
      if (old && (old->start == start || (old->start == no_watermark && n == 0)) && old->keys.size() == from) {
        generation = std::move(old);
        break;
      }
    }
    if (!generation) generation = std::make_unique<Generation>();
    if (generation->keys.size() != from) {
      return millrace::fail(ErrorKind::corrupt, "a deduplication's state record does not continue the one before");
    }
    generation->start = start;
    for (uint64_t i = 0; i < added && in.ok(); ++i) generation->keys.add(in.bytes());
    generation->written = generation->keys.size();
    kept.push_back(std::move(generation));
  }
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a deduplication's state record ends early");
  generations_ = std::move(kept);
  return {};
}

void Deduplicate::clear_changes() {
  for (auto& generation : generations_) generation->written = generation->keys.size();
  changed_ = false;
}

size_t Deduplicate::state_bytes() const {
  size_t bytes = 0;
  for (const auto& generation : generations_) bytes += generation->keys.bytes();
  return bytes;
}

}  // namespace millrace::engine
