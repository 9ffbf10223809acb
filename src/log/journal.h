#pragma once
// The log: appends gather in a group, one write at a time carries the groups to the disk, and what is durable
// goes to the history and to whoever waits.
//
// Invariants: at most one write is under way; what append() accepted has its room on the disk, in the active
// segment or in the spare one; durable groups are published in order before anyone is told of them. One mutex
// guards everything here; it is not held while a group is built, written, published or announced.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "log/disk_io.h"
#include "log/gather.h"
#include "log/history.h"
#include "log/recovery.h"
#include "log/segment_store.h"
#include "log/subscribers.h"
#include "log/trusted_time.h"

namespace millrace::log {

class Journal final : public Log, private DiskWrite {
 public:
  Journal(const LogOptions& options, std::unique_ptr<IoDriver> own_io, base::DirectoryLock lock, Recovered recovered);
  ~Journal() override;
  // disk_full, throttled: there is no room for it.
  Result<void> wait_for_first_segment();

  Result<GroupNumber> append(std::span<const AppendRecord> records, std::span<SequenceNumber> sequences) override;
  void flush() override;
  void when_durable(GroupNumber group, std::function<void()> done) override;
  void wait_durable(GroupNumber group) override;
  GroupNumber appended_group() const override;
  GroupNumber durable_group() const override { return GroupNumber(durable_); }
  Result<std::vector<BlockPtr>> read(ShardId shard, SequenceNumber from, size_t bytes_max) const override;
  Result<ShardRange> range(ShardId shard) const override;
  Result<SequenceNumber> find(ShardId shard, ProcessingTime time) const override;
  std::unique_ptr<Subscription> subscribe(std::optional<ShardId> shard, std::function<void()> wake) override;
  std::unique_ptr<Hold> hold(std::span<const ShardId> shards, std::optional<GroupNumber> from) override;
  void add_shard(ShardId shard) override;
  Result<void> replay(GroupNumber after,
                      const std::function<Result<void>(GroupNumber, std::span<const BlockPtr>)>& apply) const override;
  Result<void> trim(ProcessingTime before, GroupNumber group) override;
  Result<void> copy_to(const std::string& directory, const std::stop_token& stop) const override;
  void close() override;

 private:
  class ShardsHold;
  using Lock = std::unique_lock<std::mutex>;

  struct Shard {
    ShardId id;
    uint64_t next = 0;
    uint64_t counted_by = 0;  // the last append that counted this shard as a new block of the group
  };
  struct Waiter {
    uint64_t group;
    std::function<void()> done;
  };

  static constexpr size_t no_place = SIZE_MAX;
  size_t place_of(ShardId shard) const;
  void add_shard_locked(ShardId shard, uint64_t next);

  // What a group takes of a segment.
  struct Need {
    size_t bytes = 0;
    size_t blocks = 0;
    size_t shards = 0;  // that the footer will name
  };

  Result<void> accept(std::span<const AppendRecord> records, size_t payload_bytes, Lock& lock);
  bool fits_active(const Need& need) const;
  static size_t bytes_in_fresh(const Need& need);

  void pump(Lock& lock);
  std::string switch_to(SegmentPtr spare);
  void on_written() override;
  void announce(Lock& lock);
  void reap_until(const std::function<bool()>& done, Lock& lock);

  const LogOptions options_;
  const std::unique_ptr<IoDriver> own_io_;
  DiskIo& io_;
  base::Clock& clock_;
  base::DirectoryLock directory_lock_;
  mutable History history_;
  Subscribers subscribers_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // durable_
  bool closed_ = false;

  std::vector<Shard> shards_;
  size_t numbered_shards_ = 0;        // that have had a record
  std::vector<uint32_t> low_places_;  // place + 1 of shards with small ids; 0: none
  std::unordered_map<uint32_t, uint32_t> high_places_;
  uint64_t append_count_ = 0;

  Gather gathers_[2];
  Gather* gathering_ = &gathers_[0];
  Gather* building_ = &gathers_[1];
  bool flush_wanted_ = false;
  bool in_flight_ = false;
  size_t in_flight_bytes_ = 0;
  bool waits_for_spare_ = false;
  uint64_t next_group_ = 1;          // of the group that gathers
  uint64_t group_at_last_trim_ = 0;  // one that has not moved on is idle, and keeps no memory to gather in
  std::atomic<uint64_t> durable_ = 0;
  int64_t last_time_ = 0;
  TrustedTime trusted_time_;

  // The segment being written, and what has been placed in it.
  SegmentPtr active_;
  bool active_written_ = false;  // this run has had an active segment
  size_t active_end_ = 0;
  size_t active_groups_ = 0;
  size_t active_blocks_ = 0;

  // The group under way; the writer's alone.
  std::shared_ptr<char[]> image_;
  size_t image_bytes_ = 0;
  size_t opening_bytes_ = 0;

  std::deque<Waiter> waiters_;  // by group
  std::vector<std::function<void()>> due_;
  std::vector<ShardId> woken_;
  bool announcing_ = false;
  size_t finishing_ = 0;  // threads in on_written() after its group has become durable

  // Last, so that its keeper's work is over before the rest goes.
  SegmentStore store_;
};

}  // namespace millrace::log
