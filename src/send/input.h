#pragma once
// The bytes of a file, a pipe, or the standard input ("-"), as they lie there.
//
// One thread at a time. Failure: not_found, io; invalid_argument for a directory; internal when `stop` was requested
// while nothing came.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/error.h"

namespace millrace::send {

// How to wait for bytes that are not there yet; a file on a disk is not waited for.
struct InputWaiting {
  std::stop_token stop;            // ends the wait
  std::function<void()> begins{};  // called before it; may be empty
};

class Input {
 public:
  static Result<std::unique_ptr<Input>> open(const std::string& path, InputWaiting waiting = {});
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Up to `bytes` of what comes next, at least one; 0: the end.
  Result<size_t> read(char* to, size_t bytes);
  // Goes on at that byte. Only with a size().
  Result<void> seek(int64_t position);

  int64_t position() const { return position_; }
  int64_t size() const { return size_; }  // 0: not known, because it is no file on a disk
  const std::string& path() const { return path_; }

 private:
  Input(int descriptor, std::string path, int64_t size, bool waits, InputWaiting waiting)
      : descriptor_(descriptor), path_(std::move(path)), size_(size), waits_(waits), waiting_(std::move(waiting)) {}
  Result<void> wait();

  int descriptor_;
  std::string path_;
  int64_t size_;
  bool waits_;
  InputWaiting waiting_;
  int64_t position_ = 0;
};

}  // namespace millrace::send
