#pragma once
// What jobs run on. Given by the program; the implementation must outlive the jobs. Any thread.

#include "base/clock.h"
#include "connector/io.h"
#include "connector/registry.h"

namespace millrace::engine {

class Environment {
 public:
  virtual ~Environment() = default;

  virtual const connector::Registry& connectors() = 0;
  virtual connector::Storage& storage() = 0;
  virtual base::Clock& clock() = 0;
};

}  // namespace millrace::engine
