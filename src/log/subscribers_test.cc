#include "log/subscribers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace millrace::log {
namespace {

const std::vector<ShardId> shard_zero = {ShardId(0)};

TEST(Subscribers, ASubscriptionThatEndsItselfInItsCallIsCalledOnce) {
  Subscribers subscribers;
  std::unique_ptr<Subscription> subscription;
  int calls = 0;
  subscription = subscribers.add(ShardId(0), [&] {
    calls += 1;
    subscription.reset();
  });
  subscribers.wake(shard_zero);
  subscribers.wake(shard_zero);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(subscribers.empty());
}

TEST(Subscribers, EndingASubscriptionWaitsForTheCallUnderWay) {
  Subscribers subscribers;
  std::atomic<bool> in_call = false;
  std::atomic<bool> finish = false;
  std::atomic<bool> finished = false;
  auto subscription = subscribers.add(std::nullopt, [&] {
    in_call = true;
    while (!finish) std::this_thread::yield();
    finished = true;
  });
  std::thread waker([&] { subscribers.wake(shard_zero); });
  while (!in_call) std::this_thread::yield();
  std::thread finisher([&] { finish = true; });
  subscription.reset();
  EXPECT_TRUE(finished);
  waker.join();
  finisher.join();
}

TEST(Subscribers, ASubscriptionMayOutliveTheLog) {
  auto subscribers = std::make_unique<Subscribers>();
  const auto subscription = subscribers->add(std::nullopt, [] {});
  subscribers.reset();
}

}  // namespace
}  // namespace millrace::log
