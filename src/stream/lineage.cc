#include "stream/lineage.h"

#include <algorithm>
#include <map>
#include <set>

#include "log/log.h"

namespace millrace::stream {
namespace {

std::vector<ShardId> parents_of(const Shard& shard) {
  std::vector<ShardId> parents;
  if (shard.parent) parents.push_back(*shard.parent);
  if (shard.adjacent_parent) parents.push_back(*shard.adjacent_parent);
  return parents;
}

// Of the followed shards, in the set.
std::set<ShardId> ancestors(const ShardSet& set, std::span<const Followed> followed) {
  std::set<ShardId> found;
  std::vector<ShardId> open;
  for (const Followed& each : followed) open.push_back(each.shard);
  while (!open.empty()) {
    const Shard* const shard = set.find(open.back());
    open.pop_back();
    if (shard == nullptr) continue;
    for (const ShardId parent : parents_of(*shard)) {
      if (found.insert(parent).second) open.push_back(parent);
    }
  }
  return found;
}

}  // namespace

std::vector<ShardId> oldest_shards(const ShardSet& set) {
  std::vector<ShardId> oldest;
  for (const Shard& shard : set.all()) {
    const auto parents = parents_of(shard);
    if (std::ranges::none_of(parents, [&](ShardId id) { return set.find(id) != nullptr; })) oldest.push_back(shard.id);
  }
  return oldest;
}

std::vector<ShardId> open_shards(const ShardSet& set) {
  std::vector<ShardId> open;
  for (const Shard& shard : set.all()) {
    if (!shard.closed) open.push_back(shard.id);
  }
  return open;
}

// The log is asked, too: between the decision and its taking effect a shard takes some more records.
Result<bool> is_open_at(const Shard& shard, const log::Log& log, ProcessingTime time) {
  if (!shard.closed || *shard.closed > time) return true;
  TRY_ASSIGN(const log::ShardRange range, log.range(shard.id));
  TRY_ASSIGN(const SequenceNumber first, log.find(shard.id, time));
  return first < range.end;
}

Result<std::vector<ShardId>> shards_at(const ShardSet& set, const log::Log& log, ProcessingTime time) {
  std::set<ShardId> reached;  // these or one of their ancestors
  std::vector<ShardId> begin;
  for (const Shard& shard : set.all()) {
    const auto parents = parents_of(shard);
    if (std::ranges::any_of(parents, [&](ShardId id) { return reached.contains(id); })) {
      reached.insert(shard.id);
      continue;
    }
    TRY_ASSIGN(const bool open, is_open_at(shard, log, time));
    if (!open) continue;
    reached.insert(shard.id);
    begin.push_back(shard.id);
  }
  return begin;
}

bool is_finished(const ShardSet& set, const log::Log& log, ShardId id, SequenceNumber next) {
  if (const Shard* const shard = set.find(id)) return shard->end && next >= *shard->end;
  const auto range = log.range(id);  // let go; the log remembers those that had records
  return !range || next >= range->end;
}

FollowerStep next_step(const ShardSet& set, std::span<const Followed> followed) {
  FollowerStep step;
  if (std::ranges::none_of(followed, &Followed::finished)) return step;
  std::map<ShardId, bool> known;
  for (const Followed& each : followed) known[each.shard] = each.finished;
  const std::set<ShardId> done = ancestors(set, followed);
  std::set<ShardId> taken;
  for (const Shard& shard : set.all()) {
    if (known.contains(shard.id) || done.contains(shard.id)) {
      taken.insert(shard.id);
      continue;
    }
    FollowerStep::Begin begin{shard.id, parents_of(shard), false};
    const bool ready = std::ranges::all_of(begin.parents, [&](ShardId parent) {
      const auto at = known.find(parent);
      if (at != known.end()) return at->second;
      begin.after_gap |= set.find(parent) == nullptr;
      return set.find(parent) == nullptr;
    });
    if (!ready) continue;
    taken.insert(shard.id);
    step.begin.push_back(std::move(begin));
  }
  for (const Followed& each : followed) {
    if (!each.finished) continue;
    const auto children = children_of(set, each.shard);
    if (set.find(each.shard) != nullptr && children.empty()) continue;
    if (std::ranges::all_of(children, [&](ShardId child) { return taken.contains(child); })) {
      step.forget.push_back(each.shard);
    }
  }
  return step;
}

std::vector<ShardId> later_shards(const ShardSet& set, std::span<const Followed> followed) {
  std::set<ShardId> reached;
  std::set<ShardId> own;
  for (const Followed& each : followed) own.insert(each.shard);
  std::vector<ShardId> later;
  for (const Shard& shard : set.all()) {
    if (own.contains(shard.id)) continue;
    const auto parents = parents_of(shard);
    if (std::ranges::none_of(parents, [&](ShardId id) { return own.contains(id) || reached.contains(id); })) continue;
    reached.insert(shard.id);
    later.push_back(shard.id);
  }
  return later;
}

std::vector<ShardId> children_of(const ShardSet& set, ShardId id) {
  std::vector<ShardId> children;
  for (const Shard& shard : set.all()) {
    if (shard.is_child_of(id)) children.push_back(shard.id);
  }
  return children;
}

}  // namespace millrace::stream
