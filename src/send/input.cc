#include "send/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::send {

namespace {
constexpr int look_for_stop_ms = 50;
}

Result<std::unique_ptr<Input>> Input::open(const std::string& path, InputWaiting waiting) {
  const int descriptor =
      path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno(path, errno);
  struct stat info {};
  const int failed = fstat(descriptor, &info) == 0 ? 0 : errno;
  const bool on_disk = S_ISREG(info.st_mode);
  std::unique_ptr<Input> input(
      new Input(descriptor, path, on_disk && path != "-" ? info.st_size : 0, !on_disk, std::move(waiting)));
  if (failed != 0) return fail_errno(path, failed);
  if (S_ISDIR(info.st_mode)) return fail(ErrorKind::invalid_argument, "{} is a directory; name a file", path);
  return input;
}

Input::~Input() {
  close(descriptor_);
}

Result<void> Input::wait() {
  pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, 0) != 0) return {};
  if (waiting_.begins) waiting_.begins();
  while (poll(&readable, 1, look_for_stop_ms) == 0) {
    if (waiting_.stop.stop_requested()) return fail(ErrorKind::internal, "stopped by a signal");
  }
  return {};
}

Result<size_t> Input::read(char* to, size_t bytes) {
  for (;;) {
    if (waits_) TRY(wait());
    const ssize_t got = ::read(descriptor_, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path_, errno);
    position_ += got;
    return static_cast<size_t>(got);
  }
}

Result<void> Input::seek(int64_t position) {
  if (lseek(descriptor_, position, SEEK_SET) < 0) return fail_errno(path_, errno);
  position_ = position;
  return {};
}

}  // namespace millrace::send
