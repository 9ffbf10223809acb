#include "table/item_bytes.h"

namespace millrace::table {
namespace {

using base::ByteReader;

constexpr uint8_t negative_bit = 0x80;
constexpr uint8_t size_bits = 0x1f;

// Lists, maps and sets carry their size in front.
class SizedBlock {
 public:
  explicit SizedBlock(std::string& out) : out_(out), start_(out.size()) { base::put_fixed(out, uint32_t{0}); }
  SizedBlock(const SizedBlock&) = delete;
  ~SizedBlock() {
    const auto size = static_cast<uint32_t>(out_.size() - start_ - sizeof(uint32_t));
    std::memcpy(out_.data() + start_, &size, sizeof(size));
  }

 private:
  std::string& out_;
  size_t start_;
};

void put_tag(std::string& out, Tag tag) {
  base::put_u8(out, static_cast<uint8_t>(tag));
}

void put_value(std::string& out, const AttributeValue& value);

void put_members(std::string& out, const Map& map) {
  base::put_varint(out, map.size());
  for (const auto& [name, value] : map) {
    base::put_bytes(out, name);
    put_value(out, value);
  }
}

struct PutValue {
  std::string& out;

  void operator()(const Null&) const { put_tag(out, Tag::null); }
  void operator()(bool value) const { put_tag(out, value ? Tag::boolean_true : Tag::boolean_false); }
  void operator()(const Number& number) const {
    put_tag(out, Tag::number);
    put_number(out, number);
  }
  void operator()(const std::string& text) const {
    put_tag(out, Tag::string);
    base::put_bytes(out, text);
  }
  void operator()(const Binary& binary) const {
    put_tag(out, Tag::binary);
    base::put_bytes(out, binary.bytes);
  }
  void operator()(const List& list) const {
    put_tag(out, Tag::list);
    SizedBlock block(out);
    base::put_varint(out, list.size());
    for (const auto& element : list) put_value(out, element);
  }
  void operator()(const Map& map) const {
    put_tag(out, Tag::map);
    SizedBlock block(out);
    put_members(out, map);
  }
  void operator()(const StringSet& set) const {
    put_tag(out, Tag::string_set);
    SizedBlock block(out);
    base::put_varint(out, set.size());
    for (const auto& element : set) base::put_bytes(out, element);
  }
  void operator()(const NumberSet& set) const {
    put_tag(out, Tag::number_set);
    SizedBlock block(out);
    base::put_varint(out, set.size());
    for (const auto& element : set) put_number(out, element);
  }
  void operator()(const BinarySet& set) const {
    put_tag(out, Tag::binary_set);
    SizedBlock block(out);
    base::put_varint(out, set.size());
    for (const auto& element : set) base::put_bytes(out, element.bytes);
  }
};

void put_value(std::string& out, const AttributeValue& value) {
  std::visit(PutValue{out}, value.value);
}

std::unexpected<Error> damaged() {
  return std::unexpected(damaged_item());
}

Result<AttributeValue> read_value(ByteReader& in, Tag tag, int depth);

Result<Map> read_members(ByteReader& in, int depth) {
  Map map;
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view name = in.bytes();
    const auto tag = static_cast<Tag>(in.u8());
    if (!in.ok()) return damaged();
    TRY_ASSIGN(AttributeValue value, read_value(in, tag, depth));
    map.emplace_hint(map.end(), name, std::move(value));
  }
  return map;
}

Result<AttributeValue> read_set(ByteReader& in, Tag tag) {
  const uint64_t count = in.varint();
  if (tag == Tag::number_set) {
    NumberSet set;
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      TRY_ASSIGN(Number number, read_number(in));
      set.emplace_hint(set.end(), number);
    }
    return set;
  }
  if (tag == Tag::string_set) {
    StringSet set;
    for (uint64_t i = 0; i < count && in.ok(); ++i) set.emplace_hint(set.end(), in.bytes());
    return set;
  }
  BinarySet set;
  for (uint64_t i = 0; i < count && in.ok(); ++i) set.insert(set.end(), Binary{std::string(in.bytes())});
  return set;
}

Result<AttributeValue> read_value(ByteReader& in, Tag tag, int depth) {
  if (depth > stored_nesting_max) return damaged();
  switch (tag) {
    case Tag::null:
      return AttributeValue();
    case Tag::boolean_false:
      return AttributeValue(false);
    case Tag::boolean_true:
      return AttributeValue(true);
    case Tag::number: {
      TRY_ASSIGN(Number number, read_number(in));
      return AttributeValue(number);
    }
    case Tag::string:
      return AttributeValue(std::string(in.bytes()));
    case Tag::binary:
      return AttributeValue(Binary{std::string(in.bytes())});
    case Tag::list: {
      in.fixed<uint32_t>();
      List list;
      const uint64_t count = in.varint();
      for (uint64_t i = 0; i < count; ++i) {
        const auto element_tag = static_cast<Tag>(in.u8());
        if (!in.ok()) return damaged();
        TRY_ASSIGN(AttributeValue element, read_value(in, element_tag, depth + 1));
        list.push_back(std::move(element));
      }
      return AttributeValue(std::move(list));
    }
    case Tag::map: {
      in.fixed<uint32_t>();
      TRY_ASSIGN(Map map, read_members(in, depth + 1));
      return AttributeValue(std::move(map));
    }
    case Tag::string_set:
    case Tag::number_set:
    case Tag::binary_set:
      in.fixed<uint32_t>();
      return read_set(in, tag);
  }
  return damaged();
}

