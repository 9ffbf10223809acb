#pragma once
// Items of a table to rows. Thread and failure: io.h.

#include "connector/io.h"
#include "connector/item_key.h"
#include "table/table.h"

namespace millrace::connector {

class TableLookup final : public Lookup {
 public:
  // The keys of the node are the table's whole key.
  TableLookup(const sql::TableDefinition& definition, const sql::LookupJoinNode& node, table::Tables& tables,
              table::TablePtr table);

  Result<uint64_t> look_up(const std::vector<data::ColumnPtr>& keys, std::span<const Asked> asked) override;

 private:
  Result<uint64_t> decode(const std::string& stored, std::vector<data::Value>& values) const;

  table::Tables& tables_;
  table::TablePtr table_;
  data::Schema columns_;  // that are read
  ItemKey key_;
};

}  // namespace millrace::connector
