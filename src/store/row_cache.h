#pragma once
// Rows that were read or written lately, by keyspace and key, bounded by bytes; also which keys have no row. In
// stripes, each with a lock of its own that is held for a lookup, and with the clock algorithm for what goes first.
//
// Invariant: a row in here is the newest committed one. So a reader may enter what it found elsewhere only if its
// stripe was not written since its miss; the version that find() gave says so.
//
// Threads: any. write() under the store's writer lock, so that the newest write comes last.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace millrace::store {

class RowCache {
 public:
  explicit RowCache(size_t bytes_max);

  struct Found {
    Bytes value;        // null: no such row
    GroupNumber group;  // the commit that wrote it; 0: long durable
  };
  // nullopt: not here; `version` is what enter() wants then.
  std::optional<Found> find(Keyspace space, std::string_view key, uint64_t& version);
  void enter(Keyspace space, std::string_view key, Found found, uint64_t version);

  void write(Keyspace space, std::string_view key, Found found);
  void forget(Keyspace space);

  struct Statistics {
    uint64_t bytes = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
  };
  Statistics statistics() const;

 private:
  struct KeyView {
    Keyspace space;
    std::string_view key;
    bool operator==(const KeyView&) const = default;
  };
  struct Hash {
    using is_avalanching = void;
    size_t operator()(const KeyView& key) const;
  };
  struct Slot {
    Keyspace space;
    std::string key;
    Found found;
    bool used = false;
    bool touched = false;  // since the clock's hand passed
  };
  struct alignas(64) Stripe {
    mutable std::mutex mutex;
    std::deque<Slot> slots;  // where they are stays: the index's keys point into them
    std::vector<uint32_t> free;
    boost::unordered_flat_map<KeyView, uint32_t, Hash> index;
    size_t hand = 0;
    size_t bytes = 0;
    uint64_t version = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
  };
  static constexpr size_t stripes = 32;

  Stripe& stripe_of(const KeyView& key);
  void set(Stripe& stripe, const KeyView& key, Found found);
  void remove(Stripe& stripe, uint32_t at);
  void shrink(Stripe& stripe);
  static size_t size_of(const Slot& slot);

  const size_t stripe_bytes_max_;
  std::array<Stripe, stripes> stripes_;
};

}  // namespace millrace::store
