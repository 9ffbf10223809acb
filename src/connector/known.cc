#include "connector/known.h"

#include "connector/blackhole.h"
#include "connector/feed_source.h"
#include "connector/stream_source.h"
#include "connector/table_connector.h"

namespace millrace::connector {

const std::vector<sql::ConnectorDescription>& known_connectors() {
  static const std::vector<sql::ConnectorDescription> known = {describe_streams(), describe_feeds(), describe_tables(),
                                                               describe_blackhole()};
  return known;
}

}  // namespace millrace::connector
