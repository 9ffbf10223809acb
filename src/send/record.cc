#include "send/record.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>

#include "send/time.h"

namespace millrace::send {

namespace {

constexpr size_t hash_bytes = 8;  // of an event's id

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

EventIds::EventIds(std::string_view file, std::string source)
    : name_(std::filesystem::path(file).filename().string()), source_(std::move(source)) {}

std::string EventIds::of(int64_t line, std::string_view row) {
  text_ = source_;
  text_ += row;
  const auto hash = md5_(text_);
  return fmt::format("{}:{}:{:02x}", name_, line, fmt::join(hash.begin(), hash.begin() + hash_bytes, ""));
}

Result<void> check_key(std::string_view column, std::string_view key) {
  if (key.empty()) return fail(ErrorKind::invalid_argument, "the key `{}` is missing", column);
  if (key.size() > key_characters_max && characters(key) > key_characters_max) {
    return fail(ErrorKind::invalid_argument, "the key `{}` is longer than {} characters", column, key_characters_max);
  }
  return {};
}

Result<EventTime> read_time(std::string_view column, std::string_view text) {
  if (text.empty()) return fail(ErrorKind::invalid_argument, "the time `{}` is missing", column);
  if (const auto time = parse_time(text)) return *time;
  return fail(ErrorKind::invalid_argument, "`{}` in `{}` is not a time; 2019-10-01 00:00:00 or 1569888000 would be",
              shown(text), column);
}

Result<void> check_record(std::string_view json) {
  if (json.size() <= record_bytes_max) return {};
  return fail(ErrorKind::invalid_argument, "as a record the row has {} bytes; a stream takes at most {}", json.size(),
              record_bytes_max);
}

std::string shown(std::string_view text) {
  constexpr size_t shown_max = 40;
  std::string part(text.substr(0, shown_max));
  // fmt stops the process at what is no UTF-8, such as a character that was cut off.
  while (!part.empty() && text.size() > part.size() && (static_cast<unsigned char>(text[part.size()]) & 0xc0) == 0x80) {
    part.pop_back();
  }
  const bool is_text = simdjson::validate_utf8(part);
  std::string quoted;
  for (size_t at = 0; at < part.size();) {
    const size_t bytes = is_text ? part.size() : 1;
    if (static_cast<unsigned char>(part[at]) > 0x7f && !is_text) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(part[at]));
    } else {
      const std::string some = fmt::format("{:?}", std::string_view(part).substr(at, bytes));
      quoted += some.substr(1, some.size() - 2);
    }
    at += bytes;
  }
  return quoted;
}

}  // namespace millrace::send
