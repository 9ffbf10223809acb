#pragma once
// A table as what rows are written to: between a table's sink and the storage. Value.

#include "connector/io.h"
#include "table/table.h"

namespace millrace::connector {

struct TableTarget final : Target {
  explicit TableTarget(table::TablePtr definition) : table(std::move(definition)) {
    name = table->name;
    shard = table->keyspace;
  }
  table::TablePtr table;
};

}  // namespace millrace::connector
