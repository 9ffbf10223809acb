#pragma once
// The server's core, put together as the program does it, without sockets and function processes: streams, the store
// with its tables, and jobs, all on one data directory of the simulated disk.

#include <memory>
#include <optional>
#include <string>

#include "connector/server_io.h"
#include "engine/jobs.h"
#include "files.h"
#include "log/log.h"
#include "store/store.h"
#include "stream/streams.h"
#include "table/table.h"

namespace millrace::simulation {

inline const std::string data_directory = simulated_root + "/data";

class Server final : public engine::Environment {
 public:
  // The parts open one after the other; the first failure is the answer.
  Result<void> open(std::unique_ptr<log::IoDriver> io, const engine::LaneOptions& lane);
  // In the order of the program's end.
  ~Server() override;

  stream::Streams& streams() { return *streams_; }
  table::Tables& tables() { return *tables_; }
  const connector::Registry& connectors() override { return io_of_jobs_->connectors; }
  connector::Storage& storage() override { return io_of_jobs_->storage; }
  engine::Jobs& jobs() { return *jobs_; }
  base::Clock& clock() override { return base::system_clock(); }  // virtual, as all that asks for the time

 private:
  std::unique_ptr<log::IoDriver> io_;
  std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::optional<connector::ServerIo> io_of_jobs_;
  std::unique_ptr<engine::Jobs> jobs_;
};

}  // namespace millrace::simulation
