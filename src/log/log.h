#pragma once
// A log: sharded, durable, ordered records, kept as a journal of groups.
//
// A record is a key and data, opaque here. Records are appended to a shard and get the next sequence number
// of that shard (0, 1, 2, ... without gaps). Appends gather in a group; a group is written with one write and
// one sync and is there whole or not at all after a crash. Inside a group the records of one shard form one
// block. All shards of a log share one journal, so one sync commits them all, and a prefix of the groups is
// always a consistent state.
//
// Readers see only durable groups, so nothing that was seen can be taken back. The files are described in
// docs/log-format.md.
//
// Threads: every function may be called from any thread. Callbacks run on the thread that finished the commit
// (a reactor's, see IoDriver, or the caller of flush()); they must be short, must not block, and may call
// append().
//
// Failure: a full disk refuses append() with disk_full before anything is accepted (and a process that has no
// descriptor left with throttled); what was accepted stays good and reading goes on, and append() works again
// once there is space. A failed write or sync stops the
// process with exit_code_disk_failed (what the kernel holds is unknown then): the restart recovers every
// acknowledged record.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "log/block.h"

namespace millrace::log {

class IoDriver;

// The process's exit code after a write or a sync of a log failed; the message before it names the file.
inline constexpr int exit_code_disk_failed = 74;

struct AppendRecord {
  ShardId shard;
  std::string_view key;
  std::string_view data;
};

// A listener's life: it is called no more once this is destroyed (the destructor waits for a call under way).
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// Keeps readers of some shards from what was appended after it, until it is destroyed; then they are woken.
class Hold {
 public:
  virtual ~Hold() = default;
  virtual GroupNumber from() const = 0;
};

class Log {
 public:
  virtual ~Log() = default;

  // Copies the records to the group that gathers; all of one call are in the same group, in this order. The
  // sequence numbers go to `sequences` if it is not empty (then as long as `records`). Durable only when the
  // returned group is. invalid_argument: an unknown shard. disk_full, throttled (too many bytes wait for the
  // disk): nothing was taken.
  virtual Result<GroupNumber> append(std::span<const AppendRecord> records,
                                     std::span<SequenceNumber> sequences = {}) = 0;

  // Starts writing what has gathered unless a write is under way (then the gathered group follows it by
  // itself). Whoever appends calls this when it has nothing more to add right now.
  virtual void flush() = 0;

  // Calls `done` when the group and all before it are durable; at once, on this thread, if they are already.
  virtual void when_durable(GroupNumber group, std::function<void()> done) = 0;
  // The same for a thread that may block; flushes first. Never call it on a reactor's thread. Reaps itself only
  // if nobody else does (no thread was started, no event_fd() asked for).
  virtual void wait_durable(GroupNumber group) = 0;
  virtual GroupNumber durable_group() const = 0;
  // The newest group that anything was appended to.
  virtual GroupNumber appended_group() const = 0;

  // Blocks of the shard that hold durable records from `from` on, in order, about `bytes_max` bytes (at least
  // one block if there is one); empty at the end of the shard. The first block may begin before `from`.
  // trimmed: retention has passed `from`. corrupt, io: the disk failed. throttled: the process has no descriptor
  // left. unavailable: the log was deleted. not_found: no such shard.
  virtual Result<std::vector<BlockPtr>> read(ShardId shard, SequenceNumber from, size_t bytes_max) const = 0;

  virtual Result<ShardRange> range(ShardId shard) const = 0;
  // The first record that arrived at or after `time`; the end of the shard if there is none.
  virtual Result<SequenceNumber> find(ShardId shard, ProcessingTime time) const = 0;

  // Calls `wake` after each durable group that has records of the shard (of any shard, if none is named).
  virtual std::unique_ptr<Subscription> subscribe(std::optional<ShardId> shard, std::function<void()> wake) = 0;

  // For appends that are seen together: while the hold lives, read(), range() and find() of these shards show
  // what lies before the group that gathers now (after a restart: before `from`, a hold's of the run before) and
  // end there. Durability and replay() know nothing of it. Unknown shards are passed over. Destroy it before the log.
  virtual std::unique_ptr<Hold> hold(std::span<const ShardId> shards, std::optional<GroupNumber> from = {}) = 0;

