#pragma once
// The connectors that a program has, each with what the language has to know of it. Filled before jobs run; then any
// thread.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connector/io.h"
#include "sql/connector.h"

namespace millrace::connector {

class Registry {
 public:
  void add(sql::ConnectorDescription description, std::unique_ptr<Connector> connector);
  // What scripts are compiled against.
  const std::vector<sql::ConnectorDescription>& descriptions() const { return descriptions_; }
  // That of a declared table. unsupported: the program has no such connector.
  Result<Connector*> find(const sql::TableDefinition& definition) const;

 private:
  std::vector<sql::ConnectorDescription> descriptions_;
  std::map<std::string, std::unique_ptr<Connector>, std::less<>> connectors_;
};

}  // namespace millrace::connector
