#pragma once
// What was committed and has not reached RocksDB: rows in key order, each with the commit that wrote it, and the queue
// in which they are applied. Bounded by the store, through bytes().
//
// Invariants: commits enter in their order; a row leaves only after RocksDB holds it. A row keeps an older version only
// while somebody may need it: a scan that began before the newer one (a pin), or the rest of a large commit that is
// still on its way in.
//
// Threads: commit() under the store's writer lock; take(), applied() from the applier only; the rest from any. The
// inner lock is held for microseconds: large commits and drops go in pieces.

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/rows.h"
#include "store/store.h"

namespace millrace::store {

// A row is written, erased (no value), or all rows from `row_key` to before `range_to` are erased.
struct OverlayWrite {
  std::string_view row_key;
  Bytes value;
  std::optional<std::string_view> range_to;
};

struct OverlayRow {
  std::string row_key;
  Bytes value;  // null: erased
  GroupNumber group;
};

class OverlayCursor;

class Overlay {
 public:
  struct Found {
    Bytes value;  // null: erased
    GroupNumber group;
  };
  // nullopt: nothing is known here, ask RocksDB.
  std::optional<Found> get(std::string_view row_key) const;

  // Takes the writes; all become visible at once.
  void commit(std::span<const OverlayWrite> writes, GroupNumber group);

  // A walk over the rows of one moment; RocksDB's cursor is made at the same moment.
  std::unique_ptr<OverlayCursor> cursor(const Rows& rows, std::string from, std::string to, bool reverse) const;

  // --- The applier ---
  // Fills the batch with the changes of whole groups up to `limit`, about `bytes_max` bytes of bytes(). Returns the
  // last group taken; nullopt: there is none.
  std::optional<GroupNumber> take(GroupNumber limit, size_t bytes_max, RowBatch& batch);
  // What was taken is in RocksDB: forgets it, as far as no scan needs it.
  void applied();
  // Forgets what a scan held back; false: one still does.
  bool drop();

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::optional<GroupNumber> oldest_pending() const;  // not yet taken

 private:
  friend class OverlayCursor;

  struct Version {
    Bytes value;
    uint64_t sequence = 0;  // of the write, over all commits
    GroupNumber group;
    std::unique_ptr<Version> older;
  };
  using VersionMap = std::map<std::string, Version, std::less<>>;
  struct Range {
    std::string from;
    std::string to;
    uint64_t sequence = 0;
    GroupNumber group;
  };
  struct Pending {
    VersionMap::iterator row;            // of a row's change
    std::shared_ptr<const Range> range;  // of a range's erasure
    Bytes value;
    uint64_t sequence = 0;
    GroupNumber group;
    size_t bytes = 0;
    bool superseded = false;  // by a durable write further on in the queue
    uint64_t batch = 0;       // which batch applied it
  };

  void enter(const OverlayWrite& write, GroupNumber group, bool keep_older);
  void enter_range(const OverlayWrite& write, GroupNumber group, bool keep_older);
  static void set_version(Version& version, Bytes value, uint64_t sequence, GroupNumber group, bool keep_older);
  std::optional<GroupNumber> take_pending(GroupNumber limit, size_t bytes_max);
  void fill(RowBatch& batch) const;  // with what is taken
  void forget(const Pending& pending);
  void forget_row(VersionMap::iterator row, uint64_t sequence);
  static const Version* visible(const Version& newest, uint64_t moment);
  bool pinned() const;
  uint64_t droppable_batch() const;

  mutable std::shared_mutex mutex_;
  VersionMap rows_;
  std::vector<std::shared_ptr<const Range>> ranges_;  // those that RocksDB does not hold
  std::deque<Pending> pending_;
  std::deque<Pending> taken_;
  std::deque<Pending> applied_;
  uint64_t last_sequence_ = 0;
  uint64_t visible_sequence_ = 0;
  uint64_t batches_applied_ = 0;
  std::atomic<uint64_t> bytes_{0};

  mutable std::mutex pins_mutex_;         // inside mutex_
  mutable std::multiset<uint64_t> pins_;  // batches_applied_ when the scan began
};

// Merges nothing itself: gives the overlay's rows and the ranges that hide RocksDB's.
class OverlayCursor {
 public:
  ~OverlayCursor();
  bool valid() const { return at_ < chunk_.size(); }
  OverlayRow& row() { return chunk_[at_]; }
  void move();
  bool hides(std::string_view row_key) const;  // a row of RocksDB
  GroupNumber newest_range() const;
  RowCursor& rows() { return *rows_; }

 private:
  friend class Overlay;
  OverlayCursor(const Overlay& overlay, std::string from, std::string to, bool reverse)
      : overlay_(overlay), from_(std::move(from)), to_(std::move(to)), reverse_(reverse) {}
  void fill();  // under the overlay's lock
  void fill_until_valid();

  const Overlay& overlay_;
  std::string from_;  // what is still to be read
  std::string to_;
  const bool reverse_;
  uint64_t moment_ = 0;
  std::vector<OverlayRow> chunk_;
  size_t at_ = 0;
  bool exhausted_ = false;
  std::optional<std::multiset<uint64_t>::iterator> pin_;
  std::vector<std::shared_ptr<const Overlay::Range>> ranges_;
  std::unique_ptr<RowCursor> rows_;
};

}  // namespace millrace::store
