#pragma once
// The wall clock as retention believes it. A clock that jumps forward (a wrong date, set by hand or by a time server)
// would make everything old at once, so what goes beyond the monotonic clock's advance is not believed before
// `patience` has passed since: by then all that arrived before the jump is that old indeed. A clock that was set back
// is believed at once: more is kept. One thread at a time.
//
// Nothing tells a server that starts whether it was down for long or the clock is wrong, so it goes on from where its
// newest record was: retention counts the time that it runs.

#include <cstdint>
#include <optional>

#include "base/ids.h"

namespace millrace::log {

class TrustedTime {
 public:
  // What a clock may be corrected by between two calls without anybody noticing.
  static constexpr int64_t tolerance_ms = 5000;

  TrustedTime(ProcessingTime start, int64_t monotonic_ns) : start_(start), start_ns_(monotonic_ns) {}

  ProcessingTime at(ProcessingTime wall, int64_t monotonic_ns, int64_t patience_ms) {
    const ProcessingTime believed(start_.value + (monotonic_ns - start_ns_) / ns_per_ms);
    const int64_t ahead_ms = wall.value - believed.value;
    if (ahead_ms > tolerance_ms) {
      if (!jumped_ns_ || ahead_ms > ahead_ms_ + tolerance_ms) {
        jumped_ns_ = monotonic_ns;
        ahead_ms_ = ahead_ms;
      }
      if ((monotonic_ns - *jumped_ns_) / ns_per_ms < patience_ms) return believed;
    }
    start_ = wall;
    start_ns_ = monotonic_ns;
    jumped_ns_.reset();
    return wall;
  }

 private:
  static constexpr int64_t ns_per_ms = 1'000'000;

  ProcessingTime start_;  // believed at start_ns_
  int64_t start_ns_;
  std::optional<int64_t> jumped_ns_;  // when the newest jump was noticed
  int64_t ahead_ms_ = 0;              // by how much the wall clock was ahead then
};

}  // namespace millrace::log
