#include "base/json_string.h"

#include <immintrin.h>

#include <cstdint>

namespace millrace::base {
namespace {

// The first character from `at` on that JSON wants escaped: a quote, a backslash or a control character.
const char* find_escaped(const char* at, const char* end) {
  const __m256i quote = _mm256_set1_epi8('"');
  const __m256i backslash = _mm256_set1_epi8('\\');
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  for (; end - at >= 32; at += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i control = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last_control), last_control);
    const __m256i special =
        _mm256_or_si256(control, _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, backslash)));
    const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(special));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
  while (at != end && static_cast<uint8_t>(*at) > 0x1f && *at != '"' && *at != '\\') ++at;
  return at;
}

void put_escaped(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default:
      out.append("\\u00");
      out.push_back(hex[static_cast<uint8_t>(c) >> 4]);
      out.push_back(hex[static_cast<uint8_t>(c) & 15]);
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    const char* special = find_escaped(at, end);
    out.append(at, special);
    if (special == end) break;
    put_escaped(out, *special);
    at = special + 1;
  }
  out.push_back('"');
}

}  // namespace millrace::base
