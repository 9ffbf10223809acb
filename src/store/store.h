#pragma once
// Ordered keys with atomic commits. A commit is appended to the journal (a log of `log`, one shard per keyspace) as one
// piece and is durable when its group is; RocksDB, its own WAL off, follows in the background and remembers up to which
// group it has come, in the same batch as the rows. After a crash the journal is replayed from there.
//
// Visibility: get() and scan() see every commit at once, durable or not (commits are in the journal in their order, so
// whatever is built on an earlier one cannot survive without it). What leaves the process must wait: each read tells on
// which commit it depends, and when_durable() says when that may be shown. Readers of the journal see durable groups
// only.
//
// What was committed and has not reached RocksDB lies in an overlay (bounded: begin() waits, try_begin() answers
// throttled, when `overlay_bytes_max` is reached); recently read and written rows lie in a row cache
// (`row_cache_bytes_max`).
//
// Threads: every function from any thread. A transaction holds the one writer's lock from begin() to its end, so
// read-modify-write is atomic and transactions are short: microseconds. RocksDB's and the journal's failures appear as
// Result errors; disk_full refuses writes while reads go on.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "log/block.h"

namespace millrace::store {

// A set of keys with an order of its own; the shard of its changes in the journal has the same number. 0 is kept for
// the store's users' own records (definitions, states, positions): nobody follows it.
using Keyspace = ShardId;
inline constexpr Keyspace records_keyspace{0};
// From here on they are views, such as indexes: made from others in the same commits, scanned, and followed by nobody.
// So their changes do not tell whether there was a value before, and their rows are not kept in the row cache.
inline constexpr Keyspace first_view_keyspace{0x80000000};

// A commit's place: the journal's group that carries it. GroupNumber(0): nothing to wait for.
using CommitId = GroupNumber;

// Bytes that are shared and never change.
using Bytes = std::shared_ptr<const std::string>;

struct ReadResult {
  Bytes value;          // null: no such key
  CommitId depends_on;  // 0 if durable already
};

// How a change lies in the journal: the record's key is the key; its data is this.
struct ChangeView {
  bool existed = false;                       // there was a value before
  std::optional<std::string_view> new_value;  // nullopt: erased
  std::optional<std::string_view> old_value;  // only if the writer asked to keep it
  bool expired = false;                       // erased as its time had come, by nobody's request
};
void put_change(std::string& out, const ChangeView& change);
Result<ChangeView> get_change(std::string_view data);  // corrupt: not a change

class Transaction {
 public:
  virtual ~Transaction() = default;  // without commit(): nothing happened

  virtual Result<Bytes> get(Keyspace space, std::string_view key) = 0;  // sees this transaction's writes
  // `keep_old`: the change record carries the old value too.
  virtual Result<void> put(Keyspace space, std::string_view key, Bytes value, bool keep_old = false) = 0;
  virtual Result<void> erase(Keyspace space, std::string_view key, bool keep_old = false) = 0;
  // An erasure whose change record says that nobody asked for it; the old value is kept.
  virtual Result<void> expire(Keyspace space, std::string_view key) = 0;
  // Erases all keys from `from` to before `to`, without change records of each. records_keyspace only.
  virtual Result<void> erase_range(Keyspace space, std::string_view from, std::string_view to) = 0;

  // The newest commit that the reads so far saw and that was not durable then; CommitId(0): none. An answer that shows
  // what was read waits for it.
  virtual CommitId depends_on() const = 0;

  // About the bytes that commit() would append: keys, values, the old values that are kept. A commit takes less than
  // the journal's group_bytes_max (log.h), so who writes much stops in time and begins another transaction.
  virtual size_t bytes() const = 0;

  // Appends to the journal and makes the writes visible; releases the lock, also when it fails. Several writes of one
  // key are one change record. disk_full, throttled, limit_exceeded (more than the journal takes at once): nothing
  // happened. The caller flushes (journal().flush()) when it has nothing more to add. A commit of nothing returns
  // CommitId(0).
  virtual Result<CommitId> commit() = 0;
};

struct Entry {
  std::string key;
  Bytes value;
};

struct ScanOptions {
  std::string from;               // inclusive
  std::optional<std::string> to;  // exclusive; nullopt: the end of the keyspace
  bool reverse = false;           // from just before `to` down to `from`
};

class Store {
 public:
  struct Options {
    std::string directory;  // journal/ and rocksdb/ below it
    size_t segment_bytes = size_t{32} << 20;
    size_t overlay_bytes_max = size_t{64} << 20;
    size_t row_cache_bytes_max = size_t{64} << 20;
    size_t block_cache_bytes = size_t{16} << 20;
    size_t row_files_max = 256;                    // that RocksDB has open
    int64_t feed_retention_ms = 24 * 3600 * 1000;  // how long changes stay readable
    bool durable = true;
    base::Clock* clock = nullptr;  // null: the system's
    log::IoDriver* io = nullptr;
  };
  static Result<std::unique_ptr<Store>> open(const Options& options);
  virtual ~Store() = default;

  virtual std::unique_ptr<Transaction> begin() = 0;
  virtual Result<std::unique_ptr<Transaction>> try_begin() = 0;  // for reactors: throttled instead of waiting for space

  virtual Result<ReadResult> get(Keyspace space, std::string_view key) = 0;
  // Calls `each` in key order until it returns false; the entries are of one moment. Returns on which commit they
  // depend. `each` must not commit: while a long scan goes on, the overlay gives no space back.
  virtual Result<CommitId> scan(Keyspace space, const ScanOptions& options,
                                const std::function<bool(const Entry&)>& each) = 0;

  // Makes a keyspace's shard known to the journal; idempotent. Dropping erases all its keys, without change records;
  // its number must not be used again.
  virtual void add_keyspace(Keyspace space) = 0;
  virtual Result<CommitId> drop_keyspace(Keyspace space) = 0;

  virtual log::Log& journal() = 0;

  struct Statistics {
    uint64_t commits = 0;
    uint64_t overlay_bytes = 0;
    uint64_t row_cache_bytes = 0;
    uint64_t row_cache_hits = 0;
    uint64_t row_cache_misses = 0;
    GroupNumber applied;  // RocksDB has come so far
  };
  virtual Statistics statistics() const = 0;
  virtual uint64_t approximate_bytes(Keyspace space) const = 0;

  // Writes the store as it is now into `directory`, which is made, as open() takes it; this one goes on meanwhile.
  // Every commit that was durable before is in it. Synced. unavailable: `stop` was requested.
  virtual Result<void> copy_to(const std::string& directory, const std::stop_token& stop) = 0;

  // Waits until RocksDB holds everything, flushes it, trims the journal, closes; nothing may be called after it. Also
  // done by the destructor.
  virtual void close() = 0;
};

}  // namespace millrace::store
