#pragma once
// The streams that users create, each a log in <directory>/<name>/, with a definition file beside its segments
// (stream.json, written last and whole, so a stream without it was never created).
//
// Threads: every function from any thread, except flush_all() and mark_appended(), which belong to the reactor that
// appends. A Stream is shared: who holds the pointer may read its log after the stream was deleted, until dropping it.
// The IoDriver and the clock outlive the Streams.
//
// Errors are of the kinds of base/error.h; whoever speaks a protocol gives them its names.
//
// Creating and deleting take tens of milliseconds (segments are zeroed): they run on a thread of this object's own,
// and the stream is CREATING until then. At most streams_max streams.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/sequence_format.h"
#include "log/block.h"
#include "stream/consumers.h"
#include "stream/shard_ranges.h"
#include "stream/source.h"

namespace millrace::stream {

enum class StreamStatus { creating, active, deleting };
enum class StreamMode { provisioned, on_demand };  // told to who asks; the shards are the same
std::string_view name(StreamStatus status);        // as AWS and stream.json spell it
std::string_view name(StreamMode mode);

class Stream {
 public:
  ~Stream();

  const std::string name;
  const uint64_t id;  // differs from that of an earlier stream of the same name
  const ShardRanges shards;
  const ProcessingTime created;
  Consumers consumers;  // changed by Streams only

  StreamStatus status() const { return status_; }
  StreamMode mode() const { return mode_; }
  int64_t retention_ms() const { return retention_ms_; }
  // Null until the stream is active.
  log::Log* log() const { return status_ == StreamStatus::creating ? nullptr : log_.get(); }
  uint32_t shard_count() const { return shards.count(); }
  base::SequenceFormat numbers(ShardId shard) const { return {shard, id}; }  // as clients see the shard's records

 private:
  friend class Streams;
  Stream(std::string name, uint64_t id, uint32_t shard_count, StreamMode mode, ProcessingTime created,
         int64_t retention_ms);

  std::atomic<StreamStatus> status_ = StreamStatus::creating;
  std::atomic<StreamMode> mode_;
  std::atomic<int64_t> retention_ms_;
  std::unique_ptr<log::Log> log_;  // set before the status becomes active
  bool appended_ = false;          // the reactor's: waits for flush_all()
};
using StreamPtr = std::shared_ptr<Stream>;

struct StreamsOptions {
  std::string directory;         // <data>/streams; created if missing
  log::IoDriver* io = nullptr;   // shared by all logs of the process; null: one each
  base::Clock* clock = nullptr;  // null: the system's
  bool durable = true;           // false: acknowledged before it is on disk
  size_t segment_bytes = size_t{32} << 20;
  size_t streams_max = 200;
  uint32_t shards_max = 500;  // of all streams together, as an AWS account has by default
  // Called on any thread when a stream has become active or is gone; must not call back.
  std::function<void()> changed;
};

class Streams final : public Sources {
 public:
  static constexpr int64_t default_retention_ms = 24 * 3'600'000;  // and the shortest
  static constexpr int64_t retention_ms_max = int64_t{365} * 24 * 3'600'000;

  // Opens all streams that the directory holds; removes what a crash left of half-created and half-deleted ones. A
  // stream whose files do not hold is left as it is, and the others are served: see damaged().
  // in_use, throttled, disk_full: a stream could not be opened, though its files may be whole; the message names it.
  static Result<std::unique_ptr<Streams>> open(StreamsOptions options);
  ~Streams() override;  // waits for creations under way, closes the logs

  // Begins to create; `done` is called on another thread when the stream is active, or could not be made (it is gone
  // again then). already_exists, in_use (a damaged stream has the name), limit_exceeded, invalid_argument at once.
  Result<void> create(std::string_view name, uint32_t shard_count, std::function<void(Result<void>)> done,
                      StreamMode mode = StreamMode::provisioned);
  // Creates and waits; for start-up, never on a reactor's thread. Fine if it exists already.
  Result<StreamPtr> ensure(std::string_view name, uint32_t shard_count);
  // The stream is gone at once, its files in the background; `done` is called on another thread when a restart cannot
  // bring it back. not_found; in_use while it is being created.
  Result<void> remove(std::string_view name, std::function<void(Result<void>)> done = {});

