#include "base/stop_signals.h"

#include <csignal>
#include <ctime>
#include <utility>

namespace millrace::base {

namespace {

constexpr int64_t turn_ms = 50;

// Whoever started the program with nohup wants it to go on when the terminal is closed.
bool ends_with_terminal() {
  struct sigaction action = {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler != SIG_IGN;
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (ends_with_terminal()) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that goes away is an error of its write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

bool wait_for_stop(int64_t for_ms) {
  const sigset_t set = stop_signals();
  if (for_ms < 0) return sigwaitinfo(&set, nullptr) > 0;
  const timespec limit = {.tv_sec = for_ms / 1000, .tv_nsec = for_ms % 1000 * 1'000'000};
  return sigtimedwait(&set, nullptr, &limit) > 0;
}

StopSignals::StopSignals(std::function<void(int)> stopped)
    : thread_([stopped = std::move(stopped)](const std::stop_token& end) {
        for (int count = 0; !end.stop_requested();) {
          if (wait_for_stop(turn_ms)) stopped(++count);
        }
      }) {}

}  // namespace millrace::base
