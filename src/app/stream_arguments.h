#pragma once
// The command line of `millrace stream`.

#include <CLI/CLI.hpp>

#include "app/arguments.h"
#include "app/stream_command.h"

namespace millrace::app {

class StreamCommand {
 public:
  void add_to(CLI::App& app);
  int run();  // the exit code

 private:
  void add_options(CLI::App& command, StreamOptions::Action action);

  StreamOptions options_;
  EndpointOption endpoint_;
  bool no_follow_ = false;
};

}  // namespace millrace::app
