#pragma once
// `millrace sql`, `millrace jobs` and `millrace functions`: what a running server does, by its API. Each returns the
// exit code; results go to stdout, messages to stderr.

#include <string>

#include "client/api.h"

namespace millrace::app {

struct SqlOptions {
  std::string file;      // "-": the standard input
  std::string name;      // empty: the script's 'pipeline.name', else the file's name without its ending
  bool explain = false;  // only prints the plan; needs no server
  client::Endpoint endpoint;
};
int run_sql(const SqlOptions& options);

struct JobsOptions {
  enum class Action { list, stop, resume, remove } action = Action::list;
  std::string name;
  bool drain = false;  // of stop: close all windows first
  bool force = false;  // of remove: a running one, too
  bool json = false;   // of list
  uint64_t skip = 0;   // of resume: bad records to leave out
  client::Endpoint endpoint;
};
int run_jobs(const JobsOptions& options);

struct FunctionsOptions {
  bool json = false;
  client::Endpoint endpoint;
};
int run_functions(const FunctionsOptions& options);

}  // namespace millrace::app
