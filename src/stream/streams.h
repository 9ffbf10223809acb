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
#include "stream/definition.h"
#include "stream/shard_set.h"
#include "stream/source.h"

namespace millrace::stream {

enum class StreamStatus { creating, active, updating, deleting };
std::string_view name(StreamStatus status);  // as AWS spells it

class Stream {
 public:
  ~Stream();

  const std::string name;
  const uint64_t id;  // differs from that of an earlier stream of the same name
  const ProcessingTime created;
  Consumers consumers;  // changed by Streams only

  StreamStatus status() const { return status_; }
  // What changes of a stream, all as of one moment.
  std::shared_ptr<const Definition> definition() const {
    std::lock_guard lock(definition_mutex_);
    return definition_;
  }
  ShardSetPtr shards() const {
    const auto now = definition();
    return {now, &now->shards};
  }
  StreamMode mode() const { return definition()->mode; }
  int64_t retention_ms() const { return definition()->retention_ms; }
  // Whoever appends holds this while it routes and appends, to the shards that are open meanwhile.
  std::unique_lock<std::mutex> hold_shards() const { return std::unique_lock(routing_mutex_); }

  // Null until the stream is active.
  log::Log* log() const { return status_ == StreamStatus::creating ? nullptr : log_.get(); }
  uint32_t shard_count() const { return shards()->open_count(); }
  base::SequenceFormat numbers(ShardId shard) const { return {shard, id}; }  // as clients see the shard's records

 private:
  friend class Streams;
  explicit Stream(Definition definition);
  void set_definition(Definition definition);

  mutable std::mutex routing_mutex_;  // before definition_mutex_
  mutable std::mutex definition_mutex_;
  std::shared_ptr<const Definition> definition_;
  std::atomic<StreamStatus> status_ = StreamStatus::creating;
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
  // Called on any thread when a stream has become active or is gone, or its shards have changed; must not call back.
  std::function<void()> changed;
};

class Streams final : public Sources {
 public:
  static constexpr int64_t default_retention_ms = Definition::retention_ms_min;

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

  // Changes what a stream is: `edit` gets a copy on this object's thread and changes it or refuses; then it is written,
  // and takes effect. Shards that were closed end when all that they took is durable. `done` is called on any thread
  // when all of this is done, or nothing of it. Meanwhile the stream is UPDATING, and read and written as ever. At
  // once: not_found, in_use (not ACTIVE). Later: what `edit` said; limit_exceeded: too many shards of all streams
  // together.
  using Edit = std::function<Result<void>(Definition&)>;
  Result<void> change(std::string_view name, Edit edit, std::function<void(Result<void>)> done);

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

  // Drops segments older than each stream's retention, and closed shards that have nothing left; call it now and then
  // (minutes).
  void trim();

  struct Totals {
    uint64_t streams = 0;
    uint64_t shards = 0;
  };
  Totals totals() const;
  struct Limits {
    uint32_t shards_max = 0;
    size_t streams_max = 0;
    size_t on_demand_streams = 0;  // there are
  };
  Limits limits() const;

 private:
  explicit Streams(StreamsOptions options);
  Result<void> open_all();
  Result<StreamPtr> open_stream(const std::string& entry) const;
  Result<std::unique_ptr<log::Log>> open_stream_log(const Stream& stream, bool made) const;
  Result<void> build(const StreamPtr& stream);
  Result<void> demolish(const StreamPtr& stream);
  Result<void> apply(const StreamPtr& stream, const Edit& edit);
  void trim(const StreamPtr& stream);
  void end_shards(const StreamPtr& stream);
  void let_shards_go(const StreamPtr& stream);
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
