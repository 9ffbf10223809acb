#pragma once
// Millrace's own operations on the wire, for `millrace sql` and `millrace jobs`: X-Amz-Target Millrace_20261101.
//
//   SubmitJob  {"Name", "Script"}     ListJobs   {}     -> {"Jobs": [{"Name", "State", "LagRecords", ...}]}
//   StopJob    {"Name", "Drain"}      ResumeJob  {"Name"}      RemoveJob  {"Name", "Force"}
//
// LagRecords is null for a job that does not run. A running job is removed only with Force.
//
// A drain is answered when it has begun; ListJobs tells when the job is finished. What waits for the store or for a job
// runs on threads of its own, `at_once` at a time; at most `waiting_max` wait for one.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "aws/service.h"
#include "engine/jobs.h"

namespace millrace::api {

class JobOperations {
 public:
  static constexpr size_t waiting_max = 64;
  static constexpr size_t at_once = 4;

  // The jobs outlive it, and it outlives the service's last call.
  JobOperations(engine::Jobs& jobs, base::Clock& clock);
  ~JobOperations();

  void add_to(aws::Service& service);

 private:
  void run();
  void later(aws::Call& call, std::function<void(aws::Answer&)> task);

  engine::Jobs& jobs_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::api
