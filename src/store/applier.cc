#include "store/applier.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "log/log.h"

namespace millrace::store {
namespace {

using namespace std::chrono_literals;

constexpr auto gather_time = 50ms;
constexpr auto maintenance_interval = 60s;
constexpr auto retry_interval = 500ms;
constexpr size_t batch_bytes_max = size_t{4} << 20;

}  // namespace

Applier::Applier(const Parts& parts, const Options& options)
    : parts_(parts), options_(options), batch_(parts.rows.make_batch()) {}

Applier::~Applier() {
  stop();
}

void Applier::start() {
  thread_ = std::thread([this] { run(); });
}

void Applier::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Applier::committed() {
  const bool was_idle = idle_.load() && idle_.exchange(false);
  const bool hurry = is_urgent() && !hurry_.exchange(true);
  if (!was_idle && !hurry) return;
  // The lock makes sure that the thread is either before its check or asleep.
  { std::lock_guard lock(mutex_); }
  wake_.notify_all();
}

void Applier::wait_for_space() {
  if (has_space()) return;
  std::unique_lock lock(mutex_);
  hurry_.store(true);
  wake_.notify_all();
  space_.wait(lock, [&] { return has_space() || error_ || stopping_; });
}

std::optional<Error> Applier::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

void Applier::run() {
  auto maintenance_due = std::chrono::steady_clock::now();  // what a restart replayed is flushed at once
  for (bool all_dropped = true;;) {
    {
      std::unique_lock lock(mutex_);
      idle_.store(true);
      if (parts_.overlay.oldest_pending() || !all_dropped) idle_.store(false);
      wake_.wait_until(lock, maintenance_due, [&] { return stopping_ || !idle_.load(); });
      idle_.store(false);
      wake_.wait_for(lock, gather_time, [&] { return stopping_ || hurry_.load(); });
      hurry_.store(false);
    }
    while (apply_next()) {
    }
    all_dropped = parts_.overlay.drop();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    space_.notify_all();
    if (const auto oldest = parts_.overlay.oldest_pending(); oldest && is_urgent()) {
      // Writers may be waiting for space with commits that nobody has flushed.
      parts_.journal.wait_durable(*oldest);
      hurry_.store(true);
    }
    if (std::chrono::steady_clock::now() >= maintenance_due) {
      if (const auto done = flush_and_trim(false); !done) spdlog::warn("tables: {}", done.error().message);
      maintenance_due = std::chrono::steady_clock::now() + maintenance_interval;
    }
  }
}

Result<void> Applier::catch_up(GroupNumber group) {
  for (;;) {
    batch_->clear();
    const auto position = parts_.overlay.take(group, batch_bytes_max, *batch_);
    if (!position) return {};
    TRY(parts_.rows.write(*batch_, *position));
    parts_.overlay.applied();
  }
}

bool Applier::apply_next() {
  batch_->clear();
  const auto position = parts_.overlay.take(parts_.complete_group(), batch_bytes_max, *batch_);
  if (!position || !write(*position)) return false;
  parts_.overlay.applied();
  { std::lock_guard lock(mutex_); }  // as in committed()
  space_.notify_all();
  return true;
}

bool Applier::write(GroupNumber position) {
  for (;;) {
    auto written = parts_.rows.write(*batch_, position);
    std::unique_lock lock(mutex_);
    if (written) {
      if (error_) spdlog::info("tables: writing goes on");
      error_.reset();
      return true;
    }
    if (!error_) spdlog::error("tables: {}", written.error().message);
    error_ = std::move(written).error();
    space_.notify_all();
    if (wake_.wait_for(lock, retry_interval, [&] { return stopping_; })) return false;
    lock.unlock();
    (void)parts_.rows.resume();  // if it fails, so does the write
  }
}

Result<void> Applier::flush_and_trim(bool wait) {
  TRY_ASSIGN(GroupNumber flushed, parts_.rows.flushed_position());
  if (flushed != parts_.rows.position()) {
    TRY(parts_.rows.flush(wait));
    TRY_ASSIGN(flushed, parts_.rows.flushed_position());
  }
  const ProcessingTime retained(parts_.clock.now().value - options_.feed_retention_ms);
  return parts_.journal.trim(retained, flushed);
}

}  // namespace millrace::store
