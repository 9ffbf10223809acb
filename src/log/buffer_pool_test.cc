#include "log/buffer_pool.h"

#include <gtest/gtest.h>

namespace millrace::log {
namespace {

constexpr size_t free_bytes_max = size_t{4} << 20;

TEST(BufferPool, ALargeBufferIsUsedAgainOnceNobodyHoldsIt) {
  const auto pool = BufferPool::make(free_bytes_max);
  auto first = pool->take(300'000);
  const char* memory = first.get();
  auto second = pool->take(300'000);
  EXPECT_NE(second.get(), memory);
  first = nullptr;
  EXPECT_EQ(pool->take(290'000).get(), memory);
}

TEST(BufferPool, ASmallRequestDoesNotHoldAHugeBuffer) {
  const auto pool = BufferPool::make(free_bytes_max);
  auto huge = pool->take(3'000'000);
  const char* memory = huge.get();
  huge = nullptr;
  EXPECT_NE(pool->take(100'000).get(), memory);
}

TEST(BufferPool, WhatIsBeyondItsBoundGoes) {
  const auto pool = BufferPool::make(1'000'000);
  auto first = pool->take(700'000);
  auto second = pool->take(700'000);
  const char* memory = first.get();
  first = nullptr;
  second = nullptr;
  EXPECT_EQ(pool->free_bytes(), 720'896u);
  EXPECT_EQ(pool->take(700'000).get(), memory);
}

TEST(BufferPool, BuffersMayOutliveThePool) {
  auto pool = BufferPool::make(free_bytes_max);
  const auto buffer = pool->take(free_bytes_max * 2);
  pool = nullptr;
  buffer[free_bytes_max] = 'x';
  EXPECT_EQ(buffer[free_bytes_max], 'x');
}

}  // namespace
}  // namespace millrace::log
