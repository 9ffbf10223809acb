#include "store/row_cache.h"

#include "base/bytes.h"

namespace millrace::store {
namespace {

// What a row costs beyond its key and value: slot, index entry, the shared value's head.
constexpr size_t row_overhead_bytes = 192;

}  // namespace

RowCache::RowCache(size_t bytes_max) : stripe_bytes_max_(bytes_max / stripes) {}

size_t RowCache::Hash::operator()(const KeyView& key) const {
  return base::hash64(key.key, key.space.value);
}

RowCache::Stripe& RowCache::stripe_of(const KeyView& key) {
  // The top bits: the index inside the stripe uses the others.
  return stripes_[Hash{}(key) >> 59];
}

size_t RowCache::size_of(const Slot& slot) {
  return slot.key.size() + (slot.found.value ? slot.found.value->size() : 0) + row_overhead_bytes;
}

std::optional<RowCache::Found> RowCache::find(Keyspace space, std::string_view key, uint64_t& version) {
  const KeyView wanted{space, key};
  Stripe& stripe = stripe_of(wanted);
  std::lock_guard lock(stripe.mutex);
  const auto at = stripe.index.find(wanted);
  if (at == stripe.index.end()) {
    ++stripe.misses;
    version = stripe.version;
    return std::nullopt;
  }
  ++stripe.hits;
  Slot& slot = stripe.slots[at->second];
  slot.touched = true;
  return slot.found;
}

void RowCache::enter(Keyspace space, std::string_view key, Found found, uint64_t version) {
  const KeyView wanted{space, key};
  Stripe& stripe = stripe_of(wanted);
  std::lock_guard lock(stripe.mutex);
  if (stripe.version != version || stripe.index.contains(wanted)) return;
  set(stripe, wanted, std::move(found));
}

void RowCache::write(Keyspace space, std::string_view key, Found found) {
  const KeyView wanted{space, key};
  Stripe& stripe = stripe_of(wanted);
  std::lock_guard lock(stripe.mutex);
  ++stripe.version;
  set(stripe, wanted, std::move(found));
}

void RowCache::set(Stripe& stripe, const KeyView& key, Found found) {
  const auto at = stripe.index.find(key);
  if (at != stripe.index.end()) {
    Slot& slot = stripe.slots[at->second];
    stripe.bytes -= size_of(slot);
    slot.found = std::move(found);
    stripe.bytes += size_of(slot);
    slot.touched = true;
  } else {
    uint32_t free = 0;
    if (stripe.free.empty()) {
      free = static_cast<uint32_t>(stripe.slots.size());
      stripe.slots.emplace_back();
    } else {
      free = stripe.free.back();
      stripe.free.pop_back();
    }
    Slot& slot = stripe.slots[free];
    slot.space = key.space;
    slot.key = key.key;
    slot.found = std::move(found);
    slot.used = true;
    slot.touched = false;
    stripe.bytes += size_of(slot);
    stripe.index.emplace(KeyView{slot.space, slot.key}, free);
  }
  shrink(stripe);
}

void RowCache::remove(Stripe& stripe, uint32_t at) {
  Slot& slot = stripe.slots[at];
  stripe.index.erase(KeyView{slot.space, slot.key});
  stripe.bytes -= size_of(slot);
  slot = Slot();
  stripe.free.push_back(at);
}

void RowCache::shrink(Stripe& stripe) {
  // Two rounds of the hand at most: the first takes the marks away.
  for (size_t steps = 2 * stripe.slots.size(); stripe.bytes > stripe_bytes_max_ && steps > 0; --steps) {
    stripe.hand = (stripe.hand + 1) % stripe.slots.size();
    Slot& slot = stripe.slots[stripe.hand];
    if (!slot.used) continue;
    if (slot.touched) {
      slot.touched = false;
    } else {
      remove(stripe, static_cast<uint32_t>(stripe.hand));
    }
  }
}

void RowCache::forget(Keyspace space) {
  for (Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    ++stripe.version;
    for (size_t at = 0; at < stripe.slots.size(); ++at) {
      if (stripe.slots[at].used && stripe.slots[at].space == space) remove(stripe, static_cast<uint32_t>(at));
    }
  }
}

RowCache::Statistics RowCache::statistics() const {
  Statistics statistics;
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    statistics.bytes += stripe.bytes;
    statistics.hits += stripe.hits;
    statistics.misses += stripe.misses;
  }
  return statistics;
}

}  // namespace millrace::store
