#pragma once
// Keys of items, as bytes whose order is that of the items: two bytes of the hash key's checksum (what parallel scans
// split by, as DynamoDB's partitions are), the hash key so that it tells where it ends, and the range key in its own
// order. So a Query is one range. docs/store-layout.md has the grammar. Pure; any thread.
//
// Failure: invalid_argument in DynamoDB's words.

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "table/table.h"

namespace millrace::table {

inline constexpr size_t hash_key_bytes_max = 2048;
inline constexpr size_t range_key_bytes_max = 1024;
inline constexpr uint32_t key_buckets = 65536;  // how many values the leading two bytes have

// What a Query may ask for: the key of a table or of an index. Views the definition.
struct KeySchema {
  std::span<const KeyAttribute> hash;
  std::span<const KeyAttribute> range;
};
KeySchema schema_of(const TableDefinition& table);
KeySchema schema_of(const IndexDefinition& index);

// Appends the key of an item; other attributes may be there.
Result<void> put_key_of_item(std::string& out, const TableDefinition& table, const Item& item);
// The same for what must be a key and nothing else.
Result<void> put_key(std::string& out, const TableDefinition& table, const Item& key);

// A value of a key that lies outside of an item: text or bytes, or a number.
using KeyValue = std::variant<std::string_view, Number>;
// The same for values of the table's types; `range` counts if the table has a range key.
Result<void> put_key(std::string& out, const TableDefinition& table, const KeyValue& hash, const KeyValue& range);

// The parts, of values whose type was checked.
KeyValue key_value(const AttributeValue& value);
void put_hash_key(std::string& out, const KeyValue& value);
void put_hash_key(std::string& out, std::span<const KeyValue> values);
void put_range_key(std::string& out, const KeyValue& value);
// A part that is followed by others, in the key of an index: it tells where it ends. The prefix is how all texts that
// begin with it begin.
void put_inner_key(std::string& out, const KeyValue& value);
void put_inner_key_prefix(std::string& out, std::string_view text);

Item key_attributes(const TableDefinition& table, const Item& item);
bool has_type(const AttributeValue& value, KeyType type);
std::string_view type_name(KeyType type);  // "S", "N", "B"

// The first key after all that begin with the prefix; empty: there is none.
std::string end_of_prefix(std::string prefix);

}  // namespace millrace::table
