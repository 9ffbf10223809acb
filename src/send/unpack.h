#pragma once
// The bytes inside a file: through gzip or zstd, which are known by how they begin, or as they are. Several compressed
// parts behind each other are one text, as for gzip(1) and zstd(1).
//
// One thread at a time. Failure: as input.h; corrupt for data that is damaged, cut off, or followed by something else
// (zeros behind gzip data are not), after what can be read of it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "send/input.h"

namespace millrace::send {

class Unpacked {
 public:
  // Waits for the first bytes.
  static Result<std::unique_ptr<Unpacked>> over(std::unique_ptr<Input> input);
  virtual ~Unpacked() = default;

  // Up to `bytes` of what comes next, at least one; 0: the end.
  virtual Result<size_t> read(char* to, size_t bytes) = 0;
  virtual bool packed() const = 0;
  // Goes on at that byte of the file. Only where nothing is packed and the file's size is known.
  Result<void> seek(int64_t position);

  int64_t size() const { return input_->size(); }          // of the file as it lies there; 0: not known
  int64_t position() const { return input_->position(); }  // in the same

 protected:
  // `beginning` was read of the input already.
  Unpacked(std::unique_ptr<Input> input, std::string&& beginning)
      : input_(std::move(input)), buffer_(std::move(beginning)), unread_(buffer_) {}
  size_t take(char* to, size_t bytes);  // from unread_
  Result<bool> fill();                  // more into unread_; false: there is no more
  int64_t place() const { return position() - static_cast<int64_t>(unread_.size()); }  // of unread_ in the file
  std::unexpected<Error> damaged(std::string_view kind, std::string_view how) const;
  std::unexpected<Error> behind(std::string_view kind, int64_t place) const;

  std::unique_ptr<Input> input_;
  std::string buffer_;
  std::string_view unread_;  // of buffer_
};

}  // namespace millrace::send
