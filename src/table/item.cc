#include "table/item.h"

#include <algorithm>
#include <array>

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
  return static_cast<size_t>(number.digits() + 1) / 2 + 1 + (number.negative() ? 1 : 0);
}

bool AttributeValue::operator==(const AttributeValue& other) const {
  return value == other.value;
}

std::string_view AttributeValue::type_name() const {
  return type_names[value.index()];
}

size_t item_size(const Item& item) {
  size_t size = 0;
  for (const auto& [name, value] : item) size += name.size() + std::visit(SizeOf(), value.value);
  return size;
}

}  // namespace millrace::table
