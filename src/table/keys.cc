#include "table/keys.h"

#include "base/bytes.h"

namespace millrace::table {
namespace {

// A zero byte inside is followed by `zero_follows`, the end is a zero followed by less; so "a" sorts before "a\0".
constexpr char zero_follows = '\xff';
constexpr char end_follows = '\x01';

void put_escaped(std::string& out, std::string_view bytes) {
  for (size_t at; (at = bytes.find('\0')) != std::string_view::npos; bytes.remove_prefix(at + 1)) {
    out.append(bytes.substr(0, at + 1));
    out.push_back(zero_follows);
  }
  out.append(bytes);
}

void put_delimited(std::string& out, std::string_view bytes) {
  put_escaped(out, bytes);
  out.push_back('\0');
  out.push_back(end_follows);
}

// An attribute of a key that is there and has its type.
Result<void> check_content(const KeyAttribute& attribute, const KeyValue& value, bool is_hash) {
  if (std::holds_alternative<Number>(value) != (attribute.type == KeyType::number)) {
    return fail(ErrorKind::invalid_argument, "The provided key element does not match the schema");
  }
  if (attribute.type == KeyType::number) return {};
  const std::string_view bytes = std::get<std::string_view>(value);
  if (bytes.empty()) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                "empty {} value. Key: {}",
                attribute.type == KeyType::string ? "string" : "binary", attribute.name);
  }
  if (is_hash && bytes.size() > hash_key_bytes_max) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of{} "
                "bytes",
                hash_key_bytes_max);
  }
  if (!is_hash && bytes.size() > range_key_bytes_max) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size "
                "limit of {} bytes",
                range_key_bytes_max);
  }
  return {};
}

Result<const AttributeValue*> find_in_item(const KeyAttribute& attribute, const Item& item) {
  const auto at = item.find(attribute.name);
  if (at == item.end()) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Missing the key {} in the item", attribute.name);
  }
  if (!has_type(at->second, attribute.type)) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Type mismatch for key {} expected: {} actual: {}",
                attribute.name, type_name(attribute.type), at->second.type_name());
  }
  return &at->second;
}

Result<const AttributeValue*> find_in_key(const KeyAttribute& attribute, const Item& key) {
  const auto at = key.find(attribute.name);
  if (at == key.end() || !has_type(at->second, attribute.type)) {
    return fail(ErrorKind::invalid_argument, "The provided key element does not match the schema");
  }
  return &at->second;
}

template <class Find>
Result<void> put_parts(std::string& out, const TableDefinition& table, const Item& item, Find find) {
  TRY_ASSIGN(const AttributeValue* hash, find(table.hash_key, item));
  const AttributeValue* range = nullptr;
  if (table.range_key) {
    TRY_ASSIGN(range, find(*table.range_key, item));
  }
  return put_key(out, table, key_value(*hash), range ? key_value(*range) : KeyValue());
}

}  // namespace

KeySchema schema_of(const TableDefinition& table) {
  KeySchema schema;
  schema.hash = std::span(&table.hash_key, 1);
  if (table.range_key) schema.range = std::span(&*table.range_key, 1);
  return schema;
}

KeySchema schema_of(const IndexDefinition& index) {
  return {index.hash_key, index.range_key};
}

bool has_type(const AttributeValue& value, KeyType type) {
  switch (type) {
    case KeyType::string:
      return value.string() != nullptr;
    case KeyType::number:
      return value.number() != nullptr;
    case KeyType::binary:
      return std::holds_alternative<Binary>(value.value);
  }
  return false;
}

std::string_view type_name(KeyType type) {
  switch (type) {
    case KeyType::string:
      return "S";
    case KeyType::number:
      return "N";
    case KeyType::binary:
      return "B";
  }
  return "";
}

Result<void> put_key_of_item(std::string& out, const TableDefinition& table, const Item& item) {
  return put_parts(out, table, item, find_in_item);
}

Result<void> put_key(std::string& out, const TableDefinition& table, const Item& key) {
  if (key.size() != (table.range_key ? 2u : 1u)) {
    return fail(ErrorKind::invalid_argument, "The provided key element does not match the schema");
  }
  return put_parts(out, table, key, find_in_key);
}

Result<void> put_key(std::string& out, const TableDefinition& table, const KeyValue& hash, const KeyValue& range) {
  TRY(check_content(table.hash_key, hash, true));
  if (table.range_key) TRY(check_content(*table.range_key, range, false));
  put_hash_key(out, hash);
  if (table.range_key) put_range_key(out, range);
  return {};
}

KeyValue key_value(const AttributeValue& value) {
  if (const auto* number = value.number()) return *number;
  if (const auto* text = value.string()) return *text;
  return std::get<Binary>(value.value).bytes;
}

void put_hash_key(std::string& out, const KeyValue& value) {
  put_hash_key(out, std::span(&value, 1));
}

void put_hash_key(std::string& out, std::span<const KeyValue> values) {
  const size_t bucket_at = out.size();
  out.append(2, '\0');
  const size_t value_at = out.size();
  for (const KeyValue& value : values) put_inner_key(out, value);
  const uint32_t checksum = base::crc32c(std::string_view(out).substr(value_at));
  out[bucket_at] = static_cast<char>(checksum >> 24);
  out[bucket_at + 1] = static_cast<char>(checksum >> 16);
}

void put_range_key(std::string& out, const KeyValue& value) {
  if (const auto* number = std::get_if<Number>(&value)) {
    number->put_sortable(out);
  } else {
    out.append(std::get<std::string_view>(value));
  }
}

void put_inner_key(std::string& out, const KeyValue& value) {
  if (const auto* number = std::get_if<Number>(&value)) {
    number->put_sortable(out);
  } else {
    put_delimited(out, std::get<std::string_view>(value));
  }
}

void put_inner_key_prefix(std::string& out, std::string_view text) {
  put_escaped(out, text);
}

Item key_attributes(const TableDefinition& table, const Item& item) {
  Item key;
  if (const auto hash = item.find(table.hash_key.name); hash != item.end()) key.insert(*hash);
  if (!table.range_key) return key;
  if (const auto range = item.find(table.range_key->name); range != item.end()) key.insert(*range);
  return key;
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace millrace::table
