#include "app/serve.h"

#include <csignal>
#include <cstdio>
#include <ctime>

#include "app/instance.h"

namespace millrace::app {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
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

int run_serve(const Configuration& configuration) {
  auto instance = Instance::start(configuration);
  if (!instance) {
    fmt::print(stderr, "millrace: {}\n", instance.error().message);
    return 1;
  }
  fmt::print(stderr, "millrace: serves Kinesis, DynamoDB and DynamoDB Streams at http://{}:{}, data in {}\n",
             configuration.host, (*instance)->port(), configuration.data_directory);
  if (!configuration.durable) {
    fmt::print(stderr, "millrace: --durability memory: a crash of this machine loses the last seconds\n");
  }
  if (!configuration.authenticate) fmt::print(stderr, "millrace: --auth none: everyone here may do everything\n");
  if (configuration.dashboard) {
    fmt::print(stderr, "millrace: live page at http://{}:{}\n", configuration.dashboard_host,
               (*instance)->dashboard_port());
  }
  while (!wait_for_stop()) {
  }
  fmt::print(stderr, "millrace: stopping\n");
  (*instance)->stop();
  return 0;
}

}  // namespace millrace::app
