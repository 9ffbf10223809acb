#pragma once
// Records on their way to a stream: gathered into batches, sent by several connections, sent again until they are
// acknowledged. All records of one shard go through one lane (a thread with a connection of its own), so each shard
// gets them in the order of put().
//
// What is not acknowledged is sent again: after a lost connection the whole batch, because nobody knows what became of
// it, and so a record may stand in the stream twice; after a refusal only the refused records.
//
// When `stop` is requested, nothing is tried again any more and put() does not wait.
//
// Threads: put(), flush(), finish() by one thread; the counters by any. Bounds: batches_waiting_max batches of at most
// batch_records_max records per lane; put() waits for room.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "client/shards.h"
#include "send/place.h"

namespace millrace::send {

class SendLanes {
 public:
  static constexpr size_t batch_records_max = 500;
  static constexpr size_t batch_bytes_max = size_t{4'500'000};  // Kinesis: 5 MiB with the keys
  static constexpr size_t batches_waiting_max = 4;

  SendLanes(const client::Endpoint& endpoint, std::string stream, client::ShardMap shards, size_t connections_max,
            int64_t retry_for_ms, std::stop_token stop = {});
  ~SendLanes();  // without finish(): what waits is dropped

  // `place` is where the record comes from; it grows. The error of a lane that gave up; then nothing more is taken.
  Result<void> put(std::string key, std::string data, Place place);
  void flush();           // what has gathered need not wait for a full batch; does not block
  Result<void> finish();  // sends the rest and waits for it

  uint64_t acknowledged() const { return acknowledged_; }
  Place acknowledged_to() const;                 // all records up to here are; line 0: none of the file
  uint64_t retries() const { return retries_; }  // calls that were made again
  uint64_t resent() const { return resent_; }    // records in them whose first sending may have arrived
  size_t lanes() const { return lanes_.size(); }

 private:
  struct Batch {
    std::vector<client::StreamRecord> records;
    size_t bytes = 0;
    Place first;
  };
  struct Lane {
    Batch gathering;
    std::deque<Batch> waiting;       // full ones
    std::optional<Place> under_way;  // where the batch that is being sent begins
    bool flushed = false;            // `gathering` may go as it is
    bool ended = false;
    std::condition_variable_any changed;
    std::thread thread;
  };

  void run(Lane& lane);
  Result<void> deliver(client::Api& api, std::vector<client::StreamRecord> records, client::PutRecordsBody& body);
  Batch take(Lane& lane);  // empty: nothing will come

  client::Endpoint endpoint_;
  std::string stream_;
  client::ShardMap shards_;
  int64_t retry_for_ms_;
  std::stop_token stop_;
  mutable std::mutex mutex_;
  std::optional<Error> failure_;
  Place last_;
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> acknowledged_ = 0;
  std::atomic<uint64_t> retries_ = 0;
  std::atomic<uint64_t> resent_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace millrace::send
