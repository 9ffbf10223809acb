#pragma once
// Memory for the groups of all logs of a driver. Large buffers come back when the last block in them is
// let go, because the first touch of new memory costs more than all else that is done with it.
//
// Invariant: at most `free_bytes_max` lie here unused. Any thread. Buffers may outlive the pool's owner.

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace millrace::log {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static constexpr size_t pooled_bytes_min = size_t{64} << 10;  // smaller ones are malloc's business

  static std::shared_ptr<BufferPool> make(size_t free_bytes_max) {
    return std::shared_ptr<BufferPool>(new BufferPool(free_bytes_max));
  }

  // At least `bytes` long, uninitialised, aligned for any type.
  std::shared_ptr<char[]> take(size_t bytes);
  size_t free_bytes();

 private:
  struct Buffer {
    std::unique_ptr<char[]> memory;
    size_t bytes = 0;
  };

  explicit BufferPool(size_t free_bytes_max) : free_bytes_max_(free_bytes_max) {}
  void give_back(Buffer buffer);

  const size_t free_bytes_max_;
  std::mutex mutex_;
  std::vector<Buffer> free_;
  size_t free_bytes_ = 0;
};

}  // namespace millrace::log
