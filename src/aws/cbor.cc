#include "aws/cbor.h"

#include "base/bytes.h"

namespace millrace::aws::cbor {
namespace {

enum Major : uint8_t {
  unsigned_integer = 0,
  negative_integer = 1,
  byte_string = 2,
  text_string = 3,
  array = 4,
  map = 5,
  tag = 6,
  simple = 7,
};

constexpr uint8_t indefinite = 31;
constexpr uint64_t time_tag = 1;

void append_head(std::string& out, Major major, uint64_t argument) {
  const auto first = static_cast<uint8_t>(major << 5);
  if (argument < 24) {
    base::put_u8(out, first | static_cast<uint8_t>(argument));
  } else if (argument <= 0xff) {
    base::put_u8(out, first | 24);
    base::put_u8(out, static_cast<uint8_t>(argument));
  } else if (argument <= 0xffff) {
    base::put_u8(out, first | 25);
    base::put_fixed(out, __builtin_bswap16(static_cast<uint16_t>(argument)));
  } else if (argument <= 0xffffffff) {
    base::put_u8(out, first | 26);
    base::put_be32(out, static_cast<uint32_t>(argument));
  } else {
    base::put_u8(out, first | 27);
    base::put_be64(out, argument);
  }
}

}  // namespace

void append_integer(std::string& out, int64_t number) {
  // A negative n is written as -1 - n, which is n's complement.
  if (number < 0) return append_head(out, negative_integer, ~static_cast<uint64_t>(number));
  append_head(out, unsigned_integer, static_cast<uint64_t>(number));
}

void append_text(std::string& out, std::string_view text) {
  append_head(out, text_string, text.size());
  out.append(text);
}

void append_bytes(std::string& out, std::string_view bytes) {
  append_head(out, byte_string, bytes.size());
  out.append(bytes);
}

void append_boolean(std::string& out, bool value) {
  append_head(out, simple, value ? 21 : 20);
}

void append_time(std::string& out, ProcessingTime time) {
  append_head(out, tag, time_tag);
  append_integer(out, time.value);
}

void begin_map(std::string& out) {
  base::put_u8(out, map << 5 | indefinite);
}

void begin_list(std::string& out) {
  base::put_u8(out, array << 5 | indefinite);
}

void end(std::string& out) {
  base::put_u8(out, simple << 5 | indefinite);
}

}  // namespace millrace::aws::cbor
