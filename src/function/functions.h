#pragma once
// Functions: processes that speak Lambda's runtime API (2018-06-01), kept warm, restarted when they die; and mappings,
// which feed them a stream or a table's change feed in batches, in order, and commit their effects together with the
// position: exactly once.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//
// Effects: a function may answer {"effects": [{"Put": ...}, {"Update": ...}, {"Delete": ...}]}, entries as in
// DynamoDB's TransactWriteItems. They and the mapping's new position are one commit. Any other answer moves the
// position only. {"batchItemFailures": [{"itemIdentifier": SEQUENCE}]} as Lambda has it.
//
// A batch that fails is tried again (the shard waits, so order is kept), for ever or until `retries_max`; then it goes,
// with the error, to the table `on_failure_table` in one commit with the position, and the mapping goes on.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html (MaximumRetryAttempts)
//
// Threads: all public functions from any thread; the work is done on the reactor's thread and never blocks it.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "http/reactor.h"
#include "stream/source.h"
#include "table/table.h"

namespace millrace::function {

struct FunctionDefinition {
  std::string name;
  std::vector<std::string> command;                // argv; "millrace" as the first word means this very program
  std::map<std::string, std::string> environment;  // besides what Lambda's runtime gives
  int64_t timeout_ms = 3'000;
  bool log_invocations = false;  // START, END and REPORT of each, as Lambda has them, among what the function prints
};

struct MappingDefinition {
  std::string name;
  std::string function;
  std::string stream;  // either a stream
  std::string table;   // or the table whose change feed it follows
  enum class Start : uint8_t { trim_horizon, latest } start = Start::trim_horizon;
  size_t batch_records_max = 100;
  size_t batch_bytes_max = size_t{6} << 20;
  int64_t batch_window_ms = 0;  // waits so long for a fuller batch
  int retries_max = -1;         // -1: for ever, as in Lambda
  std::string
      on_failure_table;  // key: mapping (S, hash), batch (S, range); empty: failed batches are only counted and logged
  // User records of aggregated ones (stream/aggregated.h) are handed out each by itself. Lambda does not do that.
  bool deaggregate = false;
  bool enabled = true;
};

// Access keys for functions: one for each process, good as long as it runs. The app implements it. The reactor's
// thread.
class AccessKeys {
 public:
  struct Key {
    std::string id;
    std::string secret;
  };
  virtual ~AccessKeys() = default;
  virtual Result<Key> issue() = 0;  // limit_exceeded
  virtual void revoke(std::string_view id) = 0;
};

struct MappingStatus {
  std::string name;
  std::string state;  // "running", "waiting for its source", "retrying", "function cannot start", "disabled"
  std::string last_error;
  uint64_t records = 0;  // delivered
  uint64_t batches = 0;
  uint64_t effects = 0;  // committed writes
  uint64_t retries = 0;
  uint64_t failed_batches = 0;
  uint64_t lag_records = 0;
  int64_t oldest_waiting_ms = 0;  // how long ago the oldest record came that was not handled yet; 0: none waits
  double invocation_ms = 0;       // moving average
};
struct FunctionStatus {
  std::string name;
  std::string state;  // "starting", "ready", "busy", "restarting"; "failing": the last start led to nothing
  int process_id = 0;
  uint64_t invocations = 0;
  uint64_t errors = 0;
  uint64_t restarts = 0;
  std::string last_error;
};

class Functions {
 public:
  struct Environment {
    http::Reactor* reactor = nullptr;
    table::Tables* tables = nullptr;
    stream::Sources* streams = nullptr;
    base::Clock* clock = nullptr;
    std::string region;
    std::string endpoint_url;           // given to functions as AWS_ENDPOINT_URL
    AccessKeys* access_keys = nullptr;  // null: functions get no key
    bool control_groups = true;         // where the system permits them (control_group.h)
    std::string log_directory;          // what a function prints goes to <name>.log there, bounded
  };
  // Starts the processes and the mappings. A mapping whose stream or table does not exist yet waits for it.
  // invalid_argument: a mapping names no known function, or not exactly one source.
  static Result<std::unique_ptr<Functions>> start(const Environment& environment,
                                                  std::vector<FunctionDefinition> functions,
                                                  std::vector<MappingDefinition> mappings);
  virtual ~Functions() = default;

  // Ends the processes (a batch under way is dropped and delivered again next time). Before the reactor stops.
  virtual void stop() = 0;
  // A stream or table was created or deleted: mappings that wait for one look again, and one whose source is gone stops
  // reading it.
  virtual void sources_changed() = 0;
  virtual std::vector<FunctionStatus> functions() const = 0;
  virtual std::vector<MappingStatus> mappings() const = 0;
};

// What keeps functions and mappings from their work at this moment, a line each; empty: nothing does.
std::vector<std::string> problems(const std::vector<FunctionStatus>& functions,
                                  const std::vector<MappingStatus>& mappings);

}  // namespace millrace::function
