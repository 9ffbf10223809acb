#pragma once
// The descriptors of a process's segments. Those being written stay open; of the others, which are opened when
// somebody reads them, the files_max that were read last. So a log may have any number of segments, whatever
// RLIMIT_NOFILE says.
//
// Invariant: at most files_max files are open here beside those that are held, and those that a read under way
// has in its hands. Any thread.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/file.h"

namespace millrace::log {

using FilePtr = std::shared_ptr<const base::File>;

class OpenFiles {
 public:
  explicit OpenFiles(size_t files_max) : files_max_(files_max) {}

  // open(2). Where the process has no descriptor left, those that nobody holds are closed for it, one by one;
  // throttled: there is none.
  Result<base::File> open(const std::string& path, int flags);

  // `owner` names a segment. Null: its file is not open.
  FilePtr find(const void* owner);
  // Keeps the file open for later reads, as long as it is among the newest; if another thread was faster, that
  // one's file is kept and returned.
  FilePtr enter(const void* owner, base::File file);
  // Keeps the file open until it is let go (then it is one that was just read) or forgotten.
  void hold(const void* owner, FilePtr file);
  void let_go(const void* owner);
  void forget(const void* owner);

  size_t size() const;  // open files, with those that are held

 private:
  struct Entry {
    const void* owner;
    FilePtr file;
    bool held;
  };
  using Entries = std::list<Entry>;

  FilePtr take_oldest(size_t above);

  const size_t files_max_;
  mutable std::mutex mutex_;
  Entries read_;  // the newest first
  Entries held_;
  std::unordered_map<const void*, Entries::iterator> by_owner_;
};

}  // namespace millrace::log
