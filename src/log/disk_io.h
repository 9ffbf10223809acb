#pragma once
// What the journal asks of its IoDriver: one write (and sync) at a time per log, carried to the disk, and a
// keeper: one thread per driver for what may block for long (preparing segments, closing and removing them).
//
// Invariants: a DiskWrite is finished exactly once, and only when its bytes are on disk (written, if it does
// not sync). A write or a sync that fails ends the process with exit_code_disk_failed.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "log/buffer_pool.h"
#include "log/log.h"
#include "log/open_files.h"
#include "log/tail_budget.h"

namespace millrace::log {

// Lives until on_written() returns; so do its bytes.
class DiskWrite {
 public:
  int descriptor = -1;
  std::string_view bytes;
  uint64_t offset = 0;
  bool sync = true;
  std::string_view path;  // for the message of a failure

  // On the thread that reaped it, or that submitted it when the driver blocks.
  virtual void on_written() = 0;

 protected:
  ~DiskWrite() = default;
};

// Tasks run in order. Bounded by its users: a log has at most one task here.
class Keeper {
 public:
  ~Keeper();
  void post(std::function<void()> task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;  // started by the first task
};

class DiskIo : public IoDriver {
 public:
  explicit DiskIo(const IoLimits& limits)
      : files_(std::make_shared<OpenFiles>(limits.cold_files_max)), tails_(limits.tail_bytes_max) {}

  // Any thread. May call on_written() before it returns (a driver that blocks), yet never inside another
  // on_written(): what is submitted there follows when that has returned.
  virtual void submit(DiskWrite& write) = 0;

  // event_fd() without the promise to reap.
  virtual int event_descriptor() const = 0;

  Keeper& keeper() { return keeper_; }
  const std::shared_ptr<OpenFiles>& files() const { return files_; }
  TailBudget& tails() { return tails_; }
  BufferPool& buffers() { return *buffers_; }
  size_t tail_bytes() const override { return tails_.held(); }
  // Somebody reaps: a thread of the driver's own, or a reactor that has asked for the descriptor.
  bool attended() const { return attended_; }

 protected:
  mutable std::atomic<bool> attended_ = false;
  Keeper keeper_;

 private:
  const std::shared_ptr<OpenFiles> files_;
  TailBudget tails_;
  static constexpr size_t free_buffer_bytes_max = size_t{32} << 20;  // of all logs
  const std::shared_ptr<BufferPool> buffers_ = BufferPool::make(free_buffer_bytes_max);
};

// `what` names the file, what was done with it and the system's word for the failure.
[[noreturn]] void stop_process(std::string_view what);

}  // namespace millrace::log
