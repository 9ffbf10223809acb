#pragma once
// A text file read in pieces, compressed by gzip or zstd or not; "-" is the standard input. Holds at most
// `text_bytes_max` and one piece in memory.
//
// Lines end as the first one does, with LF or CRLF, or with CR. In JSON, where a text may hold a raw CR, it ends the
// first line only behind an object.
//
// One thread at a time. Failure: as unpack.h, after what can be read of the file; invalid_argument for a kind of file
// that is known and no text.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "send/unpack.h"

namespace millrace::send {

class SendFile {
 public:
  static constexpr size_t piece_bytes = 256 * 1024;
  static constexpr size_t tail_bytes = 64 * 1024;
  static constexpr size_t text_bytes_max = size_t{1} << 20;  // of one row; a record of a stream is no larger

  // Waits for the first line.
  static Result<std::unique_ptr<SendFile>> open(const std::string& path, InputWaiting waiting = {});
  SendFile(const SendFile&) = delete;
  SendFile& operator=(const SendFile&) = delete;

  // What was read and not consumed; valid until the next call of read_more().
  std::string_view text() const { return std::string_view(buffer_).substr(begin_); }
  bool at_end() const { return at_end_; }
  bool compressed() const { return bytes_->packed(); }
  char line_end() const { return line_end_; }  // '\n' or '\r': the last character of each line
  // Makes text() longer, or sets at_end(). What is not there yet is waited for only if there is nothing else.
  Result<void> read_more();
  void consume(size_t bytes) { begin_ += bytes; }
  // Consumes up to and with the next end of line.
  Result<void> skip_line();
  // Consumes a byte order mark at the beginning.
  void skip_byte_order_mark();

  // Goes on at the last lines. False, and nothing was done: it is compressed, or no file on a disk.
  Result<bool> skip_to_tail();

  // How much of the file is consumed, 0 to 1; 0 if its size is not known.
  double fraction() const;

 private:
  SendFile(std::unique_ptr<Unpacked> bytes, std::string path) : bytes_(std::move(bytes)), path_(std::move(path)) {}
  Result<void> find_line_end();

  std::unique_ptr<Unpacked> bytes_;
  std::string path_;
  std::string buffer_;
  size_t begin_ = 0;
  int64_t read_bytes_ = 0;  // of the text
  bool at_end_ = false;
  char line_end_ = '\n';
  std::optional<Error> failure_;  // behind what text() has
};

}  // namespace millrace::send
