#pragma once
// The connectors that a program has. Filled before jobs run; then any thread.

#include <map>
#include <memory>

#include "connector/io.h"

namespace millrace::connector {

class Registry {
 public:
  void add(sql::Connector name, std::unique_ptr<Connector> connector) { connectors_[name] = std::move(connector); }
  // That of a declared table. unsupported: the program has no such connector.
  Result<Connector*> find(const sql::TableDefinition& definition) const;

 private:
  std::map<sql::Connector, std::unique_ptr<Connector>> connectors_;
};

}  // namespace millrace::connector
