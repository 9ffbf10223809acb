#pragma once
// The command line of `millrace table`.

#include <CLI/CLI.hpp>

#include <string>

#include "app/arguments.h"
#include "app/table_command.h"
#include "send/import.h"

namespace millrace::app {

class TableCommand {
 public:
  void add_to(CLI::App& app);
  int run();  // the exit code

 private:
  CLI::App& add_action(CLI::App& command, TableOptions::Action action);
  CLI::App& add_named(CLI::App& command, TableOptions::Action action);
  void add_keyed(CLI::App& command, TableOptions::Action action);
  void add_typed(CLI::App& command);
  void add_import(CLI::App& command);

  TableOptions options_;
  send::ImportOptions import_;
  EndpointOption endpoint_;
  bool imports_ = false, csv_ = false, ndjson_ = false, no_header_ = false;
  std::string delimiter_;
  int64_t retry_for_s_ = 60;
};

}  // namespace millrace::app
