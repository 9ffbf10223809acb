#pragma once
// For tests: the messages of an event stream (event_stream.h), checked as they are taken from it.

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace millrace::aws {

inline uint32_t big_endian(std::string_view bytes, size_t size = 4) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, size)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

inline uint32_t crc32_of(std::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct EventMessage {
  std::map<std::string, std::string> headers;
  std::string payload;
};

// Takes the first message off, and expects it to be whole.
inline EventMessage take_message(std::string_view& stream) {
  EventMessage message;
  const size_t size = big_endian(stream);
  const size_t headers_size = big_endian(stream.substr(4));
  EXPECT_EQ(big_endian(stream.substr(8)), crc32_of(stream.substr(0, 8)));
  EXPECT_GE(stream.size(), size);
  EXPECT_EQ(big_endian(stream.substr(size - 4)), crc32_of(stream.substr(0, size - 4)));
  std::string_view headers = stream.substr(12, headers_size);
  message.payload = stream.substr(12 + headers_size, size - headers_size - 16);
  while (!headers.empty()) {
    const size_t name_size = big_endian(headers, 1);
    const std::string name(headers.substr(1, name_size));
    headers.remove_prefix(1 + name_size);
    EXPECT_EQ(headers.front(), 7);
    const size_t value_size = big_endian(headers.substr(1), 2);
    message.headers[name] = headers.substr(3, value_size);
    headers.remove_prefix(3 + value_size);
  }
  stream.remove_prefix(size);
  return message;
}

}  // namespace millrace::aws
