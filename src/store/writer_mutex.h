#pragma once
// The one writer's lock. Whoever waits gets it before the holder can take it again: a job that commits a long row of
// transactions lets the reactor in after each of them, where a std::mutex would let it starve. Any thread.

#include <mutex>

namespace millrace::store {

class WriterMutex {
 public:
  void lock() {
    std::lock_guard turn(turn_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex turn_;  // held by who is the next
  std::mutex mutex_;
};

}  // namespace millrace::store
