#pragma once
// CBOR as AWS speaks it (application/x-amz-cbor-1.1): blobs are byte strings, times are tag 1 with whole milliseconds
// since 1970 (where RFC 8949 has seconds). Pure; any thread.
// https://www.rfc-editor.org/rfc/rfc8949

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace millrace::aws::cbor {

// Writers append. A map or list is of indefinite length: begun, filled and ended.
void append_integer(std::string& out, int64_t number);
void append_text(std::string& out, std::string_view text);
void append_bytes(std::string& out, std::string_view bytes);
void append_boolean(std::string& out, bool value);
void append_time(std::string& out, ProcessingTime time);
void begin_map(std::string& out);
void begin_list(std::string& out);
void end(std::string& out);

}  // namespace millrace::aws::cbor
