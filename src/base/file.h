#pragma once
// Files and directories: an owned descriptor whose reads and writes are whole, space reserved ahead, synced
// directories, and a lock that keeps a second process out of a directory.
//
// Errors name the path. No space is disk_full, a missing path not_found, no descriptor left throttled, the rest io. A
// File may be read and
// written by several threads at once; opening, moving and closing are its owner's.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace::base {

class File {
 public:
  File() = default;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // `flags` as for open(2); closed on exec always.
  static Result<File> open(const std::string& path, int flags, unsigned mode = 0600);

  // Takes over a descriptor that something else than open(2) made.
  static File adopt(int descriptor, std::string path) { return File(descriptor, std::move(path)); }

  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }
  const std::string& path() const { return path_; }
  // After the file was renamed, so that messages name it as it is now.
  void set_path(std::string path) { path_ = std::move(path); }
  void close();

  // How many bytes there were to read: fewer than asked for only at the end of the file.
  Result<size_t> read_at(char* to, size_t bytes, uint64_t offset) const;
  Result<void> write_at(std::string_view bytes, uint64_t offset) const;
  Result<void> write_zeros(uint64_t offset, uint64_t bytes) const;
  Result<void> sync_data() const;
  Result<void> sync() const;  // fsync(2): of a directory, what was created, renamed and removed in it
  Result<uint64_t> size() const;
  Result<void> resize(uint64_t bytes) const;
  // Takes the space now, so that later writes to the range cannot find the disk full. Where the file system
  // cannot reserve, the zeros are really written and synced.
  Result<void> reserve(uint64_t offset, uint64_t bytes) const;

 private:
  File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
};

// Those that are missing on the way, for this user alone (0700). Durable, so that what is synced in them later
// cannot be lost with them.
Result<void> make_directories(const std::string& path);
// Makes creations, renames and removals in the directory durable.
Result<void> sync_directory(const std::string& path);
// The names in it, without "." and "..", sorted.
Result<std::vector<std::string>> list_directory(const std::string& path);
Result<void> rename_file(const std::string& from, const std::string& to);
Result<void> remove_file(const std::string& path);

// Held by one process (and once within it) at a time; let go by the destructor or the process's end.
class DirectoryLock {
 public:
  // in_use: somebody holds it; the message names the directory, the process and what to do.
  static Result<DirectoryLock> acquire(const std::string& directory);
  void release() { file_.close(); }

 private:
  explicit DirectoryLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace millrace::base
