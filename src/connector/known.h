#pragma once
// What the language knows of a server's connectors, for whoever compiles a script without a server. Any thread.

#include <vector>

#include "sql/connector.h"

namespace millrace::connector {

const std::vector<sql::ConnectorDescription>& known_connectors();

}  // namespace millrace::connector
