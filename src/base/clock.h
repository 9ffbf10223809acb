#pragma once
// Time comes from here, so that tests can move it. All functions from any thread.

#include <atomic>
#include <cstdint>

#include "base/ids.h"

namespace millrace::base {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual ProcessingTime now() const = 0;    // wall clock, milliseconds since 1970 UTC
  virtual int64_t monotonic_ns() const = 0;  // for durations; never steps back
};

// The machine's clock; lives as long as the process.
Clock& system_clock();

// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(ProcessingTime start = ProcessingTime(1'700'000'000'000)) : ms_(start.value) {}
  ProcessingTime now() const override { return ProcessingTime(ms_.load()); }
  int64_t monotonic_ns() const override { return (ms_.load() - jumped_ms_.load()) * 1'000'000; }
  void advance_ms(int64_t ms) { ms_ += ms; }
  // As somebody who sets the machine's date: the monotonic clock stays.
  void set_ahead_ms(int64_t ms) {
    jumped_ms_ += ms;
    ms_ += ms;
  }

 private:
  std::atomic<int64_t> ms_;
  std::atomic<int64_t> jumped_ms_ = 0;
};

}  // namespace millrace::base
