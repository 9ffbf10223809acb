#pragma once
// DynamoDB Streams over the tables' change feeds: ListStreams, DescribeStream, GetShardIterator, GetRecords.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html
//
// A feed is one shard that never closes: the shard of the table's keyspace in the journal. Readers see durable changes
// only. An iterator is good for fifteen minutes, and leads to an error once its table is gone, also if there is a new
// one of the same name.
//
// Threads: the handlers run on one reactor's thread. The Tables and the clock outlive this; this outlives the Service
// it is added to.

#include <cstdint>
#include <memory>
#include <string>

#include "aws/service.h"
#include "base/clock.h"
#include "table/table.h"

namespace millrace::api {

struct DynamoDbStreamsOptions {
  std::string account_id{aws::usual_account_id};
  base::Clock* clock = nullptr;  // null: the system's
};

class DynamoDbStreams {
 public:
  static constexpr size_t records_per_get_max = 1000;
  static constexpr size_t get_bytes_max = size_t{1} << 20;
  static constexpr size_t streams_per_list_max = 100;
  static constexpr size_t shards_per_describe_max = 100;
  static constexpr int64_t iterator_life_ms = 15 * 60 * 1000;

  DynamoDbStreams(table::Tables& tables, DynamoDbStreamsOptions options);
  ~DynamoDbStreams();

  void add_to(aws::Service& service);
  uint64_t records_out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::api
