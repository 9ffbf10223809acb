#pragma once
// What jobs run on. Given by the program; the implementation must outlive the jobs. Any thread.

#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "log/log.h"
#include "table/table.h"

namespace millrace::engine {

class Environment {
 public:
  virtual ~Environment() = default;

  // A stream's log and how many shards it has, numbered from 0. The log must live as long as a job reads it.
  struct Stream {
    log::Log* log = nullptr;
    uint32_t shards = 0;
  };
  virtual Result<Stream> stream(std::string_view name) = 0;  // not_found
  virtual table::Tables& tables() = 0;
  virtual base::Clock& clock() = 0;
};

}  // namespace millrace::engine
