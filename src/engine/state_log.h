#pragma once
// The state of a job as records of the store: per commit one piece with what changed, and now and then a whole snapshot
// that begins a new generation and makes the older one superfluous. docs/engine.md has the layout.
//
// A piece counts only once the commit's header names it, and header, piece and rows are written in one transaction (a
// piece too large for one goes ahead in earlier transactions). The lane's thread.

#include <string>
#include <vector>

#include "engine/pipeline.h"
#include "table/table.h"

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
  StateLog(table::Tables& tables, std::string_view job);

  // Brings the pipeline to the last commit; false: there is none. `plan_hash` must be what it was then. Writes nothing.
  Result<bool> restore(Pipeline& pipeline, uint64_t plan_hash, JobTotals& totals);

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
  Writes next(const Pipeline& pipeline, uint64_t plan_hash, const JobTotals& totals);
  void committed();  // what next() made is in the store

  static std::string prefix_of(std::string_view job);  // of all records of a job's state

 private:
  std::string generation_prefix(uint64_t generation) const;
  Result<void> find_left_over();

  table::Tables& tables_;
  std::string prefix_;
  bool any_ = false;                    // a commit exists
  std::vector<std::string> left_over_;  // pieces of a commit that was not finished
  uint64_t generation_ = 0;
  uint64_t number_ = 0;
  uint64_t change_bytes_ = 0;
  uint64_t snapshot_bytes_ = 0;

  // After committed():
  bool next_is_snapshot_ = false;
  uint64_t next_bytes_ = 0;
};

}  // namespace millrace::engine
