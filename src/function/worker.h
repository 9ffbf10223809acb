#pragma once
// One function: its process, kept running, and the runtime API that the process polls (a listener of its own, new with
// each process, so that a dead one's requests reach nobody; it serves that process and those below it, and closes the
// connections of all others). Invocations wait in a queue and run one at a time.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//
// A process that ends, is killed, or reports an initialisation error is started again, at once the first time and then
// after a growing pause. While its starts lead to no request for an event the function counts as failing. The
// invocation that was under way fails, those that wait go on waiting. An invocation that takes longer than timeout_ms
// fails and costs the process its life, as in Lambda; the same if it does not ask for the next event so long after an
// answer.
//
// Private to this folder. The reactor's thread, except status().

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "function/functions.h"
#include "function/output_file.h"
#include "function/process.h"
#include "http/reactor.h"
#include "http/server.h"

namespace millrace::function {

inline constexpr std::string_view failing = "failing";  // FunctionStatus::state

struct Outcome {
  bool succeeded = false;
  std::string_view body;  // of the answer; valid during the call, followed by 64 readable bytes
  std::string error;      // "Type: message", of a failure
  double took_ms = 0;
};

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  static constexpr size_t payload_bytes_max = 6 * 1024 * 1024 + 100;  // of an answer, as Lambda has it
  static constexpr int64_t initialisation_ms_max = 30'000;  // from the start to the first request for an event
  static constexpr int64_t restart_pause_ms_max = 5'000;
  static constexpr size_t output_kept_bytes_max = 500;
  static constexpr int memory_mb = 1'024;  // what functions are told; nothing is limited

  Worker(const Functions::Environment& environment, FunctionDefinition definition);

  void start();
  void stop();  // drops all invocations; nothing is called back afterwards

  // `done` is called once, unless the caller is gone before the event's turn comes: then the event is dropped. So the
  // queue holds at most one event of each shard of each mapping, which is its bound.
  void invoke(std::string event, std::weak_ptr<const void> caller, std::function<void(const Outcome&)> done);
  // Kills the process, because what it remembers is not what was committed.
  void restart(std::string_view reason);

  const FunctionDefinition& definition() const { return definition_; }
  FunctionStatus status() const;

 private:
  struct Waiting {
    std::string event;
    std::weak_ptr<const void> caller;
    std::function<void(const Outcome&)> done;
  };
  struct Running {
    std::string id;
    std::function<void(const Outcome&)> done;
    uint64_t timer = 0;
    int64_t started_ns = 0;
    double initialised_ms = 0;  // of the first one of a process: how long it took to ask for it
  };

  void start_process();
  Result<void> try_start_process();
  Process::Command command() const;
  void printed(std::string_view output);
  void revoke_access_key();
  void process_ended(std::string_view how);
  void schedule_start();

  bool admit(std::string_view peer);
  void handle(const http::Request& request, http::Reply reply);
  void on_next(http::Reply reply);
  void on_answer(std::string_view id, bool is_error, const http::Request& request, http::Reply reply);
  void on_initialisation_error(const http::Request& request, http::Reply reply);
  void deliver();
  void drop_unwanted();
  void expect_request(int64_t within_ms);
  void stop_expecting_request();
  void finish(Outcome outcome);
  void log_end(const Running& running, const Outcome& outcome);
  void fail_running(std::string error);
  std::string make_request_id();
  void set_state(std::string_view state);

  const Functions::Environment& environment_;
  const FunctionDefinition definition_;
  OutputFile output_;
  std::mt19937_64 random_;

  std::unique_ptr<http::Server> server_;
  std::unique_ptr<ControlGroup> group_;  // of the processes; null: there is none
  std::unique_ptr<Process> process_;
  uint64_t refused_connections_ = 0;
  std::optional<AccessKeys::Key> access_key_;  // of the process
  bool condemned_ = false;                     // the process is being killed: nothing it says counts
  bool stopped_ = false;
  std::optional<http::Reply> idle_;  // the process waits here for an event
  std::deque<Waiting> waiting_;
  std::optional<Running> running_;
  std::string last_answered_;
  uint64_t start_timer_ = 0;
  uint64_t request_timer_ = 0;  // while the process has something else to do than to wait for an event
  int fruitless_starts_ = 0;    // since an invocation succeeded
  int64_t process_started_ns_ = 0;
  double initialisation_ms_ = 0;  // until its first invocation
  bool initialised_ = false;      // the process has asked for an event
  std::string first_output_;      // of a process that has not: why, in most cases; its last output_kept_bytes_max

  mutable std::mutex status_mutex_;
  FunctionStatus status_;
};

}  // namespace millrace::function
