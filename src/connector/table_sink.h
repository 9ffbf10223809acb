#pragma once
// Rows to the writes of a table: keys.h and item_writer.h say what bytes. Thread and failure: io.h.

#include <optional>

#include "connector/io.h"
#include "connector/item_key.h"
#include "connector/table_target.h"

namespace millrace::connector {

class TableSink final : public Sink {
 public:
  // The columns of the node have the table's whole key.
  TableSink(const sql::TableDefinition& definition, const sql::SinkNode& node, const table::TablePtr& table);

  uint64_t encode(std::span<const Row> rows, data::StringArena& arena, std::vector<Write>& writes) override;

 private:
  TableTarget target_;
  std::vector<std::string> names_;  // of the written columns
  std::vector<size_t> by_name_;     // their places, in the order of the names: that of stored attributes
  std::optional<std::vector<std::string_view>> erased_;  // names beside the key, if not all columns are written
  ItemKey key_;
};

}  // namespace millrace::connector