  // Makes a shard known; idempotent. A shard that holds records after a restart is known already.
  virtual void add_shard(ShardId shard) = 0;

  // All blocks of all groups after `after`, in order, group by group: what a view needs to catch up after a
  // restart. trimmed: groups after `after` are gone. corrupt, io: as for read().
  virtual Result<void> replay(
      GroupNumber after, const std::function<Result<void>(GroupNumber, std::span<const BlockPtr>)>& apply) const = 0;

  // Segments may go whose newest record is older than `before` and whose groups are all <= `group`. `before` is by
  // the wall clock; where that has jumped ahead, it is taken back by the jump, see trusted_time.h. Deletes
  // whole segments only, never the one being written nor (after a restart, before the first append) the
  // newest. Readers miss them at once, their files go a little later.
  virtual Result<void> trim(ProcessingTime before, GroupNumber group) = 0;

  // Writes the log as it is now, all durable groups, into `directory`, which is made if it is missing: a log that
  // open_log() opens. This one goes on meanwhile; what retention takes away then may be missing at the copy's
  // beginning, too. Synced. unavailable: `stop` was requested; then, and after any failure, the copy is a part.
  virtual Result<void> copy_to(const std::string& directory, const std::stop_token& stop) const = 0;

  // Waits for what was appended, then closes; reaps by itself, so that it may be called when the reactors have
  // stopped. append() answers unavailable afterwards. Never call it from a callback of this log. Also done by
  // the destructor.
  virtual void close() = 0;
};

struct LogOptions {
  std::string directory;                        // created if missing; the log's alone while it is open
  size_t segment_bytes = size_t{32} << 20;      // pre-zeroed, recycled
  size_t group_bytes_max = size_t{16} << 20;    // a larger append is refused with limit_exceeded
  size_t pending_bytes_max = size_t{64} << 20;  // gathered and in flight; beyond it append() answers throttled
  size_t tail_bytes_max = size_t{32} << 20;     // recent blocks kept in memory for tailing readers
  bool durable = true;                          // false: no sync (for those who accept to lose the last seconds)
  base::Clock* clock = nullptr;                 // null: the system's
  IoDriver* io = nullptr;                       // null: a driver of its own, with a thread
  bool made = false;                            // it was opened before, so files of it must be there
};

// Opens or creates; a new log has its first segment then, so that one whose files are gone is told from it. in_use:
// another process has the directory. corrupt: a damaged group that is not the torn tail; the message names the file
// and the offset; or no segment is there though it was made. disk_full, throttled: no room for the first segment. A
// torn tail is cut silently: it was never acknowledged.
Result<std::unique_ptr<Log>> open_log(const LogOptions& options);

// Carries the writes of all logs of a process to the disk: io_uring (write, then fdatasync, linked) where the
// kernel allows it, else pwritev2(RWF_DSYNC) in the calling thread. A reactor adds event_fd() to its epoll
// set and calls reap() when it is readable; completions then run on the reactor's thread and no wake-up
// crosses a core. Outlives its logs. Also owns a thread (started by the first log) that prepares and closes
// segments, off the way of the writes; and the descriptors of the segments that are not written, at most
// `cold_files_max` of all logs together (a log has three more: its lock, the segment being written, the next one); and
// the budget of the recent blocks that all of them keep in memory.
class IoDriver {
 public:
  virtual ~IoDriver() = default;
  virtual int event_fd() const = 0;
  virtual void reap() = 0;
  // Reaps on a thread of its own, for programs without a reactor and for tests. Stops with the driver.
  virtual void start_thread() = 0;
  virtual bool uses_io_uring() const = 0;
  virtual size_t tail_bytes() const = 0;  // of recent blocks in memory, of all logs
};
enum class IoMode { automatic, io_uring, blocking };
struct IoLimits {
  size_t cold_files_max = 256;
  size_t tail_bytes_max = size_t{512} << 20;  // recent blocks of all logs; an equal share for each
};
Result<std::unique_ptr<IoDriver>> make_io_driver(IoMode mode = IoMode::automatic, const IoLimits& limits = {});

}  // namespace millrace::log
