#pragma once
// What is said about a failure becomes an attribute of an item, JSON and a line of a log: UTF-8, and short. Private to
// this folder; pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::function {

inline constexpr size_t error_text_bytes_max = 2'000;

// The first error_text_bytes_max bytes of the text, in whole characters; `?` for each byte over 0x7f where it is no
// UTF-8.
std::string readable(std::string_view text);

}  // namespace millrace::function
