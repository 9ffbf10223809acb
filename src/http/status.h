#pragma once
// Status lines. Private to this folder.

#include <string>
#include <string_view>

namespace millrace::http {

std::string_view reason_phrase(int status);

// "HTTP/1.1 404 Not Found\r\n"
void append_status_line(std::string& out, int status);

// Whether an answer of this status has a body: not 1xx, 204 and 304.
constexpr bool has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace millrace::http
