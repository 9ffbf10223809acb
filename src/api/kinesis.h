#pragma once
// Kinesis Data Streams over the logs of a Streams: CreateStream, DescribeStream, DescribeStreamSummary, ListStreams,
// ListShards, DeleteStream, PutRecord, PutRecords, GetShardIterator, GetRecords; the consumers of enhanced fan-out, and
// SubscribeToShard.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/Welcome.html
//
// A put is answered when its group is durable. Shard throughput (1 MB/s, 1,000 records/s) is not limited: a put is
// throttled only when the disk falls behind. Nothing here is split or merged, so a stream keeps its shards.
//
// Threads: the handlers run on one reactor's thread, whose end of turn calls Streams::flush_all(). The Streams and the
// clock outlive this; this outlives the Service it is added to, and the server.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aws/service.h"
#include "base/clock.h"
#include "stream/streams.h"

namespace millrace::api {

struct KinesisOptions {
  std::string account_id{aws::usual_account_id};
  base::Clock* clock = nullptr;  // null: the system's
};

struct KinesisCounters {
  uint64_t records_in = 0;  // accepted; durable a little later
  uint64_t bytes_in = 0;    // of keys and data
  uint64_t records_out = 0;
  uint64_t bytes_out = 0;
};

class Kinesis {
 public:
  static constexpr size_t records_per_put_max = 500;
  static constexpr size_t record_bytes_max = size_t{1} << 20;  // of data
  static constexpr size_t put_bytes_max = size_t{10} << 20;    // of keys and data
  static constexpr size_t key_characters_max = 256;
  static constexpr size_t records_per_get_max = 10'000;
  static constexpr size_t get_bytes_max = size_t{10} << 20;

  Kinesis(stream::Streams& streams, KinesisOptions options);
  ~Kinesis();

  void add_to(aws::Service& service);
  KinesisCounters counters() const;  // so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::api
