#pragma once
// What the jobs of a server read and write: its streams, its tables and their change feeds. A new connector is added
// here. Both outlive it.

#include "connector/registry.h"
#include "connector/table_storage.h"
#include "stream/source.h"
#include "table/table.h"

namespace millrace::connector {

struct ServerIo {
  ServerIo(stream::Sources& streams, table::Tables& tables);

  Registry connectors;
  TableStorage storage;
};

}  // namespace millrace::connector
