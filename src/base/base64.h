#pragma once
// Base64 as AWS's JSON has it: the standard alphabet with padding (RFC 4648, section 4). Pure; any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::base {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr size_t base64_decoded_size_max(size_t encoded_size) {
  return encoded_size / 4 * 3 + 3;
}

// Room to leave after the decoded bytes: whole vectors are stored.
inline constexpr size_t base64_slack = 32;

// Decodes to `out`, which has room for base64_decoded_size_max bytes and the slack; the size, or nothing if the
// text is not base64. Padding may be left out, as some clients do; white space is refused.
std::optional<size_t> base64_decode(std::string_view text, char* out);
std::optional<std::string> base64_decode(std::string_view text);

void append_base64(std::string& out, std::string_view bytes);

}  // namespace millrace::base
