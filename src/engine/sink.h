#pragma once
// INSERT INTO: gathers an epoch's rows and hands them to the commit, the last one per primary key. An upsert replaces
// the named attributes and leaves the others. A row of weight -1 that is the last of its key takes back what an upsert
// wrote: the item, or, if the INSERT lists only some of the table's columns, those attributes.
// Thread and failure: operator.h.

#include <optional>

#include "engine/expression.h"
#include "engine/item_key.h"
#include "engine/key_table.h"
#include "engine/operator.h"
#include "sql/plan.h"
#include "table/table.h"

namespace millrace::engine {

// An upsert or an erasure, in the words of table::Transaction.
struct SinkWrite {
  const table::TableDefinition* table;
  std::string_view key;
  std::string_view attributes;
  bool erase = false;
  const std::vector<std::string_view>* erased = nullptr;  // only these attributes; null: the item
};

class Sink final : public Operator {
 public:
  // `table` is null for a blackhole, which computes its rows, counts them and drops them.
  static Result<std::unique_ptr<Sink>> make(const sql::SinkNode& node, const sql::TableDefinition& definition,
                                            table::TablePtr table);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> advance(int, Watermark) override { return {}; }
  bool has_changes() const override { return !batches_.empty(); }
  void count(Counters& counters) const override { counters.row_errors += evaluator_.row_errors() + row_errors_; }

  // The epoch's writes, their bytes in the arena; a row whose key is none of an item is counted as a row error. Gives
  // their number, or that of the rows that a blackhole dropped.
  uint64_t take_writes(std::vector<SinkWrite>& writes, data::StringArena& arena);

  size_t held_rows() const { return last_.size(); }

 private:
  struct Place {
    uint32_t batch;
    uint32_t row;
  };

  Sink(const sql::SinkNode& node, const sql::TableDefinition& definition, table::TablePtr table);

  sql::SinkNode node_;
  table::TablePtr table_;
  std::vector<std::string> names_;  // of the written columns
  std::vector<size_t> by_name_;     // their places, in the order of the names: that of stored attributes
  std::vector<size_t> key_places_;  // those of the key
  std::optional<std::vector<std::string_view>> erased_;  // names beside the key, if not all columns are written
  std::optional<ItemKey> key_;
  Evaluator evaluator_;
  KeyEncoder encoder_;
  std::vector<data::Batch> batches_;
  std::unique_ptr<KeyTable> keys_;
  std::vector<Place> last_;  // by key number
  uint64_t dropped_ = 0;     // by a blackhole, in this epoch
  uint64_t row_errors_ = 0;
};

}  // namespace millrace::engine
