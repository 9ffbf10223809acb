#include "send/unpack.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::send {

namespace {

using std::string_view_literals::operator""sv;

constexpr size_t buffer_bytes = 256 * 1024;
constexpr auto gzip_magic = "\x1f\x8b"sv;

class Plain final : public Unpacked {
 public:
  explicit Plain(std::unique_ptr<Input> input, std::string&& beginning)
      : Unpacked(std::move(input), std::move(beginning)) {}

  bool packed() const override { return false; }
  Result<size_t> read(char* to, size_t bytes) override {
    if (unread_.empty()) return input_->read(to, bytes);
    return take(to, bytes);
  }
};

class Gzip final : public Unpacked {
 public:
  Gzip(std::unique_ptr<Input> input, std::string&& beginning) : Unpacked(std::move(input), std::move(beginning)) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    CHECK(inflateInit2(&stream_, gzip_only) == Z_OK);
  }
  ~Gzip() override { inflateEnd(&stream_); }

  bool packed() const override { return true; }
  Result<size_t> read(char* to, size_t bytes) override {
    for (;;) {
      if (between_) {
        TRY_ASSIGN(const bool more, next_part());
        if (!more) return size_t{0};
      }
      if (unread_.empty()) {
        TRY_ASSIGN(const bool more, fill());
        if (!more) return damaged("gzip", "cut off");
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(unread_.data()));
      stream_.avail_in = static_cast<uInt>(unread_.size());
      stream_.next_out = reinterpret_cast<Bytef*>(to);
      stream_.avail_out = static_cast<uInt>(bytes);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      unread_.remove_prefix(unread_.size() - stream_.avail_in);
      between_ = code == Z_STREAM_END;
      const size_t got = bytes - stream_.avail_out;
      if (got > 0) return got;  // an error comes again
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return damaged("gzip", "damaged");
    }
  }

 private:
  // Behind a part: whether another one begins.
  Result<bool> next_part() {
    while (unread_.size() < gzip_magic.size()) {
      TRY_ASSIGN(const bool more, fill());
      if (!more) break;
    }
    if (unread_.starts_with(gzip_magic)) {
      CHECK(inflateReset(&stream_) == Z_OK);
      between_ = false;
      return true;
    }
    const int64_t end = place();
    for (;;) {
      if (unread_.find_first_not_of('\0') != std::string_view::npos) return behind("gzip", end);
      unread_ = {};
      TRY_ASSIGN(const bool more, fill());
      if (!more) return false;
    }
  }

  z_stream stream_{};
  bool between_ = false;
};

}  // namespace

Result<std::unique_ptr<Unpacked>> Unpacked::over(std::unique_ptr<Input> input) {
  std::string beginning(gzip_magic.size(), '\0');
  size_t bytes = 0;
  bool ended = false;
  while (!ended && bytes < beginning.size() && gzip_magic.starts_with(std::string_view(beginning).substr(0, bytes))) {
    TRY_ASSIGN(const size_t got, input->read(beginning.data() + bytes, beginning.size() - bytes));
    bytes += got;
    ended = got == 0;
  }
  beginning.resize(bytes);
  if (beginning.starts_with(gzip_magic)) return std::make_unique<Gzip>(std::move(input), std::move(beginning));
  return std::make_unique<Plain>(std::move(input), std::move(beginning));
}

Result<void> Unpacked::seek(int64_t position) {
  CHECK(!packed() && size() > 0);
  unread_ = {};
  return input_->seek(position);
}

size_t Unpacked::take(char* to, size_t bytes) {
  const size_t taken = std::min(bytes, unread_.size());
  std::memcpy(to, unread_.data(), taken);
  unread_.remove_prefix(taken);
  return taken;
}

Result<bool> Unpacked::fill() {
  // What is unread is less than a few bytes, whenever more is asked for.
  std::string rest(unread_);
  const size_t kept = rest.size();
  buffer_ = std::move(rest);
  buffer_.resize(kept + buffer_bytes);
  const auto got = input_->read(buffer_.data() + kept, buffer_bytes);
  unread_ = std::string_view(buffer_).substr(0, kept + got.value_or(0));
  if (!got) return std::unexpected(got.error());
  return *got > 0;
}

std::unexpected<Error> Unpacked::damaged(std::string_view kind, std::string_view how) const {
  return fail(ErrorKind::corrupt, "{}: the {} data is {}", input_->path(), kind, how);
}

std::unexpected<Error> Unpacked::behind(std::string_view kind, int64_t place) const {
  return fail(ErrorKind::corrupt, "{}: the {} data ends at byte {} and something else follows", input_->path(), kind,
              place);
}

}  // namespace millrace::send
