#pragma once
// 'connector' = 'kinesis': a stream of the server, whose records are JSON objects.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/table/kinesis/

#include "connector/io.h"

namespace millrace::connector {

std::unique_ptr<Connector> make_stream_connector(stream::Sources& streams);

}  // namespace millrace::connector
