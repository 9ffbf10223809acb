#include "client/stream_follower.h"

#include <simdjson.h>

#include <algorithm>

#include "base/base64.h"
#include "base/json_string.h"
#include "client/shards.h"

namespace millrace::client {

namespace {

constexpr int records_per_call = 1'000;

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string text_of(const simdjson::dom::element& from, const char* name) {
  std::string_view text;
  return from[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

Result<std::string> StreamFollower::iterator(std::string_view shard, std::string_view rest) {
  TRY_ASSIGN(const std::string answer, api_.call(aws::kinesis_protocol, "GetShardIterator",
                                                 fmt::format(R"({{"StreamName":{},"ShardId":{},{}}})",
                                                             json_string(stream_), json_string(shard), rest)));
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(answer).get(document)) return fail(ErrorKind::internal, "the answer to GetShardIterator is no JSON");
  return text_of(document, "ShardIterator");
}

Result<void> StreamFollower::add(std::string id, std::string_view rest) {
  if (std::ranges::find(seen_, id) != seen_.end()) return {};
  TRY_ASSIGN(std::string first, iterator(id, rest));
  seen_.push_back(id);
  shards_.push_back({.id = std::move(id), .iterator = std::move(first), .last = {}});
  return {};
}

Result<void> StreamFollower::start(const From& from) {
  TRY_ASSIGN(const std::vector<ListedShard> all, list_shards(api_, stream_));
  const auto listed = [&](const std::string& id) { return std::ranges::find(all, id, &ListedShard::id) != all.end(); };
  std::string place = R"("ShardIteratorType":"LATEST")";
  if (from.start == Start::trim_horizon) place = R"("ShardIteratorType":"TRIM_HORIZON")";
  if (from.start == Start::at_timestamp) {
    place =
        fmt::format(R"("ShardIteratorType":"AT_TIMESTAMP","Timestamp":{}.{:03})", from.at_ms / 1000, from.at_ms % 1000);
  }
  for (const std::string& id : from.shards) {
    if (!listed(id)) return fail(ErrorKind::not_found, "the stream `{}` has no shard `{}`", stream_, id);
    TRY(add(id, place));
  }
  if (!from.shards.empty()) return {};
  for (const ListedShard& shard : all) {
    const bool first = std::ranges::none_of(shard.parents, listed);
    if (from.start == Start::latest ? !shard.closed : first) TRY(add(shard.id, place));
  }
  return {};
}

Result<size_t> StreamFollower::read(const std::function<bool(const ReadRecord&)>& each) {
  size_t count = 0;
  wanted_ = true;
  at_end_ = true;
  for (size_t i = 0; i < shards_.size() && wanted_;) {
    bool more = true;
    std::vector<Child> children;
    TRY_ASSIGN(const size_t some, read_shard(shards_[i], each, more, children));
    count += some;
    if (more) {
      ++i;
      continue;
    }
    const Shard ended = std::move(shards_[i]);
    shards_.erase(shards_.begin() + static_cast<std::ptrdiff_t>(i));
    if (auto taken = take_up(children); !taken) {
      shards_.push_back(ended);  // it is asked again, and says so again
      return std::unexpected(taken.error());
    }
  }
  return count;
}

Result<size_t> StreamFollower::read_shard(Shard& shard, const std::function<bool(const ReadRecord&)>& each, bool& more,
                                          std::vector<Child>& children) {
  auto answer =
      api_.call(aws::kinesis_protocol, "GetRecords",
                fmt::format(R"({{"ShardIterator":{},"Limit":{}}})", json_string(shard.iterator), records_per_call));
  if (!answer && answer.error().kind == ErrorKind::expired) {
    TRY_ASSIGN(
        shard.iterator,
        iterator(shard.id,
                 shard.last.empty()
                     ? std::string(R"("ShardIteratorType":"TRIM_HORIZON")")
                     : fmt::format(R"("ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":"{}")",
                                   shard.last)));
    at_end_ = false;
    return 0;
  }
  if (!answer) return std::unexpected(answer.error());
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::array records;
  if (parser.parse(*answer).get(document) || document["Records"].get(records)) {
    return fail(ErrorKind::internal, "the answer to GetRecords has no Records");
  }
  size_t count = 0;
  std::string data;
  for (const simdjson::dom::element record : records) {
    std::string_view sequence, key, encoded;
    double arrived = 0;
    if (record["SequenceNumber"].get(sequence) || record["PartitionKey"].get(key) || record["Data"].get(encoded) ||
        record["ApproximateArrivalTimestamp"].get(arrived)) {
      return fail(ErrorKind::internal, "the answer to GetRecords has a record without its members");
    }
    auto decoded = base::base64_decode(encoded);
    if (!decoded) return fail(ErrorKind::internal, "the answer to GetRecords has data that are no base64");
    data = std::move(*decoded);
    ++count;
    if (wanted_) {
      shard.last = sequence;
      wanted_ = each({shard.id, sequence, key, data, static_cast<int64_t>(arrived * 1000 + 0.5)});
    }
  }
  int64_t behind = 0;
  if (count > 0 || document["MillisBehindLatest"].get(behind) || behind > 0) at_end_ = false;
  shard.iterator = text_of(document, "NextShardIterator");
  more = !shard.iterator.empty();
  simdjson::dom::array listed;
  if (more || document["ChildShards"].get(listed)) return count;
  for (const simdjson::dom::element each_child : listed) {
    Child child{text_of(each_child, "ShardId"), {}};
    simdjson::dom::array parents;
    if (each_child["ParentShards"].get(parents) == simdjson::SUCCESS) {
      for (const simdjson::dom::element parent : parents) {
        std::string_view id;
        if (!parent.get(id)) child.parents.emplace_back(id);
      }
    }
    children.push_back(std::move(child));
  }
  return count;
}

Result<void> StreamFollower::take_up(const std::vector<Child>& children) {
  for (const Child& child : children) {
    const bool waits = std::ranges::any_of(child.parents, [&](const std::string& parent) {
      return std::ranges::find(shards_, parent, &Shard::id) != shards_.end();
    });
    // A parent that still is read brings it at its own end.
    if (!waits) TRY(add(child.id, R"("ShardIteratorType":"TRIM_HORIZON")"));
    at_end_ = false;
  }
  return {};
}

}  // namespace millrace::client
