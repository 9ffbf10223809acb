#include "log/buffer_pool.h"

#include <gtest/gtest.h>

namespace millrace::log {
namespace {

TEST(BufferPool, ALargeBufferIsUsedAgainOnceNobodyHoldsIt) {
  const auto pool = BufferPool::make();
  auto first = pool->take(300'000);
  const char* memory = first.get();
  auto second = pool->take(300'000);
  EXPECT_NE(second.get(), memory);
  first = nullptr;
  EXPECT_EQ(pool->take(290'000).get(), memory);
}

TEST(BufferPool, ASmallRequestDoesNotHoldAHugeBuffer) {
  const auto pool = BufferPool::make();
  auto huge = pool->take(3'000'000);
  const char* memory = huge.get();
  huge = nullptr;
  EXPECT_NE(pool->take(100'000).get(), memory);
}

TEST(BufferPool, BuffersMayOutliveThePool) {
  auto pool = BufferPool::make();
  const auto buffer = pool->take(BufferPool::free_bytes_max * 2);
  pool = nullptr;
  buffer[BufferPool::free_bytes_max] = 'x';
  EXPECT_EQ(buffer[BufferPool::free_bytes_max], 'x');
}

}  // namespace
}  // namespace millrace::log
