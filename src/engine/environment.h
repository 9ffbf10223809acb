#pragma once
// What jobs run on. Given by the program; the implementation must outlive the jobs. Any thread.

#include "base/clock.h"
#include "stream/source.h"
#include "table/table.h"

namespace millrace::engine {

class Environment {
 public:
  virtual ~Environment() = default;

  virtual stream::Sources& streams() = 0;
  virtual table::Tables& tables() = 0;
  virtual base::Clock& clock() = 0;
};

}  // namespace millrace::engine
