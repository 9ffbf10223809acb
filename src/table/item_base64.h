#pragma once
// Base64 as AWS writes and reads it (RFC 4648, with padding). Pure; any thread.

#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::table {

void put_base64(std::string& out, std::string_view bytes);
// invalid_argument in DynamoDB's words: wrong length, a foreign character, bits set behind the last byte.
Result<std::string> from_base64(std::string_view text);

}  // namespace millrace::table
