#pragma once
// 'connector' = 'kinesis': a stream of the server, whose records are JSON objects.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/table/kinesis/

#include "connector/io.h"
#include "sql/connector.h"

namespace millrace::connector {

sql::ConnectorDescription describe_streams();
std::unique_ptr<Connector> make_stream_connector(stream::Sources& streams);

}  // namespace millrace::connector
