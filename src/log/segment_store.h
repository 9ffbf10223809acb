#pragma once
// The life of segment files outside of writing: one is prepared ahead (reserved, zeroed, begun, named), written
// ones are closed, trimmed ones are removed or kept for their next life. All of it runs on the driver's keeper.
//
// Invariants: room that reserved() names can be written whatever happens to the disk's free space; files are
// removed in the order of their ids, each removal durable before the next. Any thread.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "log/disk_io.h"
#include "log/segment.h"

namespace millrace::log {

class SegmentStore {
 public:
  // A log starts with a small segment and grows to segment_bytes by fours, so that one that holds little takes
  // little.
  static constexpr size_t first_segment_bytes = size_t{1} << 20;
  static constexpr size_t free_files_max = 1;

  struct Settings {
    std::string directory;
    size_t segment_bytes = 0;
    uint64_t next_id = 1;
    size_t last_segment_bytes = 0;        // what the newest segment of the last run held
    std::vector<std::string> free_files;  // found by the recovery
    // Called on the keeper when take() has something after it had nothing.
    std::function<void()> on_ready;
    std::function<void(const SegmentPtr&)> on_closed;
  };

  SegmentStore(Settings settings, std::shared_ptr<OpenFiles> files, Keeper& keeper);
  ~SegmentStore() { stop(); }

  // Waits for the work under way; what comes later is not done.
  void stop();

  // The room of the next segment, 0 if there is none yet.
  size_t reserved() const { return reserved_; }
  // Waits until reserved() is at least `bytes`. disk_full, throttled (no descriptor is left), io: it was tried just
  // now and could not be had.
  Result<void> reserve(size_t bytes);

  // The next segment once it is ready, else null.
  SegmentPtr take();
  void wait_ready();

  // Closes a segment that is written and will not be written any more.
  void close(SegmentPtr segment, std::vector<OpeningShard> ends);
  void remove(std::vector<SegmentPtr> segments);

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Closing {
    SegmentPtr segment;
    std::vector<OpeningShard> ends;
  };

  void schedule();
  void work();
  void prepare(Lock& lock);
  Result<base::File> file_to_prepare(uint64_t id, Lock& lock);
  void finish_spare(const SegmentPtr& spare, uint64_t written_bytes, const base::File& directory);
  void close_one(Lock& lock);
  bool remove_one(Lock& lock);

  Settings settings_;
  const std::shared_ptr<OpenFiles> files_;
  Keeper& keeper_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool scheduled_ = false;
  size_t next_bytes_ = 0;

  bool spare_wanted_ = false;
  size_t wanted_bytes_ = 0;
  SegmentPtr spare_;  // reserved; its capacity is reserved_
  bool spare_ready_ = false;
  std::atomic<size_t> reserved_ = 0;
  uint64_t attempts_ = 0;
  std::optional<Error> last_error_;

  std::deque<Closing> closing_;
  std::deque<SegmentPtr> removing_;
};

}  // namespace millrace::log
