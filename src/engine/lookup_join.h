#pragma once
// JOIN table FOR SYSTEM_TIME AS OF processing time: the row as it is when the input's row passes. One look-up per
// distinct key and batch; decoded rows are kept as long as the table still stores the same bytes.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/joins/#lookup-join
// Thread and failure: operator.h.

#include "engine/expression.h"
#include "engine/item_key.h"
#include "engine/key_table.h"
#include "engine/operator.h"
#include "sql/plan.h"
#include "table/table.h"

namespace millrace::engine {

class LookupJoin final : public Operator {
 public:
  static constexpr size_t cached_rows_max = 65536;  // beyond it the cache begins anew

  static Result<std::unique_ptr<LookupJoin>> make(const sql::LookupJoinNode& node,
                                                  const sql::TableDefinition& definition, const data::Schema& output,
                                                  table::Tables& tables, table::TablePtr table);

  Result<void> process(int input, const data::Batch& batch) override;
  void count(Counters& counters) const override { counters.row_errors += evaluator_.row_errors() + row_errors_; }

 private:
  struct CachedRow {
    store::Bytes stored;  // null: the table had no such row
    std::vector<data::Value> values;
    uint64_t batch = 0;  // when it was last compared with the table
    uint32_t place = 0;  // in that batch's looked-up rows
  };

  LookupJoin(const sql::LookupJoinNode& node, const sql::TableDefinition& definition, const data::Schema& output,
             table::Tables& tables, table::TablePtr table);

  Result<void> refresh(CachedRow& row, const std::vector<data::ColumnPtr>& keys, size_t at);

  sql::LookupJoinNode node_;
  table::Tables& tables_;
  table::TablePtr table_;
  std::vector<std::string> names_;  // of the columns that are read
  std::vector<data::Type> types_;   // and their types
  ItemKey key_;
  data::Schema output_;
  Evaluator evaluator_;
  KeyEncoder encoder_;
  std::unique_ptr<KeyTable> cached_keys_;
  std::vector<CachedRow> cached_rows_;
  uint64_t batch_ = 0;
  uint64_t row_errors_ = 0;
};

}  // namespace millrace::engine
