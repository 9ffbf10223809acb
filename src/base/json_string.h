#pragma once
// Texts into JSON. Pure; any thread.

#include <string>
#include <string_view>

namespace millrace::base {

// Appends `text` as a JSON string with its quotes. What is no UTF-8 goes as it is.
void append_json_string(std::string& out, std::string_view text);

}  // namespace millrace::base
