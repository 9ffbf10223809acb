#pragma once
// A running job: a lane and the thread that runs it. The thread sleeps until a log has something new, a commit has
// become durable, or a timer of the plan is due; it never polls. At its end it lets go of its state and its sources'
// logs.
//
// Any thread may call; only join() waits.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/lane.h"

namespace millrace::engine {

class Job {
 public:
  enum class End : uint8_t { running, stopped, drained, failed };

  // `restored`: what keeps the job's state from being restored is an error of this call, which takes as long as that is
  // large; else it is how the job ends.
  static Result<std::unique_ptr<Job>> start(const sql::Plan& plan, std::string_view name, uint64_t plan_hash,
                                            Environment& environment, const LaneOptions& options, bool restored,
                                            std::function<void(End, std::string reason)> ended);
  ~Job();  // stops and joins

  void stop();   // commits what was processed, then ends
  void drain();  // processes what is there now, closes all windows, commits, then ends
  // Streams or tables have come or gone: a job whose source is not there any more fails, after a last commit.
  void check_sources();
  void join();

  Lane::Figures figures() const;  // the last ones, once it has ended

 private:
  Job(std::string_view name, Environment& environment, std::function<void(End, std::string)> ended);
  void wake();
  void run();
  void release_lane();
  Result<End> work();
  Result<void> fail_without_sources();
  bool gave_up(const Error& error);
  void wait(std::optional<ProcessingTime> until);

  const std::string name_;
  Environment& environment_;
  std::function<void(End, std::string)> ended_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  bool stopping_ = false;
  bool draining_ = false;
  bool sources_changed_ = false;
  mutable std::mutex lane_mutex_;  // of lane_ at its end; before that the thread needs no lock for it
  std::unique_ptr<Lane> lane_;
  Lane::Figures last_figures_;
  std::thread thread_;
};

}  // namespace millrace::engine
