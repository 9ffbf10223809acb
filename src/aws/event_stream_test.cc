#include "aws/event_stream.h"

#include <gtest/gtest.h>

#include "aws/test_event_stream.h"

namespace millrace::aws {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
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
  const EventMessage first = take_message(stream);
  EXPECT_EQ(first.headers.at(":event-type"), "initial-response");
  EXPECT_EQ(first.headers.at(":message-type"), "event");
  EXPECT_EQ(first.headers.at(":content-type"), "application/json");
  EXPECT_EQ(first.payload, "{}");
  const size_t before = stream.size();
  EXPECT_EQ(take_message(stream).payload, large);
  EXPECT_LE(before - stream.size(), large.size() + event_overhead_bytes);
  EXPECT_EQ(take_message(stream).payload, "");
  const EventMessage last = take_message(stream);
  EXPECT_EQ(last.headers.at(":message-type"), "exception");
  EXPECT_EQ(last.headers.at(":exception-type"), "SomeException");
  EXPECT_EQ(last.payload, "{\"message\":\"m\"}");
  EXPECT_TRUE(stream.empty());
}

}  // namespace
}  // namespace millrace::aws
