#pragma once
// A table of the server beside what a script declares of it: whether it is there and has that key. Failures say how to
// create or to declare it. Pure but for the look into the tables.

#include "sql/plan.h"
#include "table/table.h"

namespace millrace::connector {

enum class TableUse : uint8_t {
  stored,    // its items are written or looked up
  followed,  // its change feed is read
};
Result<table::TablePtr> find_table(table::Tables& tables, const sql::TableDefinition& definition, TableUse use);

// The declared primary key is the table's: the same columns in the same order, of types that fit.
Result<void> check_key(const sql::TableDefinition& definition, const table::TableDefinition& table);

}  // namespace millrace::connector
