#pragma once
// A stream's shards as ListShards tells of them, and which one takes which key.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
//
// Threads: a ShardMap is immutable.

#include <string>
#include <string_view>
#include <vector>

#include "client/api.h"

namespace millrace::client {

__extension__ using KeyHash = unsigned __int128;  // the MD5 of a key, most significant byte first

struct ListedShard {
  std::string id;
  std::vector<std::string> parents;
  KeyHash hash_end = 0;  // the last one that is its
  bool closed = false;   // it was split or merged, and takes no more records
};

// All of them, in the order of their ids, page by page.
Result<std::vector<ListedShard>> list_shards(Api& api, std::string_view stream);

// Which open shard takes which key. A stream that is split or merged later puts its records elsewhere, but what this
// map had together and in order stays so.
class ShardMap {
 public:
  static Result<ShardMap> load(Api& api, std::string_view stream);
  size_t size() const { return ends_.size(); }
  size_t shard_of(std::string_view key) const;

 private:
  std::vector<KeyHash> ends_;  // the last hash of each shard, ascending
};

}  // namespace millrace::client
