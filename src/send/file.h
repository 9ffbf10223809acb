#pragma once
// A text file read in pieces, compressed by gzip or not; "-" is the standard input. Holds at most
// `text_bytes_max` and one piece in memory.
//
// One thread at a time. Failure: not_found, io; corrupt for a damaged or cut-off gzip file, after what can be read of
// it.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct gzFile_s;

namespace millrace::send {

class SendFile {
 public:
  static constexpr size_t piece_bytes = 256 * 1024;
  static constexpr size_t text_bytes_max = size_t{1} << 20;  // of one row; a record of a stream is no larger

  static Result<std::unique_ptr<SendFile>> open(const std::string& path);
  ~SendFile();
  SendFile(const SendFile&) = delete;
  SendFile& operator=(const SendFile&) = delete;

  // What was read and not consumed; valid until the next call of read_more().
  std::string_view text() const { return std::string_view(buffer_).substr(begin_); }
  bool at_end() const { return at_end_; }
  bool compressed() const;  // known once something was read
  // Makes text() longer, or sets at_end().
  Result<void> read_more();
  void consume(size_t bytes) { begin_ += bytes; }
  // Consumes up to and with the next end of line.
  Result<void> skip_line();

  // How much of the file was read, 0 to 1; 0 if its size is not known.
  double fraction() const;

 private:
  SendFile(gzFile_s* file, std::string path, int64_t size) : file_(file), path_(std::move(path)), size_(size) {}

  gzFile_s* file_;
  std::string path_;
  int64_t size_;  // as it lies on the disk
  std::string buffer_;
  size_t begin_ = 0;
  bool at_end_ = false;
  std::optional<Error> failure_;  // behind what text() has
};

}  // namespace millrace::send
