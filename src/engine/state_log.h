#pragma once
// The state of a job as records of the store: per commit one piece with what changed, and now and then a whole snapshot
// that begins a new generation and makes the older one superfluous. docs/engine.md has the layout.
//
// A piece counts only once the commit's header names it, and header, piece and rows are written in one transaction. Of
// a commit that is too large for one, pieces and rows go ahead as records that nobody follows; the header decides, and
// the rows move to their tables in several transactions, each of which notes how far they have come and from where
// followers of these tables are held until all have. A restart goes on with that, so they see such a commit as a whole,
// too. The lane's thread.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "connector/io.h"
#include "engine/pipeline.h"

namespace millrace::engine {

inline constexpr size_t record_bytes_max = size_t{2} << 20;    // a larger piece is written as several records
inline constexpr size_t snapshot_bytes_min = size_t{8} << 20;  // of changes, before a snapshot is worth it

// Sums since the job was first started, for its status.
struct JobTotals {
  uint64_t rows_in = 0;
  uint64_t rows_out = 0;
  uint64_t rows_late = 0;
  uint64_t rows_bad = 0;
  uint64_t rows_duplicate = 0;
  uint64_t row_errors = 0;
  uint64_t commits = 0;
  uint64_t rows_ahead = 0;
};

class StateLog {
 public:
  struct Header {
    uint64_t generation = 0;
    uint64_t number = 0;
    uint64_t change_bytes = 0;
    uint64_t snapshot_bytes = 0;
    uint64_t plan_hash = 0;
    JobTotals totals;
    uint64_t row_records = 0;
  };

  StateLog(connector::Storage& storage, std::string_view job);

  // What the last commit says of itself, read at once whatever the state's size; false: there is none. `plan_hash` must
  // be what it was then.
  Result<bool> open(uint64_t plan_hash, JobTotals& totals);
  // After open() has found a commit: brings the pipeline there. Writes nothing. unavailable: `give_up` was set.
  Result<void> restore(Pipeline& pipeline, const std::atomic<bool>& give_up);

  struct Record {
    std::string key;
    std::string value;
  };
  // What the next commit writes. The header is written last, with the rest of the transaction that completes it.
  struct Writes {
    std::vector<std::string> left_over;  // keys, erased before the pieces are written
    std::vector<Record> pieces;
    Record header;
    std::string erased_prefix;  // the former generation; empty: none
  };
  // What next() made, for a commit whose rows go ahead: their records, and the header that counts them.
  std::vector<Record> rows_aside(std::string_view rows) const;
  Record header_with_rows(size_t row_records) const;
  // Which followers wait for the commit's end: of these targets, from this group of the journal on.
  struct Held {
    GroupNumber from;
    std::vector<ShardId> shards;
  };
  // Beside some of such rows: how many have come to their tables. Once all have, the records under rows_prefix() go.
  Record rows_written(size_t rows, const Held& held) const;
  std::string rows_prefix() const;
  // After open(): who has to be held until the last commit's rows are all in their tables; nullopt: nobody.
  Result<std::optional<Held>> held() const;
  // After restore(): the rows of the last commit that are aside still, and how many of them are written; nullopt: none.
  struct Unfinished {
    std::string rows;
    size_t written = 0;
  };
  Result<std::optional<Unfinished>> unfinished_rows();

  Writes next(const Pipeline& pipeline, uint64_t plan_hash, const JobTotals& totals);
  void committed();  // what next() made is in the store

  static std::string prefix_of(std::string_view job);  // of all records of a job's state

 private:
  std::string generation_prefix(uint64_t generation) const;
  Result<void> find_left_over();
  std::string last_rows_prefix() const;

  connector::Storage& storage_;
  std::string prefix_;
  bool any_ = false;                    // a commit exists
  std::vector<std::string> left_over_;  // pieces of a commit that was not finished
  uint64_t generation_ = 0;
  uint64_t number_ = 0;
  uint64_t change_bytes_ = 0;
  uint64_t snapshot_bytes_ = 0;

  uint64_t row_records_ = 0;  // of the last commit, when it was decided

  // After committed():
  bool next_is_snapshot_ = false;
  uint64_t next_bytes_ = 0;
  Header next_header_;
};

}  // namespace millrace::engine
