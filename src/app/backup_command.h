#pragma once
// The commands `millrace backup` and `millrace restore`. The functions return the exit code.

#include <string>

#include "client/api.h"

namespace millrace::app {

struct BackupOptions {
  client::Endpoint endpoint;
  std::string directory;
};
int run_backup(const BackupOptions& options);

struct RestoreOptions {
  std::string directory;
  std::string data;
};
int run_restore(const RestoreOptions& options);

}  // namespace millrace::app
