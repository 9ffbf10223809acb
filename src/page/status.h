#pragma once
// How a server does, gathered from its parts at one moment: streams, jobs, functions, mappings, the store. What the
// live page, /api/state and /metrics show of it. Any thread, except those of the parts' callbacks.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "function/functions.h"
#include "store/store.h"

namespace millrace::engine {
class Jobs;
}
namespace millrace::stream {
class Streams;
}
namespace millrace::table {
class Tables;
}

namespace millrace::page {

struct StreamSample {
  std::string name;
  uint64_t shards = 0;
  uint64_t records = 0;  // ever
};

struct JobSample {
  std::string name;
  std::string state;
  std::string reason;
  uint64_t rows_in = 0;
  uint64_t rows_out = 0;
  uint64_t late_rows = 0;
  uint64_t ahead_rows = 0;
  uint64_t bad_rows = 0;
  uint64_t row_errors = 0;
  std::optional<uint64_t> lag_records;  // of one that runs
  int64_t lag_ms = -1;                  // below 0: not known
  int64_t watermark_delay_ms = -1;      // below 0: none yet
  double events_per_s = 0;
};

struct StatusSample {
  std::vector<StreamSample> streams;
  std::vector<JobSample> jobs;
  std::vector<function::FunctionStatus> functions;
  std::vector<function::MappingStatus> mappings;
  store::Store::Statistics store;
  uint64_t storage_failures = 0;  // base/storage_failures.h
  uint64_t resident_bytes = 0;
  double cpu_s = 0;

  uint64_t events() const;  // records of all streams
};

// Parts of a server, which outlive who holds this.
struct Parts {
  stream::Streams& streams;
  store::Store& store;
  table::Tables& tables;
  engine::Jobs& jobs;
  function::Functions& functions;
};

StatusSample sample_status(const Parts& parts);

// {"status":"ok"}, or {"status":"degraded","problems":[...]} with a line for each thing that does not get on.
std::string health_json(const Parts& parts);

}  // namespace millrace::page
