#pragma once
// What a job knows of where its rows come from and go to. A connector (`'connector' = '...'` in WITH) is a Connector:
// it opens sources, sinks or look-ups, and refuses the others. Storage is where a job's commits go: the rows of its
// sinks and its own state, all or nothing.
//
// Every call is for a batch, none for a row. Threads: a Source's decoder, a Sink, a Lookup and a Transaction belong to
// one lane; Connector and Storage are for any thread. Whatever opens them outlives the jobs.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "data/batch.h"
#include "log/block.h"
#include "log/log.h"
#include "sql/plan.h"
#include "stream/source.h"

namespace millrace::connector {

// How many bad records a job may leave out. Whoever commits resets `in_epoch`: a job that fails goes back to its last
// commit, and meets those of the epoch again.
struct SkipBad {
  uint64_t left = 0;
  uint64_t in_epoch = 0;  // left out since the last commit

  // True: the record may be left out, which is logged. It is the decoder's to count.
  bool may_skip(const Error& error);
  // So many get the job past the record that stops it now: those before it in the epoch come again.
  uint64_t next_time() const { return in_epoch + 1; }
};

// Records to rows.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual size_t records_max() const = 0;  // of one batch
  // The rows of records of one shard (its place among the source's), with weights and arrivals. Texts may be views into
  // the records. An error is a record that stops the job, and says how to go on.
  virtual Result<data::Batch> decode(size_t shard, std::span<const log::Record> records, SkipBad& skip) = 0;
  virtual uint64_t bad() const = 0;  // records and values that were left out
};

struct Source {
  std::string kind;  // "stream"
  std::string name;
  stream::Source records;
  bool aggregated = false;  // its records may hold user records, each of which is decoded (stream/aggregated.h)
  bool own_log = true;      // false: the log has others' records, too, and perhaps what the job writes itself
  std::unique_ptr<Decoder> decoder;
  // The id that the name stands for now: records.id, unless it was deleted and created again. not_found: deleted.
  std::function<Result<uint64_t>()> current_id;

  std::string label() const { return kind + " " + name; }
};

// What rows are written to. A name may be given again, the shard is not: changes are records of it in the storage's
// journal.
struct Target {
  virtual ~Target() = default;
  std::string name;
  ShardId shard;
};
using TargetPtr = std::shared_ptr<const Target>;

// An upsert or an erasure, in the target's own bytes.
struct Write {
  const Target* target = nullptr;  // null: it is no longer there, and nothing is written
  std::string_view key;
  std::string_view value;
  bool erase = false;
  const std::vector<std::string_view>* erased = nullptr;  // only these parts of the value; null: all of it
};

// Rows to writes. Owns its target and the names of what is erased.
class Sink {
 public:
  virtual ~Sink() = default;
  struct Row {
    const std::vector<data::ColumnPtr>* columns;  // as the plan's sink projects them
    uint32_t row;
    bool erase;  // what an upsert of this key wrote is taken back
  };
  // Adds a write for each row, its bytes in the arena. Gives the number of errors: a row whose key can be none is left
  // out, a value that can be none becomes NULL.
  virtual uint64_t encode(std::span<const Row> rows, data::StringArena& arena, std::vector<Write>& writes) = 0;
};

class Lookup {
 public:
  virtual ~Lookup() = default;
  struct Row {
    std::shared_ptr<const void> version;  // the same: the same values; null: there is no such row
    std::vector<data::Value> values;      // of the columns that are asked for
  };
  struct Asked {
    uint32_t key;  // the row of the key's columns
    Row* row;      // as it was when last asked for; becomes what it is now
  };
  // Gives the number of values that their columns cannot hold: they are NULL. not_found: it is no longer there.
  virtual Result<uint64_t> look_up(const std::vector<data::ColumnPtr>& keys, std::span<const Asked> asked) = 0;
};

// Refuses all; a connector takes what it can. The failures are those that stop a job before it runs: not_found and
// invalid_argument say what to create or to declare.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual Result<Source> source(const sql::TableDefinition& definition, const sql::ScanNode& node);
  // Null: the rows are counted and dropped.
  virtual Result<std::unique_ptr<Sink>> sink(const sql::TableDefinition& definition, const sql::SinkNode& node);
  virtual Result<std::unique_ptr<Lookup>> lookup(const sql::TableDefinition& definition,
                                                 const sql::LookupJoinNode& node);
};

using CommitId = GroupNumber;  // of the storage's journal, in its order

// Writes that their target refused, alone or with what was there already: they are left out.
struct Refused {
  uint64_t count = 0;
  std::string first;  // for the log: target, key, and what is wrong
};

// One commit while it is made; keeps others from writing. Without commit() nothing happens.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Result<void> put_record(std::string_view key, std::string value) = 0;
  virtual Result<void> erase_record(std::string_view key) = 0;
  virtual Result<void> erase_records(std::string_view prefix) = 0;
  // The writes in their order until the transaction has `bytes_max`; how many of them it took.
  virtual Result<size_t> write(std::span<const Write> writes, size_t bytes_max, Refused& refused) = 0;
  virtual size_t bytes() const = 0;  // about what commit() appends so far
  virtual Result<CommitId> commit() = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;
  virtual std::unique_ptr<Transaction> begin() = 0;  // waits for its turn, and for space
  // throttled, disk_full: try again later.
  virtual Result<std::unique_ptr<Transaction>> try_begin() = 0;

  virtual Result<std::optional<std::string>> get_record(std::string_view key) = 0;
  virtual Result<void> scan_records(std::string_view prefix,
                                    const std::function<bool(std::string_view key, std::string_view value)>& each) = 0;

  // Null: it was deleted, and perhaps created again.
  virtual Result<TargetPtr> target(std::string_view name, ShardId shard) = 0;
  // Brings what the writes will read into memory, up to `bytes_max` of them. What fails here fails in the transaction.
  virtual void read_ahead(std::span<const Write> writes, size_t bytes_max) = 0;
  // Keeps those who follow the targets of these shards from what is committed from here (or `from`) on.
  virtual std::unique_ptr<log::Hold> hold(std::span<const ShardId> shards, std::optional<GroupNumber> from = {}) = 0;

  virtual void flush() = 0;  // starts the write of what has gathered
  virtual void when_durable(CommitId commit, std::function<void()> done) = 0;
  virtual void wait_durable(CommitId commit) = 0;
};

}  // namespace millrace::connector
