#pragma once
// One shard of a mapping's source on its way to the function: read from the position, invoke, commit the effects with
// the next position, and so on. One batch at a time, so the order of the shard is kept. Private to this folder.
//
// Threads: the reactor's; position() and range of lag from any. Bounds: a batch in JSON (batch_bytes_max) and the
// blocks it comes from, plus read_ahead_bytes_max.
//
// Failure: whatever the store or the disk refuses for now is tried again later without a second invocation; what the
// function got wrong counts as a failed batch.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "function/answer.h"
#include "function/event_json.h"
#include "function/functions.h"
#include "function/position.h"
#include "function/worker.h"
#include "stream/reader.h"
#include "table/table.h"

namespace millrace::function {

// What the shards of a mapping have done, for its status.
struct MappingProgress {
  mutable std::mutex mutex;
  MappingStatus counts;
  int retrying = 0;  // shards

  void note_error(std::string_view error);
};

table::TableDefinition failure_table(const MappingDefinition& mapping);  // as the mapping creates it

class MappingShard : public std::enable_shared_from_this<MappingShard> {
 public:
  static constexpr size_t read_ahead_bytes_max = 256 * 1024;
  static constexpr int64_t retry_pause_ms = 100;  // after the first failure of a batch; doubles each time
  static constexpr int64_t retry_pause_ms_max = 30'000;
  static constexpr int64_t commit_pause_ms = 2;                   // while the store has no room
  static constexpr int64_t repair_pause_ms = 1'000;               // while something outside must change first
  static constexpr size_t failed_records_bytes_max = 350 * 1024;  // of the records in an item of on_failure_table

  struct Context {  // outlives the shard
    const Functions::Environment& environment;
    const MappingDefinition& definition;
    Worker& worker;
    MappingProgress& progress;
    std::function<void()> at_end;  // a shard has nothing to read now; posted, never from within a call
  };
  struct Source {
    stream::ShardSource shard;
    SourceIdentity identity;
    EventSource event;
    std::optional<stream::Shard> range = {};  // of a stream's shard: its hash keys
  };

  MappingShard(const Context& context, Source source, SequenceNumber position);
  void start();
  void stop();  // nothing is called back afterwards

  SequenceNumber position() const { return reader_.committed(); }
  uint64_t lag_records() const;                     // any thread
  int64_t oldest_waiting_ms(int64_t now_ms) const;  // since the arrival of the batch under way; any thread

 private:
  enum class State { idle, gathering, invoking, committing, pausing, stopped };
  struct Batch {
    std::string event;
    SequenceNumber first;
    SequenceNumber end;
    size_t records = 0;
    ProcessingTime arrival;  // of the first record
  };

  void wake();  // any thread
  void pump();
  Result<void> put_position(table::Transaction& transaction, SequenceNumber next) const;
  bool wait_for_more();
  Result<Batch> make_batch(size_t records_max, size_t bytes_max);
  Result<void> put_record(std::string& event, const log::Record& record) const;
  Result<bool> read_ahead();
  void source_failed(const Error& error);

  void on_outcome(const Outcome& outcome);
  void commit_answer();
  Result<void> try_commit_answer(SequenceNumber target);
  void advance(SequenceNumber target);
  void batch_failed(std::string error);
  void refuse_effects(std::string error);
  void effects_too_large(const Error& error);
  void commit_failure();
  Result<void> try_commit_failure();
  Result<void> ensure_failure_table();
  Result<table::WriteRequest> failure_item();
  void pause(int64_t pause_ms, State state, void (MappingShard::*next)());
  void set_retrying(bool retrying);

  const Context& context_;
  const Source source_;
  std::unique_ptr<log::Subscription> subscription_;
  std::atomic<bool> woken_ = false;

  State state_ = State::idle;
  stream::Reader reader_;                // committed(): the position; what lies behind it stays until it was handled
  std::atomic<int64_t> arrival_ms_ = 0;  // of the record at the position; 0: not known
  Batch batch_;
  Answer answer_;
  std::optional<SequenceNumber> retry_end_;  // a batch that is tried again keeps its end
  int attempts_ = 0;                         // failed ones, of this batch
  size_t records_max_;                       // of a batch; less than the mapping's while effects are too large
  bool retrying_ = false;
  std::string failure_;
  uint64_t timer_ = 0;
  bool window_over_ = false;
};

}  // namespace millrace::function
