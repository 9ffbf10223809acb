#include "connector/registry.h"

namespace millrace::connector {

Result<Connector*> Registry::find(const sql::TableDefinition& definition) const {
  const auto found = connectors_.find(definition.connector);
  if (found != connectors_.end()) return found->second.get();
  return millrace::fail(ErrorKind::unsupported, "{}: this program has no such connector", definition.name);
}

}  // namespace millrace::connector
