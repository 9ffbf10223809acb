#pragma once
// An item: attributes by name, each a value of DynamoDB's ten types; and its stored bytes. JSON: item_json.h.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
// Pure values; any thread.

#include <map>
#include <memory>
#include <optional>
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
inline constexpr int nesting_max = 31;                // lists and maps around a value
inline constexpr std::string_view nested_too_deep =
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";
inline constexpr size_t attribute_name_bytes_max = 65'535;

size_t item_size(const Item& item);                       // as DynamoDB counts: UTF-8 names plus values
int item_nesting(const Item& item);                       // most lists and maps around a value in it
Result<size_t> stored_item_size(std::string_view bytes);  // the same of stored bytes; corrupt

// Stored bytes: compact, attributes in the order of their names, so equal items have equal bytes.
void put_item(std::string& out, const Item& item);
Result<Item> get_item(std::string_view bytes);  // corrupt
// One top-level attribute out of stored bytes, without decoding the rest; nullopt: absent.
Result<std::optional<AttributeValue>> get_attribute(std::string_view bytes, std::string_view name);

}  // namespace millrace::table
