#pragma once
// What jobs run on. Given by the program; the implementation must outlive the jobs. Any thread.

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "log/block.h"
#include "table/table.h"

namespace millrace::engine {

class Environment {
 public:
  virtual ~Environment() = default;

  // A stream's log and how many shards it has, numbered from 0. A name may be given again; the id is not.
  struct Stream {
    uint64_t id = 0;
    log::Log* log = nullptr;
    uint32_t shards = 0;
    std::shared_ptr<const void> owner;  // keeps `log` open while a job reads it, even if the stream is deleted
  };
  virtual Result<Stream> stream(std::string_view name) = 0;  // not_found
  virtual table::Tables& tables() = 0;
  virtual base::Clock& clock() = 0;
};

}  // namespace millrace::engine
