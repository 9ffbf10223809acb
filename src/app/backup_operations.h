#pragma once
// Backups as operations of the API, X-Amz-Target Millrace_20261101, for `millrace backup`:
//
//   StartBackup     {"Directory"}     DescribeBackup  {}  -> {"State", "Directory", "Files", "Bytes", "Reason"}
//
// The directory is an absolute path on the server's machine. StartBackup is answered when the backup has begun, or with
// ResourceInUseException while another is under way; DescribeBackup tells of the newest one since the start: `none`,
// `running`, `finished` with its size, `failed` with the reason. Each runs on a thread of its own. The reactor's
// thread; the destructor ends a backup under way, which is none then.

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
