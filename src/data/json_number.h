#pragma once
// A number as JSON writes it, of any size: what it is says its grammar, not what fits. Pure; any thread.
// https://www.rfc-editor.org/rfc/rfc8259#section-6

#include <string_view>

namespace millrace::data {

bool is_json_number(std::string_view token);

}  // namespace millrace::data
