#pragma once
// The operations StartBackup and DescribeBackup: one backup at a time, on a thread of its own.
// docs/http-api.md describes them. The reactor's thread; the destructor ends a backup under way, which is none then.

#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/backup.h"
#include "aws/service.h"

namespace millrace::app {

class BackupOperations {
 public:
  BackupOperations(const stream::Streams& streams, store::Store& store) : streams_(streams), store_(store) {}

  void add_to(aws::Service& service);

 private:
  Result<void> start(std::string directory);
  std::string describe() const;

  const stream::Streams& streams_;
  store::Store& store_;
  mutable std::mutex mutex_;
  std::string directory_;  // of the last one; empty: there was none
  std::optional<Result<BackupSize>> outcome_;
  std::jthread thread_;
};

}  // namespace millrace::app
