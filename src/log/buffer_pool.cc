#include "log/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace::log {
namespace {

// Few distinct sizes (an eighth of the power of two apart), so that a buffer fits the next group too.
size_t size_class(size_t bytes) {
  const size_t step = std::bit_ceil(bytes) / 16;
  return (bytes + step - 1) / step * step;
}

}  // namespace

std::shared_ptr<char[]> BufferPool::take(size_t bytes) {
  if (bytes < pooled_bytes_min) return std::shared_ptr<char[]>(new char[bytes]);
  Buffer buffer;
  {
    std::lock_guard lock(mutex_);
    // The newest first: it is the likeliest to be in the processor's cache.
    for (size_t i = free_.size(); i-- > 0;) {
      if (free_[i].bytes < bytes || free_[i].bytes / 2 > bytes) continue;
      buffer = std::move(free_[i]);
      free_.erase(free_.begin() + static_cast<ptrdiff_t>(i));
      free_bytes_ -= buffer.bytes;
      break;
    }
  }
  if (!buffer.memory) {
    buffer.bytes = size_class(bytes);
    buffer.memory = std::make_unique_for_overwrite<char[]>(buffer.bytes);
  }
  char* memory = buffer.memory.release();
  return std::shared_ptr<char[]>(memory, [pool = shared_from_this(), size = buffer.bytes](char* returned) {
    pool->give_back({std::unique_ptr<char[]>(returned), size});
  });
}

size_t BufferPool::free_bytes() {
  std::lock_guard lock(mutex_);
  return free_bytes_;
}

void BufferPool::give_back(Buffer buffer) {
  std::lock_guard lock(mutex_);
  if (free_bytes_ + buffer.bytes > free_bytes_max_) return;
  free_bytes_ += buffer.bytes;
  free_.push_back(std::move(buffer));
}

}  // namespace millrace::log
