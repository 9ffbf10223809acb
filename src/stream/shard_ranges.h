#pragma once
// Which shard takes which hash key: the 128-bit space in equal ranges. Immutable; any thread.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_HashKeyRange.html

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace millrace::stream {

__extension__ using HashKey = unsigned __int128;

class ShardRanges {
 public:
  explicit ShardRanges(uint32_t count);

  uint32_t count() const { return count_; }
  HashKey first(ShardId shard) const { return width_ * shard.value; }
  HashKey last(ShardId shard) const { return shard.value + 1 == count_ ? ~HashKey{0} : first(shard.next()) - 1; }
  ShardId of(HashKey key) const;

 private:
  uint32_t count_;
  HashKey width_;  // 2^128 / count, rounded down; the last shard has the rest
};

std::string to_decimal(HashKey key);
// Nothing if it is not a decimal number below 2^128, written as Kinesis wants it (no leading zeros).
std::optional<HashKey> parse_hash_key(std::string_view text);

// "shardId-000000000003"
std::string shard_name(ShardId shard);
void append_shard_name(std::string& out, ShardId shard);
// Also in short, as Kinesis takes it: "shardId-3", "3". Nothing if it is no shard's name.
std::optional<ShardId> parse_shard_name(std::string_view name);

}  // namespace millrace::stream
