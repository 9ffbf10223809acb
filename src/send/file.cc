#include "send/file.h"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::send {

namespace {

using std::string_view_literals::operator""sv;

size_t mark_bytes(std::string_view text) {
  constexpr auto byte_order_mark = "\xEF\xBB\xBF"sv;
  return text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
}

// What people have in place of a text, by how it begins; and what makes a text of it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> other_kinds{{
    {"\xff\xfe"sv, "UTF-16; make UTF-8 of it, such as with `iconv -f UTF-16 -t UTF-8`"sv},
    {"\xfe\xff"sv, "UTF-16; make UTF-8 of it, such as with `iconv -f UTF-16 -t UTF-8`"sv},
    {"PK\x03\x04"sv, "a zip archive (or a spreadsheet); unpack it, or export it as CSV"sv},
    {"PAR1"sv, "Parquet; export it as CSV or NDJSON"sv},
    {"BZh"sv, "compressed by bzip2; `bzip2 -dc FILE | millrace send --file - --csv ...` sends it"sv},
    {"\xfd"
     "7zXZ"sv,
     "compressed by xz; `xz -dc FILE | millrace send --file - --csv ...` sends it"sv},
    {"\x04\x22\x4d\x18"sv, "compressed by lz4; `lz4 -dc FILE | millrace send --file - --csv ...` sends it"sv},
}};

}  // namespace

Result<std::unique_ptr<SendFile>> SendFile::open(const std::string& path, InputWaiting waiting) {
  TRY_ASSIGN(auto input, Input::open(path, std::move(waiting)));
  TRY_ASSIGN(auto bytes, Unpacked::over(std::move(input)));
  std::unique_ptr<SendFile> file(new SendFile(std::move(bytes), path));
  TRY(file->find_line_end());
  for (const auto& [beginning, what] : other_kinds) {
    if (file->text().starts_with(beginning)) {
      return fail(ErrorKind::invalid_argument, "{}: this is {}", path, what);
    }
  }
  return file;
}

Result<void> SendFile::find_line_end() {
  for (;;) {
    TRY(read_more());
    const std::string_view so_far = text();
    const bool json = so_far.substr(mark_bytes(so_far)).starts_with('{');
    for (size_t at = so_far.find_first_of("\r\n"); at != std::string_view::npos;
         at = so_far.find_first_of("\r\n", at + 1)) {
      const std::string_view rest = so_far.substr(at);
      if (rest == "\r" && !at_end_) break;
      if (rest.starts_with('\n') || rest.starts_with("\r\n")) return {};
      if (json && so_far[at - 1] != '}') continue;
      line_end_ = '\r';
      return {};
    }
    if (at_end_ || so_far.size() > text_bytes_max) return {};
  }
}

void SendFile::skip_byte_order_mark() {
  consume(mark_bytes(text()));
}

Result<void> SendFile::read_more() {
  if (at_end_) return {};
  if (failure_) return std::unexpected(*failure_);
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + piece_bytes);
  size_t got = 0;
  do {
    const auto more = bytes_->read(buffer_.data() + before + got, piece_bytes - got);
    if (!more) {
      failure_ = more.error();
    } else if (*more == 0) {
      at_end_ = true;
    }
    got += more.value_or(0);
  } while (bytes_->size() > 0 && got < piece_bytes && !failure_ && !at_end_);
  buffer_.resize(before + got);
  read_bytes_ += static_cast<int64_t>(got);
  if (failure_ && got == 0) return std::unexpected(*failure_);
  return {};
}

Result<void> SendFile::skip_line() {
  for (;;) {
    const size_t end = text().find(line_end_);
    if (end != std::string_view::npos) {
      consume(end + 1);
      return {};
    }
    consume(text().size());
    if (at_end_) return {};
    TRY(read_more());
  }
}

Result<bool> SendFile::skip_to_tail() {
  if (compressed() || bytes_->size() == 0) return false;
  if (bytes_->size() <= static_cast<int64_t>(piece_bytes)) return true;
  TRY(bytes_->seek(bytes_->size() - static_cast<int64_t>(tail_bytes)));
  buffer_.clear();
  begin_ = 0;
  at_end_ = false;
  TRY(skip_line());
  return true;
}

double SendFile::fraction() const {
  if (bytes_->size() <= 0) return 0;
  if (at_end_ && text().empty()) return 1;
  if (read_bytes_ == 0) return 0;
  const double of_text =
      static_cast<double>(read_bytes_ - static_cast<int64_t>(text().size())) / static_cast<double>(read_bytes_);
  return std::clamp(static_cast<double>(bytes_->position()) / static_cast<double>(bytes_->size()) * of_text, 0.0, 1.0);
}

}  // namespace millrace::send
