#pragma once
// 'connector' = 'blackhole': rows are computed, counted and dropped.

#include "connector/io.h"
#include "sql/connector.h"

namespace millrace::connector {

inline sql::ConnectorDescription describe_blackhole() {
  sql::ConnectorDescription description{.name = "blackhole", .label = "blackhole", .sink = true};
  description.key = sql::ConnectorDescription::Key::any;
  return description;
}

class Blackhole final : public Connector {
 public:
  Result<std::unique_ptr<Sink>> sink(const sql::TableDefinition&, const sql::SinkNode&) override { return nullptr; }
};

}  // namespace millrace::connector
