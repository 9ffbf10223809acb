#pragma once
// Keys of groups: their compact bytes, and a table that numbers them 0, 1, 2, ... in order of arrival.
// Values, one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "data/batch.h"

namespace millrace::engine {

// Row keys of a batch as bytes, equal if and only if all key columns are equal (NULL equals NULL).
class KeyEncoder {
 public:
  explicit KeyEncoder(std::vector<data::Type> types) : types_(std::move(types)) {}

  // keys()[i] is row i's key, good until the next encode() and as long as the columns live.
  void encode(const std::vector<const data::Column*>& columns, size_t rows);
  const std::vector<std::string_view>& keys() const { return keys_; }

  // Back to values, as row `row` of `out`. Texts are views into `key`.
  void decode(std::string_view key, const std::vector<data::Column*>& out, size_t row) const;

 private:
  std::vector<data::Type> types_;
  std::vector<std::string_view> keys_;
  std::vector<size_t> ends_;
  std::string bytes_;
};

// One value in the encoder's form, and back; texts are views into the reader's bytes.
void put_key_value(std::string& out, const data::Column& column, size_t row);
void get_key_value(base::ByteReader& in, data::Column& column, size_t row);

class KeyTable {
 public:
  static constexpr uint32_t none = ~uint32_t{0};

  void reserve(size_t keys);
  // The number of the key; the next free one if it is new.
  uint32_t add(std::string_view key);
  uint32_t find(std::string_view key) const;  // none: unknown
  // The same with base::hash64(key) at hand.
  uint32_t add(std::string_view key, uint64_t hash);
  uint32_t find(std::string_view key, uint64_t hash) const;
  // add() for many, overlapping the waits for memory: of all keys, or of those in `rows`.
  void add_all(const std::vector<std::string_view>& keys, std::vector<uint32_t>& numbers);
  void add_all(const std::vector<std::string_view>& keys, const std::vector<uint32_t>& rows,
               std::vector<uint32_t>& numbers);

  std::string_view key(uint32_t number) const { return keys_[number]; }
  const std::vector<std::string_view>& keys() const { return keys_; }  // by number
  size_t size() const { return keys_.size(); }
  size_t bytes() const {
    return arena_.bytes() + keys_.capacity() * sizeof(keys_[0]) + slots_.size() * sizeof(uint64_t);
  }

 private:
  template <class KeyOf>
  void add_each(size_t count, KeyOf key_of, std::vector<uint32_t>& numbers);
  void grow(size_t keys);

  // A slot is the upper half of the key's hash and its number + 1; 0 is free. Linear probing, at most half full.
  std::vector<uint64_t> slots_;
  std::vector<std::string_view> keys_;
  std::vector<uint64_t> hashes_;  // of add_all's rows
  data::StringArena arena_;
};

}  // namespace millrace::engine
