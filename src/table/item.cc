#include "table/item.h"

#include <algorithm>
#include <array>

#include "data/text.h"
#include "table/item_bytes.h"

namespace millrace::table {
namespace {

constexpr std::array<std::string_view, 10> type_names = {"NULL", "BOOL", "N", "S", "B", "L", "M", "SS", "NS", "BS"};

struct SizeOf {
  size_t operator()(const Null&) const { return 1; }
  size_t operator()(bool) const { return 1; }
  size_t operator()(const Number& number) const { return number_size(number); }
  size_t operator()(const std::string& text) const { return text.size(); }
  size_t operator()(const Binary& binary) const { return binary.bytes.size(); }
  size_t operator()(const List& list) const {
    size_t size = container_size;
    for (const auto& element : list) size += element_size + std::visit(*this, element.value);
    return size;
  }
  size_t operator()(const Map& map) const {
    size_t size = container_size;
    for (const auto& [name, element] : map) size += element_size + name.size() + std::visit(*this, element.value);
    return size;
  }
  template <class Element>
  size_t operator()(const std::set<Element>& set) const {
    size_t size = 0;
    for (const auto& element : set) size += (*this)(element);
    return size;
  }
};

}  // namespace

size_t number_size(const Number& number) {
  if (number.digits() == 0) return 1;
  // A byte for every pair of digits, paired from the decimal point, and one for the exponent.
  const int64_t lowest = number.exponent();
  const int64_t highest = lowest + number.digits() - 1;
  const int64_t pairs = data::floor_divide(highest, 2) - data::floor_divide(lowest, 2) + 1;
  return static_cast<size_t>(pairs) + 1 + (number.negative() ? 1 : 0);
}

bool AttributeValue::operator==(const AttributeValue& other) const {
  return value == other.value;
}

std::string_view AttributeValue::type_name() const {
  return type_names[value.index()];
}

namespace {

int nesting_of(const AttributeValue& value) {
  int inner = 0;
  if (const auto* map = std::get_if<Map>(&value.value)) {
    for (const auto& [name, element] : *map) inner = std::max(inner, nesting_of(element));
    return inner + 1;
  }
  if (const auto* list = std::get_if<List>(&value.value)) {
    for (const auto& element : *list) inner = std::max(inner, nesting_of(element));
    return inner + 1;
  }
  return 0;
}

}  // namespace

int item_nesting(const Item& item) {
  int most = 0;
  for (const auto& [name, value] : item) most = std::max(most, nesting_of(value));
  return most;
}

size_t item_size(const Item& item) {
  size_t size = 0;
  for (const auto& [name, value] : item) size += name.size() + std::visit(SizeOf(), value.value);
  return size;
}

}  // namespace millrace::table
