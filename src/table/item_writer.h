#pragma once
// Writes an item's stored bytes attribute by attribute, without making an Item: the path of a job's upserts. Attributes
// are added in the ascending order of their names, as many as was said. One thread.

#include <string>
#include <string_view>

#include "table/item_bytes.h"
#include "table/number.h"

namespace millrace::table {

class ItemWriter {
 public:
  ItemWriter(std::string& out, size_t attributes) : out_(out) {
    base::put_u8(out_, item_format);
    base::put_varint(out_, attributes);
  }

  void null(std::string_view name) { begin(name, Tag::null); }
  void boolean(std::string_view name, bool value) { begin(name, value ? Tag::boolean_true : Tag::boolean_false); }
  void number(std::string_view name, const Number& value) {
    begin(name, Tag::number);
    put_number(out_, value);
  }
  void text(std::string_view name, std::string_view value) {
    begin(name, Tag::string);
    base::put_bytes(out_, value);
  }

 private:
  void begin(std::string_view name, Tag tag) {
    base::put_bytes(out_, name);
    base::put_u8(out_, static_cast<uint8_t>(tag));
  }

  std::string& out_;
};

}  // namespace millrace::table
