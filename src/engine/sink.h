#pragma once
// INSERT INTO: gathers an epoch's rows and hands them to the commit, the last one per primary key. A row of weight -1
// that is the last of its key takes back what an upsert wrote; what either is to the target, the connector knows.
// Thread and failure: operator.h.

#include "connector/io.h"
#include "engine/expression.h"
#include "engine/key_table.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

class Sink final : public Operator {
 public:
  // `target` null: rows are computed, counted and dropped.
  static Result<std::unique_ptr<Sink>> make(const sql::SinkNode& node, const sql::TableDefinition& definition,
                                            std::unique_ptr<connector::Sink> target);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> advance(int, Watermark) override { return {}; }
  bool has_changes() const override { return !batches_.empty(); }
  void count(Counters& counters) const override { counters.row_errors += evaluator_.row_errors() + row_errors_; }

  // The epoch's writes, their bytes in the arena. Gives their number, or that of the rows that were dropped.
  uint64_t take_writes(std::vector<connector::Write>& writes, data::StringArena& arena);

  size_t held_rows() const { return last_.size(); }

 private:
  struct Place {
    uint32_t batch;
    uint32_t row;
  };

  Sink(const sql::SinkNode& node, const sql::TableDefinition& definition, std::unique_ptr<connector::Sink> target);

  sql::SinkNode node_;
  std::unique_ptr<connector::Sink> target_;
  std::vector<size_t> key_places_;  // of the primary key among the written columns
  Evaluator evaluator_;
  KeyEncoder encoder_;
  std::vector<data::Batch> batches_;
  std::unique_ptr<KeyTable> keys_;
  std::vector<Place> last_;  // by key number
  uint64_t dropped_ = 0;     // in this epoch
  uint64_t row_errors_ = 0;
};

}  // namespace millrace::engine
