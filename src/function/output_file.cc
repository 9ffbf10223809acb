#include "function/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace millrace::function {

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

bool OutputFile::open() {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return false;
  struct stat about {};
  size_ = ::fstat(fd_, &about) == 0 ? static_cast<size_t>(about.st_size) : 0;
  return true;
}

void OutputFile::write(std::string_view output) {
  if (path_.empty() || (fd_ < 0 && !open())) return;
  if (size_ + output.size() > output_bytes_max) {
    ::close(fd_);
    fd_ = -1;
    ::rename(path_.c_str(), (path_ + ".1").c_str());
    if (!open()) return;
  }
  const ssize_t written = ::write(fd_, output.data(), output.size());
  if (written > 0) size_ += static_cast<size_t>(written);
}

}  // namespace millrace::function
