#pragma once
// 'connector' = 'dynamodb': a table of the server, as a sink and for look-ups.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/table/dynamodb/
//
// An upsert replaces the named attributes and leaves the others. A row that is taken back takes what an upsert wrote:
// the item, or, if the INSERT lists only some of the table's columns, those attributes. A look-up decodes an item only
// when its stored bytes have changed.

#include "connector/io.h"
#include "sql/connector.h"
#include "table/table.h"

namespace millrace::connector {

sql::ConnectorDescription describe_tables();
std::unique_ptr<Connector> make_table_connector(table::Tables& tables);

}  // namespace millrace::connector
