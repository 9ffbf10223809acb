#pragma once
// How much memory the recent blocks of all logs of an IoDriver may take together. Each log gets an equal share, and at
// most its own tail_bytes_max; one that writes evicts its oldest blocks at once, one that is idle when it is trimmed
// next. Any thread.

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace millrace::log {

class TailBudget {
 public:
  explicit TailBudget(size_t bytes_max) : bytes_max_(bytes_max) {}

  void join() { ++logs_; }
  void leave() { --logs_; }
  size_t share() const { return bytes_max_ / std::max<size_t>(1, logs_); }

  void add(size_t bytes) { held_ += bytes; }
  void subtract(size_t bytes) { held_ -= bytes; }
  size_t held() const { return held_; }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> logs_ = 0;
  std::atomic<size_t> held_ = 0;
};

}  // namespace millrace::log
