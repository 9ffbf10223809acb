#include "table/item_base64.h"

#include <array>
#include <cstdint>

namespace millrace::table {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t foreign = 0xff;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(foreign);
  for (size_t i = 0; i < alphabet.size(); ++i) values[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr std::array<uint8_t, 256> values = make_values();

}  // namespace

void put_base64(std::string& out, std::string_view bytes) {
  const size_t start = out.size();
  out.resize(start + (bytes.size() + 2) / 3 * 4);
  char* to = out.data() + start;
  const auto* from = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3) {
    const uint32_t group = from[0] << 16 | from[1] << 8 | from[2];
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    *to++ = alphabet[group >> 6 & 63];
    *to++ = alphabet[group & 63];
  }
  if (left == 0) return;
  const uint32_t group = from[0] << 16 | (left == 2 ? from[1] << 8 : 0);
  *to++ = alphabet[group >> 18];
  *to++ = alphabet[group >> 12 & 63];
  *to++ = left == 2 ? alphabet[group >> 6 & 63] : '=';
  *to++ = '=';
}

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return fail(ErrorKind::invalid_argument,
                "'{}' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but "
                "found: {}",
                text, text.size());
  }
  std::string out;
  if (text.empty()) return out;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const size_t digits = text.size() - padding;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text.substr(0, digits)) {
    const uint8_t value = values[static_cast<uint8_t>(c)];
    if (value == foreign) {
      return fail(ErrorKind::invalid_argument, "'{}' can not be converted to a Blob: Invalid Base64 character: '{}'",
                  text, c);
    }
    bits = bits << 6 | value;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      out.push_back(static_cast<char>(bits >> bit_count));
    }
  }
  if ((bits & ((1u << bit_count) - 1)) != 0) {
    return fail(ErrorKind::invalid_argument,
                "'{}' can not be converted to a Blob: Invalid last non-pad Base64 character dectected", text);
  }
  return out;
}

}  // namespace millrace::table
