#include "app/serve.h"

#include <cstdio>

#include "app/instance.h"
#include "base/stop_signals.h"

namespace millrace::app {

int run_serve(const Configuration& configuration) {
  auto instance = Instance::start(configuration);
  if (!instance) {
    fmt::print(stderr, "millrace: {}\n", instance.error().message);
    return instance.error().kind == ErrorKind::invalid_argument ? 2 : 1;
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
  while (!base::wait_for_stop()) {
  }
  fmt::print(stderr, "millrace: stopping\n");
  (*instance)->stop();
  return 0;
}

}  // namespace millrace::app
