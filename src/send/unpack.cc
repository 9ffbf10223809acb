#include "send/unpack.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::send {

namespace {

using std::string_view_literals::operator""sv;

constexpr size_t buffer_bytes = 256 * 1024;
constexpr auto gzip_magic = "\x1f\x8b"sv;
constexpr auto zstd_magic = "\x28\xb5\x2f\xfd"sv;

// Zstandard's frames to be skipped, with which some files begin: 0x184D2A50 to 0x184D2A5F.
bool may_be_skippable(std::string_view beginning) {
  constexpr auto rest = "\x2a\x4d\x18"sv;
  return beginning.empty() || ((beginning[0] & 0xf0) == 0x50 && rest.starts_with(beginning.substr(1)));
}

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

class Zstd final : public Unpacked {
 public:
  Zstd(std::unique_ptr<Input> input, std::string&& beginning)
      : Unpacked(std::move(input), std::move(beginning)), stream_(ZSTD_createDStream()) {
    CHECK(stream_ != nullptr);
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  bool packed() const override { return true; }
  Result<size_t> read(char* to, size_t bytes) override {
    for (;;) {
      const bool between = expected_ == 0;
      if (unread_.empty() && !full_) {
        TRY_ASSIGN(const bool more, fill());
        if (!more && between) return size_t{0};
        if (!more) return damaged("zstd", "cut off");
      }
      if (between) frame_ = place();
      ZSTD_inBuffer in{unread_.data(), unread_.size(), 0};
      ZSTD_outBuffer out{to, bytes, 0};
      const size_t code = ZSTD_decompressStream(stream_, &out, &in);
      unread_.remove_prefix(in.pos);
      if (ZSTD_isError(code)) {
        if (ZSTD_getErrorCode(code) == ZSTD_error_prefix_unknown) return behind("zstd", frame_);
        return damaged("zstd", fmt::format("damaged ({})", ZSTD_getErrorName(code)));
      }
      expected_ = code;
      full_ = out.pos == bytes && code != 0;
      if (out.pos > 0) return out.pos;
    }
  }

 private:
  ZSTD_DStream* stream_;
  size_t expected_ = 0;  // 0: between frames
  bool full_ = false;    // it may hold back more than there was room for
  int64_t frame_ = 0;    // where the last one began
};

}  // namespace

Result<std::unique_ptr<Unpacked>> Unpacked::over(std::unique_ptr<Input> input) {
  std::string beginning(zstd_magic.size(), '\0');
  size_t bytes = 0;
  const auto undecided = [&] {
    const auto so_far = std::string_view(beginning).substr(0, bytes);
    return bytes < beginning.size() &&
           (gzip_magic.starts_with(so_far) || zstd_magic.starts_with(so_far) || may_be_skippable(so_far));
  };
  bool ended = false;
  while (!ended && undecided()) {
    TRY_ASSIGN(const size_t got, input->read(beginning.data() + bytes, beginning.size() - bytes));
    bytes += got;
    ended = got == 0;
  }
  beginning.resize(bytes);
  if (beginning.starts_with(gzip_magic)) return std::make_unique<Gzip>(std::move(input), std::move(beginning));
  if (beginning.starts_with(zstd_magic) || (bytes == zstd_magic.size() && may_be_skippable(beginning)))
    return std::make_unique<Zstd>(std::move(input), std::move(beginning));
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
