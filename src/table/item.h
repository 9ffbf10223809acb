#pragma once
// An item: attributes by name, each a value of DynamoDB's ten types; its stored bytes and its JSON.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
// Pure values; any thread.

#include <simdjson.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "table/number.h"

namespace millrace::table {

struct AttributeValue;

struct Null {
  bool operator==(const Null&) const = default;
};
struct Binary {
  std::string bytes;
  auto operator<=>(const Binary&) const = default;
};
using List = std::vector<AttributeValue>;
using Map = std::map<std::string, AttributeValue, std::less<>>;
using StringSet = std::set<std::string>;
using NumberSet = std::set<Number>;
using BinarySet = std::set<Binary>;

struct AttributeValue {
  std::variant<Null, bool, Number, std::string, Binary, List, Map, StringSet, NumberSet, BinarySet> value;

  AttributeValue() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, AttributeValue>) AttributeValue(T&& v) : value(std::forward<T>(v)) {}
  AttributeValue(const char* text) : value(std::string(text)) {}
  AttributeValue(int v) : value(Number(v)) {}
  AttributeValue(int64_t v) : value(Number(v)) {}

  bool operator==(const AttributeValue& other) const;

  // "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS".
  std::string_view type_name() const;
  const std::string* string() const { return std::get_if<std::string>(&value); }
  const Number* number() const { return std::get_if<Number>(&value); }
};

using Item = Map;

inline constexpr size_t item_bytes_max = 400 * 1024;  // DynamoDB's limit, by item_size()
inline constexpr int nesting_max = 32;

size_t item_size(const Item& item);  // as DynamoDB counts: UTF-8 names plus values

// Stored bytes: compact, attributes in the order of their names, so equal items have equal bytes.
void put_item(std::string& out, const Item& item);
Result<Item> get_item(std::string_view bytes);  // corrupt
// One top-level attribute out of stored bytes, without decoding the rest; nullopt: absent.
Result<std::optional<AttributeValue>> get_attribute(std::string_view bytes, std::string_view name);

// JSON as on the wire: {"id": {"S": "p1"}, "price": {"N": "12.50"}}.
void put_json(std::string& out, const Item& item);
void put_json(std::string& out, const AttributeValue& value);
void put_json_string(std::string& out, std::string_view text);  // quoted and escaped
// Straight from stored bytes to JSON, without an Item in between: the path of GetItem.
Result<void> put_json_of_stored(std::string& out, std::string_view bytes);
// invalid_argument in DynamoDB's words: wrong type, empty set, duplicates in a set, nesting, bad number, bad base64.
Result<Item> item_from_json(simdjson::ondemand::object object);
Result<AttributeValue> value_from_json(simdjson::ondemand::value value);
// Whether such an error says that the JSON itself is wrong (no JSON, a number where a string belongs, bad base64): on
// the wire that is a SerializationException and not a ValidationException.
bool is_wrong_json(const Error& error);
// The error of a JSON parser's answer, with is_wrong_json().
Error wrong_json(simdjson::error_code code);
// A JSON value that must be a string, a boolean or an object; null is refused, so ask is_null() first where it means
// "absent". The view lives as long as the parser's document.
Result<std::string_view> string_from_json(simdjson::ondemand::value value);
Result<bool> boolean_from_json(simdjson::ondemand::value value);
Result<simdjson::ondemand::object> object_from_json(simdjson::ondemand::value value);

}  // namespace millrace::table
