#include "function/error_text.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>

namespace millrace::function {

std::string readable(std::string_view text) {
  constexpr int continuation_bytes_max = 3;  // of a character in UTF-8
  size_t bytes = std::min(text.size(), error_text_bytes_max);
  const auto inside_character = [&] { return bytes < text.size() && (static_cast<uint8_t>(text[bytes]) >> 6) == 0b10; };
  for (int i = 0; i < continuation_bytes_max && inside_character(); ++i) --bytes;
  std::string copy(text.substr(0, bytes));
  if (!simdjson::validate_utf8(copy)) {
    std::ranges::replace_if(
        copy, [](char c) { return static_cast<uint8_t>(c) >= 0x80; }, '?');
  }
  return copy;
}

}  // namespace millrace::function
