#include "send/file.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>

namespace millrace::send {

Result<std::unique_ptr<SendFile>> SendFile::open(const std::string& path) {
  struct stat info {};
  int64_t size = 0;
  gzFile file = nullptr;
  if (path == "-") {
    file = gzdopen(dup(STDIN_FILENO), "rb");
  } else {
    if (stat(path.c_str(), &info) != 0) return fail_errno(path, errno);
    if (S_ISDIR(info.st_mode)) return fail(ErrorKind::invalid_argument, "{} is a directory; name a file", path);
    size = info.st_size;
    errno = 0;
    file = gzopen(path.c_str(), "rb");
  }
  if (file == nullptr) return fail_errno(path, errno);
  gzbuffer(file, piece_bytes);
  return std::unique_ptr<SendFile>(new SendFile(file, path, size));
}

SendFile::~SendFile() {
  gzclose(file_);
}

Result<void> SendFile::read_more() {
  if (at_end_) return {};
  if (failure_) return std::unexpected(*failure_);
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + piece_bytes);
  const int got = gzread(file_, buffer_.data() + before, piece_bytes);
  buffer_.resize(before + static_cast<size_t>(std::max(got, 0)));
  int code = Z_OK;
  gzerror(file_, &code);
  // A cut-off gzip file ends with Z_BUF_ERROR after its last whole bytes.
  if (got < 0 || (got < static_cast<int>(piece_bytes) && code == Z_BUF_ERROR)) {
    if (code == Z_ERRNO) return fail_errno(path_, errno);
    failure_ =
        Error{ErrorKind::corrupt, fmt::format("{}: the gzip data is {}", path_, got < 0 ? "damaged" : "cut off")};
    if (got <= 0) return std::unexpected(*failure_);
    return {};
  }
  if (got == 0) at_end_ = true;
  return {};
}

Result<void> SendFile::skip_line() {
  for (;;) {
    const size_t end = text().find('\n');
    if (end != std::string_view::npos) {
      consume(end + 1);
      return {};
    }
    consume(text().size());
    if (at_end_) return {};
    TRY(read_more());
  }
}

bool SendFile::compressed() const {
  return gzdirect(file_) == 0;
}

double SendFile::fraction() const {
  if (size_ <= 0) return 0;
  return std::clamp(static_cast<double>(gzoffset(file_)) / static_cast<double>(size_), 0.0, 1.0);
}

}  // namespace millrace::send
