#pragma once
// What the command lines of several commands have in common.

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

#include "base/error.h"
#include "client/api.h"

namespace millrace::app {

// Says what is wrong with the arguments, and gives the exit code for it.
int refuse(std::string_view message);

// --endpoint, and the credentials from where the AWS tools take them.
struct EndpointOption {
  EndpointOption();
  void add_to(CLI::App& command);
  Result<client::Endpoint> endpoint() const;

  std::string url;
};

}  // namespace millrace::app
