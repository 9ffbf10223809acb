#include "io.h"

#include <fmt/core.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "files.h"
#include "log/disk_io.h"
#include "world.h"

namespace millrace::simulation {
namespace {

class SimulatedIo final : public log::DiskIo {
 public:
  explicit SimulatedIo(const log::IoLimits& limits) : DiskIo(limits), disk_([this] { work(); }) { start_thread(); }
  ~SimulatedIo() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    disk_.join();
    reactor_.join();
  }

  int event_fd() const override { return -1; }
  int event_descriptor() const override { return -1; }
  bool uses_io_uring() const override { return true; }

  void start_thread() override {
    if (reactor_.joinable()) return;
    attended_ = true;
    reactor_ = std::thread([this] {
      std::unique_lock lock(mutex_);
      for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !written_.empty(); });
        if (written_.empty()) return;
        lock.unlock();
        reap();
        lock.lock();
      }
    });
  }

  void submit(log::DiskWrite& write) override {
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(&write);
    }
    changed_.notify_all();
  }

  void reap() override {
    std::unique_lock lock(mutex_);
    while (!written_.empty()) {
      log::DiskWrite* const write = written_.front();
      written_.pop_front();
      lock.unlock();
      write->on_written();
      lock.lock();
    }
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const auto chosen = waiting_.begin() + static_cast<ptrdiff_t>(world().disasters.below(waiting_.size()));
      log::DiskWrite* const write = *chosen;
      waiting_.erase(chosen);
      lock.unlock();
      if (const int error = write_to_disk(write->descriptor, write->bytes, write->offset, write->sync); error != 0) {
        log::stop_process(fmt::format("{}: {}", write->path, std::generic_category().message(error)));
      }
      lock.lock();
      written_.push_back(write);
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<log::DiskWrite*> waiting_;  // at most one of each log
  std::deque<log::DiskWrite*> written_;
  std::thread reactor_;
  std::thread disk_;
};

}  // namespace

std::unique_ptr<log::IoDriver> make_simulated_io(const log::IoLimits& limits) {
  return std::make_unique<SimulatedIo>(limits);
}

}  // namespace millrace::simulation
