#include "client/shards.h"

#include <simdjson.h>

#include <algorithm>

#include "aws/crypto.h"
#include "base/json_string.h"

namespace millrace::client {

namespace {

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

Result<KeyHash> parse_hash(std::string_view decimal) {
  KeyHash value = 0;
  for (const char c : decimal) {
    if (c < '0' || c > '9') return fail(ErrorKind::internal, "`{}` is not a hash key", decimal);
    value = value * 10 + static_cast<KeyHash>(c - '0');
  }
  return value;
}

Result<ListedShard> read_shard(const simdjson::dom::element& from) {
  std::string_view id;
  std::string_view hash_end;
  if (from["ShardId"].get(id) || from["HashKeyRange"]["EndingHashKey"].get(hash_end)) {
    return fail(ErrorKind::internal, "the answer to ListShards has a shard without its range");
  }
  ListedShard shard{.id = std::string(id)};
  TRY_ASSIGN(shard.hash_end, parse_hash(hash_end));
  std::string_view text;
  for (const char* name : {"ParentShardId", "AdjacentParentShardId"}) {
    if (from[name].get(text) == simdjson::SUCCESS) shard.parents.emplace_back(text);
  }
  shard.closed = from["SequenceNumberRange"]["EndingSequenceNumber"].get(text) == simdjson::SUCCESS;
  return shard;
}

}  // namespace

Result<std::vector<ListedShard>> list_shards(Api& api, std::string_view stream) {
  std::vector<ListedShard> shards;
  std::string body = fmt::format(R"({{"StreamName":{}}})", json_string(stream));
  for (;;) {
    TRY_ASSIGN(const std::string answer, api.call(aws::kinesis_protocol, "ListShards", body));
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    simdjson::dom::array listed;
    if (parser.parse(answer).get(document) || document["Shards"].get(listed)) {
      return fail(ErrorKind::internal, "the answer to ListShards has no Shards");
    }
    for (const simdjson::dom::element each : listed) {
      TRY_ASSIGN(ListedShard shard, read_shard(each));
      shards.push_back(std::move(shard));
    }
    std::string_view token;
    if (document["NextToken"].get(token)) return shards;
    body = fmt::format(R"({{"NextToken":{}}})", json_string(token));
  }
}

Result<ShardMap> ShardMap::load(Api& api, std::string_view stream) {
  TRY_ASSIGN(const std::vector<ListedShard> shards, list_shards(api, stream));
  ShardMap map;
  for (const ListedShard& shard : shards) {
    if (!shard.closed) map.ends_.push_back(shard.hash_end);
  }
  if (map.ends_.empty()) return fail(ErrorKind::not_found, "the stream `{}` has no open shard", stream);
  std::ranges::sort(map.ends_);
  return map;
}

size_t ShardMap::shard_of(std::string_view key) const {
  if (ends_.size() == 1) return 0;
  static thread_local aws::Md5 md5;
  KeyHash hash = 0;
  for (const unsigned char byte : md5(key)) hash = hash << 8 | byte;
  const auto shard = std::ranges::lower_bound(ends_, hash);
  return shard == ends_.end() ? ends_.size() - 1 : static_cast<size_t>(shard - ends_.begin());
}

}  // namespace millrace::client
