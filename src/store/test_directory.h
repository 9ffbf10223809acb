#pragma once
// A directory of a test's own, gone with it. For tests only.

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/error.h"

namespace millrace::store {

class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-store-XXXXXX").string();
    CHECK(mkdtemp(name.data()), "no temporary directory");
    path_ = name;
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace millrace::store
