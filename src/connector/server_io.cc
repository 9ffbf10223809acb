#include "connector/server_io.h"

#include "connector/blackhole.h"
#include "connector/feed_source.h"
#include "connector/stream_source.h"
#include "connector/table_connector.h"

namespace millrace::connector {

ServerIo::ServerIo(stream::Sources& streams, table::Tables& tables) : storage(tables) {
  connectors.add(describe_streams(), make_stream_connector(streams));
  connectors.add(describe_feeds(), make_feed_connector(tables));
  connectors.add(describe_tables(), make_table_connector(tables));
  connectors.add(describe_blackhole(), std::make_unique<Blackhole>());
}

}  // namespace millrace::connector
