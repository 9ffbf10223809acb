#pragma once
// 'connector' = 'blackhole': rows are computed, counted and dropped.

#include "connector/io.h"

namespace millrace::connector {

class Blackhole final : public Connector {
 public:
  Result<std::unique_ptr<Sink>> sink(const sql::TableDefinition&, const sql::SinkNode&) override { return nullptr; }
};

}  // namespace millrace::connector
