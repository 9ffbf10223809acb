#pragma once
// The commands `millrace backup` and `millrace restore`. The functions return the exit code.

#include <string>

#include "send/api.h"

namespace millrace::app {

struct BackupOptions {
  send::Endpoint endpoint;
  std::string directory;
};
int run_backup(const BackupOptions& options);

struct RestoreOptions {
  std::string directory;
  std::string data;
};
int run_restore(const RestoreOptions& options);

}  // namespace millrace::app
