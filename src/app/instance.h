#pragma once
// One running server: the logs, the tables, the jobs, the functions and the sockets, wired. `serve` runs one until a
// signal; `demo` runs one beside its traffic.
//
// Threads: start() on any thread; the reactor runs on a thread of its own until stop() or destruction. The accessors
// lead to objects that say themselves from which threads they may be used.

#include <cstdint>
#include <memory>
#include <string>

#include "app/configuration.h"
#include "base/error.h"

namespace millrace::engine {
class Jobs;
}
namespace millrace::function {
class Functions;
}
namespace millrace::store {
class Store;
}
namespace millrace::stream {
class Streams;
}
namespace millrace::table {
class Tables;
}

namespace millrace::app {

class Instance {
 public:
  // in_use: the port or the data directory is taken; corrupt, disk_full, io: the data directory; the messages say what
  // to do. Nothing is left running on failure.
  static Result<std::unique_ptr<Instance>> start(const Configuration& configuration);
  virtual ~Instance() = default;  // stops

  virtual void stop() = 0;  // answers what is under way, commits, closes; idempotent

  virtual const Configuration& configuration() const = 0;
  virtual uint16_t port() const = 0;            // as bound
  virtual uint16_t dashboard_port() const = 0;  // 0: no dashboard
  virtual stream::Streams& streams() = 0;
  virtual store::Store& store() = 0;
  virtual table::Tables& tables() = 0;
  virtual engine::Jobs& jobs() = 0;
  virtual function::Functions& functions() = 0;
};

}  // namespace millrace::app
