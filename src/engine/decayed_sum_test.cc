#include "engine/decayed_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace millrace::engine {
namespace {

struct Event {
  int64_t ms;
  int64_t x;
};

DecayedSum sum_of(const std::vector<Event>& events, int64_t half_life_ms) {
  DecayedSum sum;
  for (const Event& event : events) sum.add(event.ms, decay_place(event.ms, half_life_ms), event.x);
  return sum;
}

double naive(const std::vector<Event>& events, int64_t half_life_ms) {
  int64_t newest = events.front().ms;
  for (const Event& event : events) newest = std::max(newest, event.ms);
  long double sum = 0;
  for (const Event& event : events) {
    sum += static_cast<long double>(event.x) *
           std::exp2(-static_cast<long double>(newest - event.ms) / static_cast<long double>(half_life_ms));
  }
  return static_cast<double>(sum);
}

uint64_t bits(double v) {
  uint64_t out;
  std::memcpy(&out, &v, sizeof(out));
  return out;
}

std::vector<Event> random_events(std::mt19937_64& random, int64_t half_life_ms, int64_t half_lives) {
  std::vector<Event> events(1 + random() % 300);
  for (Event& event : events) {
    event.ms = static_cast<int64_t>(random() % (half_life_ms * half_lives)) - half_life_ms * half_lives / 2;
    event.x = static_cast<int64_t>(random() % 10) + 1;
  }
  return events;
}

TEST(DecayedSum, equals_the_naive_sum) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const int64_t half_life_ms = 1 + static_cast<int64_t>(random() % 100'000);
    const auto events = random_events(random, half_life_ms, 30);
    const double expected = naive(events, half_life_ms);
    EXPECT_NEAR(sum_of(events, half_life_ms).value(half_life_ms), expected, 1e-9 * std::max(1.0, expected));
  }
}

TEST(DecayedSum, is_bit_identical_for_every_order_and_every_split) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const int64_t half_life_ms = 1 + static_cast<int64_t>(random() % 5'000);
    // Far more half lives than are kept, so that old buckets are dropped on the way in some orders.
    auto events = random_events(random, half_life_ms, 200);
    const uint64_t expected = bits(sum_of(events, half_life_ms).value(half_life_ms));
    for (int round = 0; round < 5; ++round) {
      std::shuffle(events.begin(), events.end(), random);
      EXPECT_EQ(bits(sum_of(events, half_life_ms).value(half_life_ms)), expected);
      const auto middle = events.begin() + static_cast<int64_t>(random() % events.size());
      DecayedSum left = sum_of({events.begin(), middle}, half_life_ms);
      left.merge(sum_of({middle, events.end()}, half_life_ms));
      EXPECT_EQ(bits(left.value(half_life_ms)), expected);
    }
  }
}

TEST(DecayedSum, a_retraction_takes_away_exactly_what_was_added) {
  DecayedSum sum;
  const int64_t half_life_ms = 1000;
  for (int64_t ms : {10, 500, 3333, 777}) sum.add(ms, decay_place(ms, half_life_ms), 3);
  for (int64_t ms : {500, 777, 10}) sum.add(ms, decay_place(ms, half_life_ms), -3);
  DecayedSum only;
  only.add(3333, decay_place(3333, half_life_ms), 3);
  EXPECT_EQ(bits(sum.value(half_life_ms)), bits(only.value(half_life_ms)));
}

TEST(DecayedSum, comes_back_from_its_changes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const int64_t half_life_ms = 1000;
    DecayedSum sum;
    DecayedSum restored;
    for (int commit = 0; commit < 20; ++commit) {
      for (const Event& event : random_events(random, half_life_ms, 5 * (commit + 1))) {
        sum.add(event.ms, decay_place(event.ms, half_life_ms), event.x);
      }
      std::string piece;
      sum.put(piece, commit > 0);
      sum.clear_dirty();
      base::ByteReader in(piece);
      restored.get(in);
      ASSERT_TRUE(in.ok() && in.done());
      ASSERT_EQ(bits(restored.value(half_life_ms)), bits(sum.value(half_life_ms)));
    }
  }
}

TEST(DecayedSum, fades_to_an_event_that_adds_nothing) {
  DecayedSum sum;
  sum.add(0, decay_place(0, 1000), 4);
  sum.touch(2000, decay_place(2000, 1000));
  EXPECT_DOUBLE_EQ(sum.value(1000), 1.0);
}

}  // namespace
}  // namespace millrace::engine
