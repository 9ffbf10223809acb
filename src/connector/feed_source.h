#pragma once
// 'connector' = 'dynamodb-streams': the change feed of a table of the server. An insertion is a row of weight +1, a
// removal one of -1, a modification both. With 'scan.changelog-mode' = 'insert-only' modifications and removals are
// counted and skipped.

#include "connector/io.h"
#include "sql/connector.h"
#include "table/table.h"

namespace millrace::connector {

sql::ConnectorDescription describe_feeds();
std::unique_ptr<Connector> make_feed_connector(table::Tables& tables);

}  // namespace millrace::connector
