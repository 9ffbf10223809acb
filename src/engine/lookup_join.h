#pragma once
// JOIN table FOR SYSTEM_TIME AS OF processing time: the row as it is when the input's row passes. One look-up per
// distinct key and batch; rows are kept as long as the connector says that they are the same.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/joins/#lookup-join
// Thread and failure: operator.h.

#include "connector/io.h"
#include "engine/expression.h"
#include "engine/key_table.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

class LookupJoin final : public Operator {
 public:
  static constexpr size_t cached_rows_max = 65536;  // beyond it the cache begins anew

  static Result<std::unique_ptr<LookupJoin>> make(const sql::LookupJoinNode& node,
                                                  const sql::TableDefinition& definition, const data::Schema& output,
                                                  std::unique_ptr<connector::Lookup> lookup);

  Result<void> process(int input, const data::Batch& batch) override;
  void count(Counters& counters) const override { counters.row_errors += evaluator_.row_errors() + row_errors_; }

 private:
  struct CachedRow {
    connector::Lookup::Row row;
    uint64_t batch = 0;  // when it was last asked for
    uint32_t place = 0;  // in that batch's looked-up rows
  };

  LookupJoin(const sql::LookupJoinNode& node, const sql::TableDefinition& definition, const data::Schema& output,
             std::unique_ptr<connector::Lookup> lookup);

  // The place in the cache of each distinct key's row that there is; `place_of` has theirs for each row of the batch.
  Result<std::vector<uint32_t>> look_up(const data::Batch& batch, data::StringArena& arena,
                                        std::vector<uint32_t>& place_of);

  sql::LookupJoinNode node_;
  std::unique_ptr<connector::Lookup> lookup_;
  std::vector<data::Type> types_;  // of the columns that are read
  data::Schema output_;
  Evaluator evaluator_;
  KeyEncoder encoder_;
  std::unique_ptr<KeyTable> cached_keys_;
  std::vector<CachedRow> cached_rows_;
  uint64_t batch_ = 0;
  uint64_t row_errors_ = 0;
};

}  // namespace millrace::engine
