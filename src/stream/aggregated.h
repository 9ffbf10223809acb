#pragma once
// Aggregated records: many user records that a producer (KPL) has put into the data of one. Whoever reads a stream sees
// the one; who opens it sees the others, in their order, numbered from 0 (sub-sequence numbers).
// https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
//
// No text is taken for one: its first bytes are no UTF-8, and a checksum (MD5) covers the rest. What only begins like
// one is a record as any other. Any thread; reads nothing but its argument.

#include <optional>
#include <string_view>
#include <vector>

#include "stream/shard_ranges.h"

namespace millrace::stream {

struct Shard;

struct UserRecord {
  std::string_view key;  // both lie in the aggregated record
  std::string_view data;
  std::optional<std::string_view> explicit_hash_key;
  size_t number = 0;  // its place in the aggregated record
};

inline constexpr std::string_view aggregated_magic = "\xf3\x89\x9a\xc2";

inline bool may_be_aggregated(std::string_view data) {
  return data.starts_with(aggregated_magic);
}

// Nothing: it is no aggregated record. Without those whose hash key is not in the shard's range: the producer has found
// out that the shards were others than it thought, and has put these anew. Null: of any shard.
std::optional<std::vector<UserRecord>> open_aggregated(std::string_view data, const Shard* shard);

}  // namespace millrace::stream
