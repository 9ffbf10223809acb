#include "engine/key_table.h"

#include <bit>

#include "base/bytes.h"

namespace millrace::engine {

using data::Column;
using data::TypeKind;

namespace {

constexpr char null_mark = 0;
constexpr char value_mark = 1;

// A lone text is its own key, so the common case copies nothing; a NULL is a zero byte, and a text that begins with one
// gets two bytes in front.
bool plain(std::string_view text) {
  return text.empty() || text[0] != null_mark;
}

}  // namespace

void put_key_value(std::string& out, const Column& column, size_t row) {
  if (column.is_null(row)) {
    out.push_back(null_mark);
    return;
  }
  out.push_back(value_mark);
  switch (column.type.kind) {
    case TypeKind::boolean:
      out.push_back(static_cast<char>(column.booleans()[row]));
      break;
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      base::put_signed_varint(out, column.integers()[row]);
      break;
    case TypeKind::real: {
      // -0.0 and 0.0 are one key.
      const double v = column.reals()[row] + 0.0;
      base::put_fixed(out, v);
      break;
    }
    case TypeKind::decimal:
      base::put_fixed(out, column.decimals()[row]);
      break;
    case TypeKind::string:
      base::put_bytes(out, column.strings()[row]);
      break;
  }
}

void get_key_value(base::ByteReader& in, Column& column, size_t row) {
  if (in.u8() == null_mark) return column.set_null(row);
  column.valid[row] = 1;
  switch (column.type.kind) {
    case TypeKind::boolean:
      column.booleans()[row] = in.u8();
      break;
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      column.integers()[row] = in.signed_varint();
      break;
    case TypeKind::real:
      column.reals()[row] = in.fixed<double>();
      break;
    case TypeKind::decimal:
      column.decimals()[row] = in.fixed<data::Int128>();
      break;
    case TypeKind::string:
      column.strings()[row] = in.bytes();
      break;
  }
}

void KeyEncoder::encode(const std::vector<const Column*>& columns, size_t rows) {
  keys_.resize(rows);
  bytes_.clear();
  ends_.clear();
  if (columns.size() == 1 && columns[0]->type.kind == TypeKind::string) {
    const Column& column = *columns[0];
    bool all_plain = true;
    for (size_t i = 0; i < rows; ++i) {
      keys_[i] = column.strings()[i];
      all_plain &= column.valid[i] && plain(keys_[i]);
    }
    if (all_plain) return;
    for (size_t i = 0; i < rows; ++i) {
      if (column.valid[i] && plain(keys_[i])) {
        bytes_ += keys_[i];
      } else {
        bytes_.push_back(null_mark);
        if (column.valid[i]) {
          bytes_.push_back(value_mark);
          bytes_ += keys_[i];
        }
      }
      ends_.push_back(bytes_.size());
    }
  } else {
    for (size_t i = 0; i < rows; ++i) {
      for (const Column* column : columns) put_key_value(bytes_, *column, i);
      ends_.push_back(bytes_.size());
    }
  }
  size_t from = 0;
  for (size_t i = 0; i < rows; ++i) {
    keys_[i] = std::string_view(bytes_).substr(from, ends_[i] - from);
    from = ends_[i];
  }
}

void KeyEncoder::decode(std::string_view key, const std::vector<Column*>& out, size_t row) const {
  if (types_.size() == 1 && types_[0].kind == TypeKind::string) {
    if (key.size() == 1 && key[0] == null_mark) return out[0]->set_null(row);
    if (!plain(key)) key.remove_prefix(2);
    out[0]->strings()[row] = key;
    out[0]->valid[row] = 1;
    return;
  }
  base::ByteReader in(key);
  for (Column* column : out) get_key_value(in, *column, row);
  CHECK(in.ok() && in.done());
}

uint32_t KeyTable::add(std::string_view key) {
  return add(key, base::hash64(key));
}

void KeyTable::add_all(const std::vector<std::string_view>& keys, std::vector<uint32_t>& numbers) {
  const auto key_of = [&](size_t i) { return keys[i]; };
  add_each(keys.size(), key_of, numbers);
}

void KeyTable::add_all(const std::vector<std::string_view>& keys, const std::vector<uint32_t>& rows,
                       std::vector<uint32_t>& numbers) {
  const auto key_of = [&](size_t i) { return keys[rows[i]]; };
  add_each(rows.size(), key_of, numbers);
}

template <class KeyOf>
void KeyTable::add_each(size_t count, KeyOf key_of, std::vector<uint32_t>& numbers) {
  numbers.resize(count);
  hashes_.resize(count);
  for (size_t i = 0; i < count; ++i) hashes_[i] = base::hash64(key_of(i));
  // What a key needs is fetched in three steps, each of which needs the one before: its slot, the view of the key that
  // is there, that key's bytes.
  constexpr size_t slots_ahead = 24;
  constexpr size_t views_ahead = 16;
  constexpr size_t bytes_ahead = 8;
  grow(1);
  for (size_t i = 0; i < count; ++i) {
    const size_t mask = slots_.size() - 1;
    if (i + slots_ahead < count) __builtin_prefetch(&slots_[hashes_[i + slots_ahead] & mask], 1);
    if (i + views_ahead < count) {
      if (const auto slot = static_cast<uint32_t>(slots_[hashes_[i + views_ahead] & mask])) {
        __builtin_prefetch(&keys_[slot - 1]);
      }
    }
    if (i + bytes_ahead < count) {
      if (const auto slot = static_cast<uint32_t>(slots_[hashes_[i + bytes_ahead] & mask])) {
        __builtin_prefetch(keys_[slot - 1].data());
      }
    }
    numbers[i] = add(key_of(i), hashes_[i]);
  }
}

uint32_t KeyTable::add(std::string_view key, uint64_t hash) {
  grow(keys_.size() + 1);
  const uint64_t mark = hash >> 32 << 32;
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const uint64_t slot = slots_[at];
    if (slot == 0) {
      const auto number = static_cast<uint32_t>(keys_.size());
      CHECK(number < none - 1);
      slots_[at] = mark | (number + 1);
      keys_.push_back(arena_.copy(key));
      return number;
    }
    if ((slot ^ mark) >> 32 == 0) {
      const auto number = static_cast<uint32_t>(slot) - 1;
      if (keys_[number] == key) return number;
    }
  }
}

uint32_t KeyTable::find(std::string_view key) const {
  return find(key, base::hash64(key));
}

uint32_t KeyTable::find(std::string_view key, uint64_t hash) const {
  if (slots_.empty()) return none;
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    if ((slots_[at] ^ hash) >> 32 != 0) continue;
    const auto number = static_cast<uint32_t>(slots_[at]) - 1;
    if (keys_[number] == key) return number;
  }
  return none;
}

void KeyTable::reserve(size_t keys) {
  keys_.reserve(keys);
  grow(keys);
}

void KeyTable::grow(size_t keys) {
  if (keys * 2 <= slots_.size()) return;
  const size_t size = std::bit_ceil(std::max<size_t>(16, keys * 2));
  slots_.assign(size, 0);
  for (size_t number = 0; number < keys_.size(); ++number) {
    const uint64_t hash = base::hash64(keys_[number]);
    size_t at = hash & (size - 1);
    while (slots_[at] != 0) at = (at + 1) & (size - 1);
    slots_[at] = (hash >> 32 << 32) | (number + 1);
  }
}

}  // namespace millrace::engine
