#include "aws/event_stream.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <map>

namespace millrace::aws {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

uint32_t number(std::string_view bytes, size_t size = 4) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, size)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct Message {
  std::map<std::string, std::string> headers;
  std::string payload;
};

// Takes the first message off, and expects it to be whole.
Message take(std::string_view& stream) {
  Message message;
  const size_t size = number(stream);
  const size_t headers_size = number(stream.substr(4));
  EXPECT_EQ(number(stream.substr(8)), checksum(stream.substr(0, 8)));
  EXPECT_GE(stream.size(), size);
  EXPECT_EQ(number(stream.substr(size - 4)), checksum(stream.substr(0, size - 4)));
  std::string_view headers = stream.substr(12, headers_size);
  message.payload = stream.substr(12 + headers_size, size - headers_size - 16);
  while (!headers.empty()) {
    const size_t name_size = number(headers, 1);
    const std::string name(headers.substr(1, name_size));
    headers.remove_prefix(1 + name_size);
    EXPECT_EQ(headers.front(), 7);
    const size_t value_size = number(headers.substr(1), 2);
    message.headers[name] = headers.substr(3, value_size);
    headers.remove_prefix(3 + value_size);
  }
  stream.remove_prefix(size);
  return message;
}

// As Python's struct and binascii make it of the specification.
TEST(EventStream, an_event_is_framed_byte_for_byte) {
  std::string out;
  append_event(out, "E", "t", "{}");
  EXPECT_EQ(out, from_hex("0000004a000000385f63271f0b3a6576656e742d74797065070001450d3a636f6e74656e742d747970650700"
                          "01740d3a6d6573736167652d747970650700056576656e747b7d2a20641d"));
}

TEST(EventStream, messages_of_all_kinds_and_sizes_follow_one_another) {
  std::string out;
  const std::string large(size_t{3} << 20, '\xff');
  append_initial_response(out, "application/json", "{}");
  append_event(out, "Some", "application/cbor", large);
  append_event(out, "Some", "application/cbor", "");
  append_exception(out, "SomeException", "application/json", "{\"message\":\"m\"}");
  std::string_view stream = out;
  const Message first = take(stream);
  EXPECT_EQ(first.headers.at(":event-type"), "initial-response");
  EXPECT_EQ(first.headers.at(":message-type"), "event");
  EXPECT_EQ(first.headers.at(":content-type"), "application/json");
  EXPECT_EQ(first.payload, "{}");
  const size_t before = stream.size();
  EXPECT_EQ(take(stream).payload, large);
  EXPECT_LE(before - stream.size(), large.size() + event_overhead_bytes);
  EXPECT_EQ(take(stream).payload, "");
  const Message last = take(stream);
  EXPECT_EQ(last.headers.at(":message-type"), "exception");
  EXPECT_EQ(last.headers.at(":exception-type"), "SomeException");
  EXPECT_EQ(last.payload, "{\"message\":\"m\"}");
  EXPECT_TRUE(stream.empty());
}

}  // namespace
}  // namespace millrace::aws
