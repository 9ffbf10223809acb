#pragma once
// CBOR as AWS speaks it (application/x-amz-cbor-1.1): blobs are byte strings, times are tag 1 with whole milliseconds
// since 1970 (where RFC 8949 has seconds). Pure; any thread.
// https://www.rfc-editor.org/rfc/rfc8949

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace millrace::aws::cbor {

enum class Kind : uint8_t {
  integer,
  floating,
  boolean,
  null,  // or undefined
  text,
  bytes,
  time,
  list,
  map,
  end,    // of the list or map that was begun last, whether its length was said or not
  wrong,  // not CBOR, or beyond a bound of the reader; nothing but this follows
};

// Walks the items of a body one by one, where they lie: a list or map is followed by its items (of a map: a key, a
// value,
// ...) and an end. The text of strings that came in pieces is kept by the reader; all others are views of the body.
class Reader {
 public:
  static constexpr size_t depth_max = 64;
  static constexpr size_t pieced_max = 10'000;  // strings that come in pieces

  explicit Reader(std::string_view body) : rest_(body) {}

  // Goes to the next item. Tags but the one for times are ignored; a time with a fraction is in seconds.
  Kind next();
  // Goes behind the list or map that was just begun, of which nothing was read; `kind` is what next() said.
  void skip(Kind kind);

  // Of the item that next() went to. Integers beyond 64 bits are the last of them.
  int64_t integer() const { return integer_; }
  double floating() const { return floating_; }
  bool boolean() const { return integer_ != 0; }
  ProcessingTime time() const { return ProcessingTime(integer_); }
  std::string_view text() const { return text_; }  // valid UTF-8
  std::string_view bytes() const { return text_; }

  // Whether the body was one item, which is behind.
  bool is_done() const { return rest_.empty() && depth_ == 0 && !is_wrong_; }

 private:
  struct Open {
    uint64_t left;  // items, if their number was said
    bool is_indefinite;
    bool is_map;
    bool is_at_value;  // of a map of unknown length: a key was read
  };
  struct Head {
    uint8_t major;
    uint8_t info;
    uint64_t argument;
  };

  bool head(Head& head);
  Kind item(const Head& head);
  Kind string(const Head& head, Kind kind);
  Kind open(const Head& head, bool is_map);
  Kind simple_item(const Head& head);
  Kind tagged_time();
  Kind wrong();

  std::string_view rest_;
  std::array<Open, depth_max> open_;
  size_t depth_ = 0;
  bool is_wrong_ = false;
  int64_t integer_ = 0;
  double floating_ = 0;
  std::string_view text_;
  std::deque<std::string> joined_;  // together no more than the body
};

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
