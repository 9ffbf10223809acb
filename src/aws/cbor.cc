#include "aws/cbor.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

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

double half_to_double(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  double value;
  if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else if (exponent == 31) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else {
    value = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

}  // namespace

Kind Reader::wrong() {
  is_wrong_ = true;
  rest_ = {};
  return Kind::wrong;
}

bool Reader::head(Head& head) {
  if (rest_.empty()) return false;
  const auto first = static_cast<uint8_t>(rest_.front());
  head.major = first >> 5;
  head.info = first & 31;
  head.argument = head.info;
  rest_.remove_prefix(1);
  if (head.info < 24) return true;
  if (head.info == indefinite) {
    return head.major == byte_string || head.major == text_string || head.major == array || head.major == map ||
           head.major == simple;
  }
  if (head.info > 27) return false;
  const size_t size = size_t{1} << (head.info - 24);
  if (rest_.size() < size) return false;
  head.argument = 0;
  for (size_t i = 0; i < size; ++i) head.argument = head.argument << 8 | static_cast<uint8_t>(rest_[i]);
  rest_.remove_prefix(size);
  return true;
}

Kind Reader::next() {
  if (is_wrong_) return Kind::wrong;
  if (depth_ > 0) {
    Open& open = open_[depth_ - 1];
    if (!open.is_indefinite && open.left-- == 0) {
      --depth_;
      return Kind::end;
    }
    if (open.is_indefinite && rest_.starts_with('\xff')) {
      if (open.is_at_value) return wrong();
      rest_.remove_prefix(1);
      --depth_;
      return Kind::end;
    }
    if (open.is_map) open.is_at_value = !open.is_at_value;
  }
  Head next;
  do {
    if (!head(next)) return wrong();
    if (next.major == tag && next.argument == time_tag) return tagged_time();
  } while (next.major == tag);
  return item(next);
}

Kind Reader::item(const Head& head) {
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  switch (head.major) {
    case unsigned_integer:
      integer_ = static_cast<int64_t>(std::min(head.argument, most));
      return Kind::integer;
    case negative_integer:
      integer_ = ~static_cast<int64_t>(std::min(head.argument, most));
      return Kind::integer;
    case byte_string:
      return string(head, Kind::bytes);
    case text_string:
      return string(head, Kind::text);
    case array:
      return open(head, false);
    case map:
      return open(head, true);
    case simple:
      return simple_item(head);
    default:
      return wrong();
  }
}

Kind Reader::string(const Head& head, Kind kind) {
  if (head.info != indefinite) {
    if (head.argument > rest_.size()) return wrong();
    text_ = rest_.substr(0, head.argument);
    rest_.remove_prefix(head.argument);
  } else {
    if (joined_.size() == pieced_max) return wrong();
    std::string whole;
    while (!rest_.starts_with('\xff')) {
      Head piece;
      if (!this->head(piece) || piece.major != head.major || piece.info == indefinite ||
          piece.argument > rest_.size()) {
        return wrong();
      }
      whole.append(rest_.substr(0, piece.argument));
      rest_.remove_prefix(piece.argument);
    }
    rest_.remove_prefix(1);
    text_ = joined_.emplace_back(std::move(whole));
  }
  if (kind == Kind::text && !simdjson::validate_utf8(text_.data(), text_.size())) return wrong();
  return kind;
}

Kind Reader::open(const Head& head, bool is_map) {
  const bool is_indefinite = head.info == indefinite;
  // Each item has a byte at least, so a number beyond them is wrong at once.
  if (depth_ == depth_max || (!is_indefinite && head.argument > rest_.size())) return wrong();
  open_[depth_++] = {.left = is_map ? head.argument * 2 : head.argument,
                     .is_indefinite = is_indefinite,
                     .is_map = is_map,
                     .is_at_value = false};
  return is_map ? Kind::map : Kind::list;
}

Kind Reader::simple_item(const Head& head) {
  switch (head.info) {
    case 20:
    case 21:
      integer_ = head.info == 21;
      return Kind::boolean;
    case 22:
    case 23:
      return Kind::null;
    case 25:
      floating_ = half_to_double(static_cast<uint16_t>(head.argument));
      return Kind::floating;
    case 26:
      floating_ = std::bit_cast<float>(static_cast<uint32_t>(head.argument));
      return Kind::floating;
    case 27:
      floating_ = std::bit_cast<double>(head.argument);
      return Kind::floating;
    default:
      return wrong();
  }
}

Kind Reader::tagged_time() {
  Head head;
  if (!this->head(head)) return wrong();
  const Kind kind = item(head);
  if (kind == Kind::integer) return Kind::time;
  if (kind != Kind::floating || std::isnan(floating_)) return wrong();
  constexpr double most = 9.2e18;
  integer_ = std::llround(std::clamp(floating_ * 1000, -most, most));
  return Kind::time;
}

void Reader::skip(Kind kind) {
  if (kind != Kind::list && kind != Kind::map) return;
  const size_t outside = depth_ - 1;
  while (depth_ > outside && next() != Kind::wrong) {
  }
}

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
