#pragma once
// A directory of its own for what a target keeps in files, in memory where the system has such a place.

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/error.h"

namespace millrace::fuzz {

class Directory {
 public:
  Directory() {
    const bool shared_memory = access("/dev/shm", W_OK) == 0;
    path_ = (shared_memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) + "/millrace_fuzz_XXXXXX";
    CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace millrace::fuzz