  // Changes how long a stream's records stay (what is older goes at once, by whole segments), or what mode it is told
  // to have, on this object's thread, as a file is written; `done` is called there when a restart keeps the change.
  // not_found: the stream is gone. invalid_argument: not between default_retention_ms and retention_ms_max.
  void set_retention(const StreamPtr& stream, int64_t retention_ms, std::function<void(Result<void>)> done);
  void set_mode(const StreamPtr& stream, StreamMode mode, std::function<void(Result<void>)> done);

  // Changes the register of a stream's consumers on this object's thread, as a file is written; `done` is called there
  // when a restart keeps the change. Errors as of Consumers::add() and remove(); not_found: the stream is gone.
  void register_consumer(const StreamPtr& stream, std::string name, std::function<void(Result<Consumer>)> done);
  void deregister_consumer(const StreamPtr& stream, std::string name, std::function<void(Result<void>)> done);

  // The streams that are not served because their files are damaged, with what is wrong and what to do. Nothing of them
  // is changed or deleted, and their names are taken. As they were found at the start.
  struct Damaged {
    std::string name;
    std::string reason;
  };
  const std::vector<Damaged>& damaged() const { return damaged_; }
  bool is_damaged(std::string_view name) const;

  // An active stream, to be followed even if it is deleted meanwhile. not_found.
  Result<Source> source(std::string_view name) override;
  StreamPtr find(std::string_view name) const;                                   // null: no such stream
  std::vector<StreamPtr> list() const;                                           // by name
  std::vector<StreamPtr> list_after(std::string_view name, size_t count) const;  // names greater than `name`

  // For the reactor: an append to the stream waits for flush_all(), which the reactor calls at the end of its turn.
  void mark_appended(const StreamPtr& stream);
  void flush_all();

  // Writes all active streams as they are now into `directory`, which is made, as open() takes it; they go on
  // meanwhile, and one that is deleted then may be missing. unavailable: `stop` was requested.
  Result<void> copy_to(const std::string& directory, const std::stop_token& stop) const;

  // Drops segments older than each stream's retention; call it now and then (minutes).
  void trim();

  struct Totals {
    uint64_t streams = 0;
    uint64_t shards = 0;
    uint64_t on_demand_streams = 0;
  };
  Totals totals() const;
  size_t streams_max() const { return options_.streams_max; }
  uint32_t shards_max() const { return options_.shards_max; }

 private:
  explicit Streams(StreamsOptions options);
  Result<void> open_all();
  Result<StreamPtr> open_stream(const std::string& entry) const;
  Result<std::unique_ptr<log::Log>> open_stream_log(const Stream& stream) const;
  Result<void> build(const StreamPtr& stream);
  Result<void> demolish(const StreamPtr& stream);
  Result<void> redefine(const StreamPtr& stream, StreamMode mode, int64_t retention_ms);
  void trim(const Stream& stream);
  std::string directory_of(std::string_view name) const;
  void enqueue(std::function<void()> task);
  void work();

  const StreamsOptions options_;
  base::Clock& clock_;

  std::vector<Damaged> damaged_;  // does not change after the start

  mutable std::mutex mutex_;
  std::map<std::string, StreamPtr, std::less<>> streams_;
  std::condition_variable wake_;
  std::deque<std::function<void()>>
      tasks_;  // at most streams_max creations, deletions of as many, and what callers wait for
  bool stopping_ = false;
  std::thread worker_;

  std::vector<StreamPtr> appended_;  // the reactor's
};

}  // namespace millrace::stream