// As SizeOf of item.cc, on stored bytes.
Result<size_t> size_of_value(ByteReader& in, Tag tag, int depth) {
  if (depth > stored_nesting_max) return damaged();
  switch (tag) {
    case Tag::null:
    case Tag::boolean_false:
    case Tag::boolean_true:
      return size_t{1};
    case Tag::number: {
      TRY_ASSIGN(const Number number, read_number(in));
      return number_size(number);
    }
    case Tag::string:
    case Tag::binary:
      return in.bytes().size();
    case Tag::list:
    case Tag::map: {
      in.fixed<uint32_t>();
      const uint64_t count = in.varint();
      size_t size = container_size;
      for (uint64_t i = 0; i < count && in.ok(); ++i) {
        size += element_size;
        if (tag == Tag::map) size += in.bytes().size();
        const auto element = static_cast<Tag>(in.u8());
        TRY_ASSIGN(const size_t bytes, size_of_value(in, element, depth + 1));
        size += bytes;
      }
      return size;
    }
    case Tag::string_set:
    case Tag::number_set:
    case Tag::binary_set: {
      in.fixed<uint32_t>();
      const uint64_t count = in.varint();
      const Tag element = tag == Tag::number_set ? Tag::number : Tag::string;
      size_t size = 0;
      for (uint64_t i = 0; i < count && in.ok(); ++i) {
        TRY_ASSIGN(const size_t bytes, size_of_value(in, element, depth));
        size += bytes;
      }
      return size;
    }
  }
  return damaged();
}

}  // namespace

Error damaged_item() {
  return {ErrorKind::corrupt, "the stored bytes of an item are damaged"};
}

void put_number(std::string& out, const Number& number) {
  UInt128 coefficient = number.coefficient();
  char bytes[sizeof(coefficient)];
  std::memcpy(bytes, &coefficient, sizeof(coefficient));
  uint8_t size = 0;
  for (; coefficient != 0; coefficient >>= 8) ++size;
  base::put_u8(out, size | (number.negative() ? negative_bit : 0));
  if (size == 0) return;
  base::put_signed_varint(out, number.exponent());
  out.append(bytes, size);
}

Result<Number> read_number(ByteReader& in) {
  const uint8_t header = in.u8();
  const uint8_t size = header & size_bits;
  if (size == 0) return Number();
  const int64_t exponent = in.signed_varint();
  UInt128 coefficient = 0;
  if (size > sizeof(coefficient)) return damaged();
  const std::string_view bytes = in.raw(size);
  if (!in.ok()) return damaged();
  std::memcpy(&coefficient, bytes.data(), size);
  auto number = Number::checked_from_parts((header & negative_bit) != 0, coefficient, exponent);
  if (!number) return damaged();
  return *number;
}

bool skip_value(ByteReader& in, Tag tag) {
  switch (tag) {
    case Tag::null:
    case Tag::boolean_false:
    case Tag::boolean_true:
      return true;
    case Tag::number: {
      const uint8_t size = in.u8() & size_bits;
      if (size == 0) return true;
      in.signed_varint();
      in.raw(size);
      return true;
    }
    case Tag::string:
    case Tag::binary:
      in.bytes();
      return true;
    case Tag::list:
    case Tag::map:
    case Tag::string_set:
    case Tag::number_set:
    case Tag::binary_set:
      in.raw(in.fixed<uint32_t>());
      return true;
  }
  return false;
}

void put_item(std::string& out, const Item& item) {
  base::put_u8(out, item_format);
  put_members(out, item);
}

Result<Item> get_item(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != item_format) return damaged();
  TRY_ASSIGN(Item item, read_members(in, 0));
  if (!in.ok() || !in.done()) return damaged();
  return item;
}

Result<size_t> stored_item_size(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != item_format) return damaged();
  const uint64_t count = in.varint();
  size_t size = 0;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    size += in.bytes().size();
    const auto tag = static_cast<Tag>(in.u8());
    TRY_ASSIGN(const size_t value, size_of_value(in, tag, 0));
    size += value;
  }
  if (!in.ok() || !in.done()) return damaged();
  return size;
}

Result<std::optional<AttributeValue>> get_attribute(std::string_view bytes, std::string_view name) {
  ByteReader in(bytes);
  if (in.u8() != item_format) return damaged();
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view each = in.bytes();
    const auto tag = static_cast<Tag>(in.u8());
    if (!in.ok()) return damaged();
    const int order = each.compare(name);
    if (order > 0) break;
    if (order == 0) {
      TRY_ASSIGN(AttributeValue value, read_value(in, tag, 0));
      if (!in.ok()) return damaged();
      return std::optional(std::move(value));
    }
    if (!skip_value(in, tag) || !in.ok()) return damaged();
  }
  if (!in.ok()) return damaged();
  return std::nullopt;
}

}  // namespace millrace::table
