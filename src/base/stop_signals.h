#pragma once
// Stops that come as a signal: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal is closed; not under nohup), waited
// for instead of handled.

#include <cstdint>
#include <functional>
#include <thread>

namespace millrace::base {

// Call it in main before any thread starts. From then on the signals wait until someone takes them.
void block_stop_signals();
// Waits for one, or for `for_ms` (below 0: no limit). True: a signal came.
bool wait_for_stop(int64_t for_ms = -1);

// While it lives, a thread of its own takes the signals and calls `stopped` with their count: 1, 2, ...
class StopSignals {
 public:
  explicit StopSignals(std::function<void(int)> stopped);

 private:
  std::jthread thread_;
};

}  // namespace millrace::base
