#pragma once
// DynamoDB over the tables: tables and their indexes, items, queries, batches, transactions, time to live, tags, and
// the few descriptions that tools ask for beside a table's. docs/aws.md lists the operations.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
//
// A write is answered when its commit is durable, and a read when what it saw is. Throughput is not limited: a write is
// throttled only when the disk falls behind. What a request asks for beyond what there is is refused with a
// ValidationException that says so.
//
// Threads: the handlers run on one reactor's thread, whose end of turn calls Tables::flush(). The Tables outlive this;
// this outlives the Service it is added to.

#include <cstdint>
#include <memory>
#include <string>

#include "aws/service.h"
#include "table/table.h"

namespace millrace::api {

struct DynamoDbOptions {
  std::string account_id{aws::usual_account_id};
};

struct DynamoDbCounters {
  uint64_t items_written = 0;  // accepted: puts, updates and deletions whose condition held
  uint64_t items_read = 0;     // of gets, queries and scans, before filters
};

class DynamoDb {
 public:
  static constexpr size_t batch_writes_max = 25;
  static constexpr size_t batch_gets_max = 100;
  static constexpr size_t batch_bytes_max = size_t{16} << 20;  // of a BatchGetItem's answer
  static constexpr size_t tables_per_list_max = 100;

  DynamoDb(table::Tables& tables, DynamoDbOptions options);
  ~DynamoDb();

  void add_to(aws::Service& service);
  const DynamoDbCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::api
