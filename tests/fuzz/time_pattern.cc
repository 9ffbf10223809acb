// Times from text and to text: a pattern, then a text, one per line. A time that was read by a pattern is written and
// read again as itself; so is a timestamp, a decimal and a number of data/text.h.

#include "data/time_pattern.h"

#include "data/text.h"
#include "input.h"

namespace millrace::data {
namespace {

// Whether a number of one digit or more is always followed by what is none: "Hy" would read 0 and 1 as hour 1.
bool tells_numbers_apart(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size();) {
    const size_t end = std::min(pattern.find_first_not_of(pattern[at], at), pattern.size());
    const bool letter = (pattern[at] >= 'a' && pattern[at] <= 'z') || (pattern[at] >= 'A' && pattern[at] <= 'Z');
    if (letter && end - at == 1 && end < pattern.size() && std::string_view(" -/:.,").find(pattern[end]) > 5)
      return false;
    at = end;
  }
  return true;
}

void check_pattern(std::string_view pattern, std::string_view text) {
  const auto parser = TimePattern::make(pattern, TimePattern::Use::parse);
  const auto formatter = TimePattern::make(pattern, TimePattern::Use::format);
  if (parser) CHECK(formatter.has_value());
  if (formatter) {
    for (const int64_t ms : {timestamp_min_ms, int64_t{-1}, int64_t{0}, int64_t{1569888000123}, timestamp_max_ms}) {
      std::string out;
      formatter->format(out, ms);
    }
  }
  if (!parser) return;
  const auto time = parser->parse(text);
  if (!time) return;
  CHECK(is_timestamp(*time), "{}", *time);
  std::string written;
  formatter->format(written, *time);
  const auto again = parser->parse(written);
  CHECK(again == time || !tells_numbers_apart(pattern), "'{}' is {} and '{}' is {}", text, *time, written,
        again.value_or(-1));
}

void check_text(std::string_view text) {
  if (const auto time = parse_timestamp(text)) {
    CHECK(is_timestamp(*time), "{}", *time);
    std::string written;
    put_timestamp(written, *time);
    CHECK(parse_timestamp(written) == time, "{} is {}", text, written);
  }
  if (const auto number = parse_int64(text)) {
    std::string written;
    put_int64(written, *number);
    CHECK(parse_int64(written) == number);
    CHECK(parse_whole(text) == number);
  }
  if (const auto number = parse_double(text)) {
    std::string written;
    put_double(written, *number);
    const auto again = parse_double(written);
    CHECK(again && (*again == *number || (*again != *again && *number != *number)), "{}", written);
  }
  for (const int scale : {0, 2, 18, 38}) {
    const auto decimal = parse_decimal(text, 38, scale);
    if (!decimal) continue;
    std::string written;
    put_decimal(written, *decimal, scale);
    CHECK(parse_decimal(written, 38, scale) == decimal, "{}", written);
  }
  (void)parse_boolean(text);
  CHECK(trimmed(trimmed(text)) == trimmed(text));
}

}  // namespace
}  // namespace millrace::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Input input(data, size);
  const std::string_view pattern = input.line();
  const std::string_view text = input.line();
  millrace::data::check_pattern(pattern, text);
  millrace::data::check_text(text);
  return 0;
}
