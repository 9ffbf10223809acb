#include "engine/job.h"

#include <pthread.h>

namespace millrace::engine {

Job::Job(Environment& environment, std::function<void(End, std::string)> ended)
    : environment_(environment), ended_(std::move(ended)) {}

Result<std::unique_ptr<Job>> Job::start(const sql::Plan& plan, std::string_view name, uint64_t plan_hash,
                                        Environment& environment, const LaneOptions& options,
                                        std::function<void(End, std::string)> ended) {
  std::unique_ptr<Job> job(new Job(environment, std::move(ended)));
  TRY_ASSIGN(job->lane_, Lane::make(plan, name, plan_hash, environment, options, [job = job.get()] { job->wake(); }));
  job->thread_ = std::thread([job = job.get()] { job->run(); });
  return job;
}

Job::~Job() {
  stop();
  join();
}

void Job::wake() {
  std::lock_guard lock(mutex_);
  if (woken_) return;
  woken_ = true;
  condition_.notify_one();
}

void Job::stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  if (lane_) lane_->give_up();
  woken_ = true;
  condition_.notify_one();
}

void Job::drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
  woken_ = true;
  condition_.notify_one();
}

void Job::join() {
  if (thread_.joinable()) thread_.join();
}

void Job::run() {
  pthread_setname_np(pthread_self(), "lane");
  auto end = work();
  ended_(end ? *end : End::failed, end ? std::string() : end.error().message);
}

Result<Job::End> Job::work() {
  bool draining = false;
  for (;;) {
    bool start_drain = false;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
      woken_ = false;
      start_drain = draining_ && !draining;
    }
    if (start_drain) {
      TRY(lane_->drain());
      draining = true;
    }
    TRY_ASSIGN(const Lane::Step step, lane_->step());
    if (lane_->drained()) return End::drained;
    if (!step.again) wait(step.next);
  }
  auto finished = lane_->finish();
  // The store refused the last commit; what is in it will be computed again.
  if (!finished && finished.error().kind != ErrorKind::unavailable) return std::unexpected(finished.error());
  return End::stopped;
}

void Job::wait(std::optional<ProcessingTime> until) {
  std::unique_lock lock(mutex_);
  if (!until) {
    condition_.wait(lock, [this] { return woken_; });
    return;
  }
  const int64_t ms = std::max<int64_t>(1, until->value - environment_.clock().now().value);
  condition_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return woken_; });
}

}  // namespace millrace::engine
