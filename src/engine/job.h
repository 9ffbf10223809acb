#pragma once
// A running job: a lane and the thread that runs it. The thread sleeps until a log has something new, a commit has
// become durable, or a timer of the plan is due; it never polls.
//
// Any thread may call; stop() and drain() do not wait, join() does.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/lane.h"

namespace millrace::engine {

class Job {
 public:
  enum class End : uint8_t { running, stopped, drained, failed };

  static Result<std::unique_ptr<Job>> start(const sql::Plan& plan, std::string_view name, uint64_t plan_hash,
                                            Environment& environment, const LaneOptions& options,
                                            std::function<void(End, std::string reason)> ended);
  ~Job();  // stops and joins

  void stop();   // commits what was processed, then ends
  void drain();  // processes what is there now, closes all windows, commits, then ends
  void join();

  Lane::Figures figures() const { return lane_->figures(); }

 private:
  Job(Environment& environment, std::function<void(End, std::string)> ended);
  void wake();
  void run();
  Result<End> work();
  void wait(std::optional<ProcessingTime> until);

  Environment& environment_;
  std::function<void(End, std::string)> ended_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  bool stopping_ = false;
  bool draining_ = false;
  std::unique_ptr<Lane> lane_;
  std::thread thread_;
};

}  // namespace millrace::engine
