#include "stream/shard_ranges.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace millrace::stream {
namespace {

constexpr std::string_view shard_prefix = "shardId-";
constexpr size_t shard_digits = 12;

template <class Integer>
void append_padded(std::string& out, Integer value, size_t digits) {
  out.append(digits, '0');
  for (char* at = out.data() + out.size(); value != 0; value /= 10) *--at = static_cast<char>('0' + value % 10);
}

}  // namespace

ShardRanges::ShardRanges(uint32_t count) : count_(count) {
  CHECK(count > 0);
  constexpr HashKey most = ~HashKey{0};
  // 2^128 itself has no place in the type.
  width_ = most / count + (most % count + 1 == count ? 1 : 0);
}

ShardId ShardRanges::of(HashKey key) const {
  if (count_ == 1) return ShardId(0);
  // The upper half of the key gives the shard, or its neighbour when the key is near a border.
  auto shard = static_cast<uint32_t>(HashKey{static_cast<uint64_t>(key >> 64)} * count_ >> 64);
  while (shard > 0 && key < first(ShardId(shard))) --shard;
  while (shard + 1 < count_ && key >= first(ShardId(shard + 1))) ++shard;
  return ShardId(shard);
}

std::string to_decimal(HashKey key) {
  std::array<char, 40> digits;
  size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + static_cast<int>(key % 10));
    key /= 10;
  } while (key != 0);
  return {digits.data() + at, digits.size() - at};
}

std::optional<HashKey> parse_hash_key(std::string_view text) {
  if (text.empty() || text.size() > 39 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  HashKey value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<HashKey>(c - '0');
    if (value > (~HashKey{0} - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

void append_shard_name(std::string& out, ShardId shard) {
  out += shard_prefix;
  append_padded(out, shard.value, shard_digits);
}

std::string shard_name(ShardId shard) {
  std::string out;
  append_shard_name(out, shard);
  return out;
}

std::optional<ShardId> parse_shard_name(std::string_view name) {
  if (name.starts_with(shard_prefix)) name.remove_prefix(shard_prefix.size());
  if (name.empty() || name.size() > shard_digits) return std::nullopt;
  uint64_t value = 0;
  for (const char c : name) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > UINT32_MAX) return std::nullopt;
  return ShardId(static_cast<uint32_t>(value));
}

}  // namespace millrace::stream
