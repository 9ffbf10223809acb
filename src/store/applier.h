#pragma once
// The thread that brings RocksDB up to the journal: it takes durable groups out of the overlay in large batches, and
// once a minute flushes RocksDB and trims the journal by what is flushed and by the retention of the change feeds.
//
// It sleeps while there is nothing to do, and lets commits gather for a moment before it begins, so that a row written
// many times is applied once. When RocksDB refuses a write (a full disk), it keeps trying; the overlay then fills and
// the store refuses writes.
//
// Threads: start() and stop() from the owner's; the rest from any.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "log/block.h"
#include "store/overlay.h"
#include "store/rows.h"

namespace millrace::store {

class Applier {
 public:
  struct Options {
    size_t overlay_bytes_max = 0;
    int64_t feed_retention_ms = 0;
  };
  struct Parts {
    Overlay& overlay;
    Rows& rows;
    log::Log& journal;
    const base::Clock& clock;
    std::function<GroupNumber()> complete_group;  // durable, and all its commits are in the overlay
  };
  Applier(const Parts& parts, const Options& options);
  ~Applier();

  void start();
  // Before start(): applies what is in the overlay, up to the group.
  Result<void> catch_up(GroupNumber group);
  // Applies what is durable, then ends. What cannot be applied stays in the journal.
  void stop();

  void committed();       // something new is in the overlay
  void wait_for_space();  // until the overlay is below its bound, or RocksDB fails
  bool has_space() const { return parts_.overlay.bytes() < options_.overlay_bytes_max; }
  std::optional<Error> error() const;  // of RocksDB, while it lasts

  Result<void> flush_and_trim(bool wait);

 private:
  void run();
  bool apply_next();  // false: nothing could be applied
  bool write(GroupNumber position);
  bool is_urgent() const { return parts_.overlay.bytes() >= options_.overlay_bytes_max / 4; }

  const Parts parts_;
  const Options options_;
  std::unique_ptr<RowBatch> batch_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable space_;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::atomic<bool> idle_{false};   // the thread waits for committed()
  std::atomic<bool> hurry_{false};  // it was told not to wait any longer
  std::thread thread_;
};

}  // namespace millrace::store
