#include "connector/server_io.h"

#include "connector/blackhole.h"
#include "connector/feed_source.h"
#include "connector/stream_source.h"
#include "connector/table_connector.h"

namespace millrace::connector {

ServerIo::ServerIo(stream::Sources& streams, table::Tables& tables) : storage(tables) {
  connectors.add(sql::Connector::kinesis, make_stream_connector(streams));
  connectors.add(sql::Connector::dynamodb_streams, make_feed_connector(tables));
  connectors.add(sql::Connector::dynamodb, make_table_connector(tables));
  connectors.add(sql::Connector::blackhole, std::make_unique<Blackhole>());
}

}  // namespace millrace::connector
