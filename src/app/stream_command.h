#pragma once
// `millrace stream list|describe|tail`: the streams of a running server, by its API. Returns the exit code; what is
// asked for goes to stdout, messages to stderr.

#include <string>
#include <vector>

#include "client/api.h"

namespace millrace::app {

struct StreamOptions {
  enum class Action { list, describe, tail } action = Action::list;
  std::string name;
  bool json = false;
  // Of tail:
  std::string from = "latest";  // latest, oldest, or a time
  std::vector<std::string> shards;
  std::string key;     // only records of this key
  std::string match;   // only records with this text in their data
  uint64_t limit = 0;  // so many records, then end; 0: no limit
  bool follow = true;  // false: end where the stream ends now
  client::Endpoint endpoint;
};
int run_stream(const StreamOptions& options);

}  // namespace millrace::app
