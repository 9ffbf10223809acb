#include "connector/registry.h"

namespace millrace::connector {

void Registry::add(sql::ConnectorDescription description, std::unique_ptr<Connector> connector) {
  const auto [at, inserted] = connectors_.emplace(description.name, std::move(connector));
  CHECK(inserted, "there are two connectors {}", at->first);
  descriptions_.push_back(std::move(description));
}

Result<Connector*> Registry::find(const sql::TableDefinition& definition) const {
  const auto found = connectors_.find(definition.connector);
  if (found != connectors_.end()) return found->second.get();
  return millrace::fail(ErrorKind::unsupported, "{}: this program has no connector {}", definition.name,
                        definition.connector);
}

}  // namespace millrace::connector
