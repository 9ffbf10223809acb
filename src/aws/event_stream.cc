#include "aws/event_stream.h"

#include <zlib.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>

#include "base/error.h"

namespace millrace::aws {
namespace {

constexpr size_t prelude_bytes = 12;  // the message's length, its headers' length, the checksum of both
constexpr char string_value = 7;      // a header's value has a type; this one is UTF-8 text

void put_big_endian(std::string& out, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift);
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

using Headers = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void append_message(std::string& out, Headers headers, std::string_view payload) {
  size_t headers_bytes = 0;
  for (const auto& [name, value] : headers) {
    headers_bytes += 1 + name.size() + 1 + sizeof(uint16_t) + value.size();
    CHECK(name.size() <= std::numeric_limits<uint8_t>::max() && value.size() <= std::numeric_limits<int16_t>::max());
  }
  const size_t message_bytes = prelude_bytes + headers_bytes + payload.size() + sizeof(uint32_t);
  CHECK(message_bytes <= std::numeric_limits<uint32_t>::max());
  const size_t begin = out.size();
  out.reserve(begin + message_bytes);
  put_big_endian(out, static_cast<uint32_t>(message_bytes));
  put_big_endian(out, static_cast<uint32_t>(headers_bytes));
  put_big_endian(out, checksum(std::string_view(out).substr(begin)));
  for (const auto& [name, value] : headers) {
    out += static_cast<char>(name.size());
    out += name;
    out += string_value;
    out += static_cast<char>(value.size() >> 8);
    out += static_cast<char>(value.size());
    out += value;
  }
  out += payload;
  put_big_endian(out, checksum(std::string_view(out).substr(begin)));
}

}  // namespace

void append_initial_response(std::string& out, std::string_view content_type, std::string_view payload) {
  append_event(out, "initial-response", content_type, payload);
}

void append_event(std::string& out, std::string_view type, std::string_view content_type, std::string_view payload) {
  append_message(out, {{":event-type", type}, {":content-type", content_type}, {":message-type", "event"}}, payload);
}

void append_exception(std::string& out, std::string_view type, std::string_view content_type,
                      std::string_view payload) {
  append_message(out, {{":exception-type", type}, {":content-type", content_type}, {":message-type", "exception"}},
                 payload);
}

}  // namespace millrace::aws
