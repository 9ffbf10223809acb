#pragma once
// An item's stored bytes, for those who walk them without making an Item.
//
//   item      = format (1 byte) count { name value }         names ascending, count and sizes as varints
//   name      = size bytes
//   value     = tag content
//   number    = header [exponent (zigzag varint) coefficient (little-endian)]
//               header: size of the coefficient, 0x80 if negative; 0 is zero
//   string, binary = size bytes
//   list      = bytes (4, little-endian) count { value }      bytes: so that a reader can step over it
//   map       = bytes count { name value }
//   sets      = bytes count { string | number | binary without tag }
//
// Pure; any thread. What is read may be damaged: ByteReader::ok() says so in the end.

#include "base/bytes.h"
#include "table/item.h"

namespace millrace::table {

inline constexpr uint8_t item_format = 1;
// Readers take more than nesting_max, so that a lower limit of writers leaves no item unreadable; it bounds recursion.
inline constexpr int stored_nesting_max = 128;

enum class Tag : uint8_t {
  null = 0,
  boolean_false = 1,
  boolean_true = 2,
  number = 3,
  string = 4,
  binary = 5,
  list = 6,
  map = 7,
  string_set = 8,
  number_set = 9,
  binary_set = 10,
};

// What DynamoDB counts a number, a list or a map, and each of their elements as.
size_t number_size(const Number& number);
inline constexpr size_t container_size = 3;
inline constexpr size_t element_size = 1;

void put_number(std::string& out, const Number& number);
Result<Number> read_number(base::ByteReader& in);
// Steps over the value whose tag has been read; false: no such tag.
bool skip_value(base::ByteReader& in, Tag tag);
Error damaged_item();

}  // namespace millrace::table
