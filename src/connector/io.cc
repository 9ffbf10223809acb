#include "connector/io.h"

#include <spdlog/spdlog.h>

namespace millrace::connector {

bool SkipBad::may_skip(const Error& error) {
  if (left == 0) return false;
  --left;
  ++in_epoch;
  spdlog::warn("a record is left out as asked for: {}", error.message);
  return true;
}

Result<Source> Connector::source(const sql::TableDefinition& definition, const sql::ScanNode&) {
  return millrace::fail(ErrorKind::unsupported, "{} cannot be read as a source", definition.name);
}

Result<std::unique_ptr<Sink>> Connector::sink(const sql::TableDefinition& definition, const sql::SinkNode&) {
  return millrace::fail(ErrorKind::unsupported, "{} cannot be written to", definition.name);
}

Result<std::unique_ptr<Lookup>> Connector::lookup(const sql::TableDefinition& definition, const sql::LookupJoinNode&) {
  return millrace::fail(ErrorKind::unsupported, "{} cannot be looked up", definition.name);
}

}  // namespace millrace::connector
