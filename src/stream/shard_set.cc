#include "stream/shard_set.h"

#include <algorithm>

namespace millrace::stream {

ShardSet ShardSet::equal(uint32_t count, ProcessingTime created) {
  const ShardRanges ranges(count);
  ShardSet set;
  for (uint32_t i = 0; i < count; ++i) set.add(ranges.first(ShardId(i)), ranges.last(ShardId(i)), created);
  set.index();
  return set;
}

ShardSet ShardSet::single(ShardId id) {
  ShardSet set;
  set.shards_.push_back({.id = id});
  set.next_ = id.next();
  set.index();
  return set;
}

Result<ShardSet> ShardSet::make(std::vector<Shard> shards, ShardId next) {
  ShardSet set;
  set.shards_ = std::move(shards);
  set.next_ = next;
  for (size_t i = 0; i < set.shards_.size(); ++i) {
    const Shard& shard = set.shards_[i];
    if (shard.id >= next || (i > 0 && shard.id <= set.shards_[i - 1].id) || shard.first > shard.last ||
        (shard.parent && *shard.parent >= shard.id) || (shard.adjacent_parent && *shard.adjacent_parent >= shard.id)) {
      return fail(ErrorKind::corrupt, "shard {} does not fit the others", shard.id);
    }
  }
  set.index();
  HashKey expected = 0;
  for (size_t i = 0; i < set.by_key_.size(); ++i) {
    const Shard& shard = *set.find(set.by_key_[i].id);
    if (shard.first != expected) return fail(ErrorKind::corrupt, "the ranges before shard {} do not fit", shard.id);
    expected = shard.last + 1;
    if (expected == 0 && i + 1 < set.by_key_.size()) return fail(ErrorKind::corrupt, "the shards' ranges overlap");
  }
  if (set.by_key_.empty() || expected != 0) return fail(ErrorKind::corrupt, "the shards do not cover all hash keys");
  return set;
}

const Shard* ShardSet::find(ShardId id) const {
  const auto at = std::ranges::lower_bound(shards_, id, {}, &Shard::id);
  return at == shards_.end() || at->id != id ? nullptr : &*at;
}

ShardId ShardSet::search(HashKey key) const {
  return std::prev(std::ranges::upper_bound(by_key_, key, {}, &Range::first))->id;
}

Shard* ShardSet::open(ShardId id) {
  const auto at = std::ranges::lower_bound(shards_, id, {}, &Shard::id);
  return at == shards_.end() || at->id != id || at->closed ? nullptr : &*at;
}

Shard& ShardSet::add(HashKey first, HashKey last, ProcessingTime now) {
  shards_.push_back({.id = next_, .first = first, .last = last, .created = now});
  next_ = next_.next();
  return shards_.back();
}

void ShardSet::index() {
  by_key_.clear();
  for (const Shard& shard : shards_) {
    if (!shard.closed) by_key_.push_back({shard.first, shard.id});
  }
  std::ranges::sort(by_key_, {}, &Range::first);
}

Result<void> ShardSet::split(ShardId id, HashKey at, ProcessingTime now) {
  if (find(id) == nullptr) return fail(ErrorKind::not_found, "there is no shard {}", shard_name(id));
  Shard* const parent = open(id);
  if (parent == nullptr) return fail(ErrorKind::invalid_argument, "the shard {} is closed", shard_name(id));
  const HashKey first = parent->first;
  const HashKey last = parent->last;
  if (at <= first || at > last) {
    return fail(ErrorKind::invalid_argument, "{} is not inside the shard's range {} to {}", to_decimal(at),
                to_decimal(first), to_decimal(last));
  }
  if (shards_.size() + 2 > shards_max) {
    return fail(ErrorKind::limit_exceeded,
                "the stream has {} shards, closed ones with it; wait until retention has taken some", shards_.size());
  }
  parent->closed = now;
  add(first, at - 1, now).parent = id;
  add(at, last, now).parent = id;
  index();
  return {};
}

Result<void> ShardSet::merge(ShardId lower, ShardId upper, ProcessingTime now) {
  for (const ShardId id : {lower, upper}) {
    if (find(id) == nullptr) return fail(ErrorKind::not_found, "there is no shard {}", shard_name(id));
    if (open(id) == nullptr) return fail(ErrorKind::invalid_argument, "the shard {} is closed", shard_name(id));
  }
  Shard* const one = open(lower);
  Shard* const other = open(upper);
  const Shard& left = one->first < other->first ? *one : *other;
  const Shard& right = one->first < other->first ? *other : *one;
  if (one == other || left.last + 1 != right.first) {
    return fail(ErrorKind::invalid_argument, "the shards {} and {} are not an adjacent pair", shard_name(lower),
                shard_name(upper));
  }
  const HashKey first = left.first;
  const HashKey last = right.last;
  if (shards_.size() + 1 > shards_max) {
    return fail(ErrorKind::limit_exceeded,
                "the stream has {} shards, closed ones with it; wait until retention has taken some", shards_.size());
  }
  one->closed = now;
  other->closed = now;
  Shard& child = add(first, last, now);
  child.parent = lower;
  child.adjacent_parent = upper;
  index();
  return {};
}

Result<void> ShardSet::resize(uint32_t count, ProcessingTime now) {
  const ShardRanges wanted(count);
  ShardSet next = *this;
  for (uint32_t i = 1; i < count; ++i) {
    const HashKey border = wanted.first(ShardId(i));
    const ShardId shard = next.of(border);
    if (next.find(shard)->first != border) TRY(next.split(shard, border, now));
  }
  for (uint32_t i = 0; i < count; ++i) {
    const HashKey last = wanted.last(ShardId(i));
    for (ShardId left = next.of(wanted.first(ShardId(i))); next.find(left)->last < last;
         left = next.of(wanted.first(ShardId(i)))) {
      TRY(next.merge(left, next.of(next.find(left)->last + 1), now));
    }
  }
  *this = std::move(next);
  return {};
}

void ShardSet::set_end(ShardId id, SequenceNumber end) {
  std::ranges::lower_bound(shards_, id, {}, &Shard::id)->end = end;
}

}  // namespace millrace::stream
