#pragma once
// The columns that a source reads, as the plan's Scan lists them. Pure.

#include "data/type.h"
#include "sql/plan.h"

namespace millrace::connector {

inline data::Schema read_columns(const sql::ScanNode& node, const sql::TableDefinition& definition) {
  data::Schema schema;
  for (const int column : node.columns) {
    const sql::ColumnDefinition& read = definition.columns[static_cast<size_t>(column)];
    schema.push_back({read.name, read.type});
  }
  return schema;
}

}  // namespace millrace::connector
