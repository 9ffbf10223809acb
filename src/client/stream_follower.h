#pragma once
// Reads a stream by the API as it grows: all its shards in turn, over one connection. A shard that ends is followed by
// its children, once all their parents are read to the end, so that the records of a key come in their order.
// https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
//
// One thread. Memory: one answer to GetRecords (at most 10 MiB of data).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/api.h"

namespace millrace::client {

struct ReadRecord {
  std::string_view shard;
  std::string_view sequence;
  std::string_view key;
  std::string_view data;
  int64_t arrived_ms = 0;
};

class StreamFollower {
 public:
  enum class Start { latest, trim_horizon, at_timestamp };
  // From `start` on; of `shards` alone (with their children), or of all.
  struct From {
    Start start = Start::latest;
    int64_t at_ms = 0;  // at_timestamp
    std::vector<std::string> shards;
  };

  StreamFollower(Api& api, std::string stream) : api_(api), stream_(std::move(stream)) {}

  // Takes its place in every shard. not_found: there is no such stream, or no such shard.
  Result<void> start(const From& from);
  // Asks each shard once and hands out what came, shard by shard, each in its order, until `each` says false. How many
  // records came; 0: nothing is there now. A failure leaves the place where it is, so the call can be made again.
  Result<size_t> read(const std::function<bool(const ReadRecord&)>& each);
  // Whether the last read() has seen the end of every shard.
  bool at_end() const { return at_end_; }
  // Whether all shards are closed and read.
  bool finished() const { return shards_.empty(); }

 private:
  struct Shard {
    std::string id;
    std::string iterator;
    std::string last;  // the number of the last record read
  };
  struct Child {
    std::string id;
    std::vector<std::string> parents;
  };

  Result<std::string> iterator(std::string_view shard, std::string_view rest);
  Result<void> add(std::string id, std::string_view rest);
  // One answer of a shard; false in `more`: the shard has ended.
  Result<size_t> read_shard(Shard& shard, const std::function<bool(const ReadRecord&)>& each, bool& more,
                            std::vector<Child>& children);
  Result<void> take_up(const std::vector<Child>& children);

  Api& api_;
  const std::string stream_;
  std::vector<Shard> shards_;
  std::vector<std::string> seen_;  // shards that were ever taken up
  bool at_end_ = false;
  bool wanted_ = true;  // by each
};

}  // namespace millrace::client
