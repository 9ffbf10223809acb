#include "engine/job.h"

#include <fmt/format.h>
#include <pthread.h>

#include "base/storage_failures.h"

namespace millrace::engine {

Job::Job(std::string_view name, Environment& environment, std::function<void(End, std::string)> ended)
    : name_(name), environment_(environment), ended_(std::move(ended)) {}

Result<std::unique_ptr<Job>> Job::start(const sql::Plan& plan, std::string_view name, uint64_t plan_hash,
                                        Environment& environment, const LaneOptions& options, bool restored,
                                        std::function<void(End, std::string)> ended) {
  std::unique_ptr<Job> job(new Job(name, environment, std::move(ended)));
  TRY_ASSIGN(job->lane_, Lane::make(plan, name, plan_hash, environment, options, [job = job.get()] { job->wake(); }));
  if (restored) TRY(job->lane_->restore());
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
  // First, so that a lane that gives up finds that it was told to, and does not count as failed.
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    woken_ = true;
    condition_.notify_one();
  }
  std::lock_guard lock(lane_mutex_);
  if (lane_) lane_->give_up();
}

void Job::drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
  woken_ = true;
  condition_.notify_one();
}

void Job::check_sources() {
  std::lock_guard lock(mutex_);
  sources_changed_ = true;
  woken_ = true;
  condition_.notify_one();
}

void Job::join() {
  if (thread_.joinable()) thread_.join();
}

void Job::run() {
  pthread_setname_np(pthread_self(), "lane");
  auto end = work();
  if (!end) base::note_storage_failure(fmt::format("job {}", name_), end.error());
  release_lane();
  ended_(end ? *end : End::failed, end ? std::string() : end.error().message);
}

void Job::release_lane() {
  std::unique_ptr<Lane> lane;
  std::lock_guard lock(lane_mutex_);
  last_figures_ = lane_->figures();
  lane = std::move(lane_);
}

Lane::Figures Job::figures() const {
  std::lock_guard lock(lane_mutex_);
  return lane_ ? lane_->figures() : last_figures_;
}

Result<Job::End> Job::work() {
  if (const auto restored = lane_->restore(); !restored) {
    return gave_up(restored.error()) ? Result<End>(End::stopped) : std::unexpected(restored.error());
  }
  bool draining = false;
  for (;;) {
    bool start_drain = false;
    bool check_sources = false;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
      woken_ = false;
      start_drain = draining_ && !draining;
      check_sources = std::exchange(sources_changed_, false);
    }
    if (check_sources) TRY(fail_without_sources());
    if (start_drain) {
      TRY(lane_->drain());
      draining = true;
    }
    const auto step = lane_->step();
    if (!step) return gave_up(step.error()) ? Result<End>(End::stopped) : std::unexpected(step.error());
    if (lane_->drained()) return End::drained;
    if (!step->again) wait(step->next);
  }
  auto finished = lane_->finish();
  if (!finished && !gave_up(finished.error())) return std::unexpected(finished.error());
  return End::stopped;
}

Result<void> Job::fail_without_sources() {
  auto found = lane_->check_sources();
  // What was read cannot be read again, so it is kept.
  if (!found) (void)lane_->finish();
  return found;
}

// The store refused the last commit of a job that is to stop; what is in it will be computed again.
bool Job::gave_up(const Error& error) {
  std::lock_guard lock(mutex_);
  return stopping_ && error.kind == ErrorKind::unavailable;
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
