#include "demo/ledger.h"

#include <gtest/gtest.h>

namespace millrace::demo {
namespace {

constexpr int64_t start_ms = 1'700'000'000'000;
constexpr int64_t ms = 1'000'000;

struct LedgerTest : testing::Test {
  DemoLedger ledger;
  void acknowledge(size_t product, int64_t event_ms, int64_t at_ms) {
    const DemoLedger::Event click{product, EventTime(start_ms + event_ms)};
    ledger.clicks_acknowledged(std::span(&click, 1), at_ms * ms);
  }
  void see_price(size_t product, int64_t cause_ms, int64_t at_ms) {
    ledger.price_seen({product, EventTime(start_ms + cause_ms)}, at_ms * ms);
  }
};

TEST_F(LedgerTest, measures_from_the_acknowledgement_to_the_price) {
  acknowledge(1, 10, 12);
  see_price(1, 10, 15);
  EXPECT_EQ(ledger.latency().samples, 1u);
  EXPECT_FLOAT_EQ(ledger.latency().p50_ms, 3);
  EXPECT_FLOAT_EQ(ledger.latency().max_ms, 3);
}

TEST_F(LedgerTest, counts_the_first_acknowledged_click_of_a_millisecond) {
  acknowledge(1, 10, 12);
  acknowledge(1, 10, 14);
  see_price(1, 10, 15);
  EXPECT_FLOAT_EQ(ledger.latency().p50_ms, 3);
}

TEST_F(LedgerTest, counts_a_price_before_its_acknowledgement_as_nothing) {
  see_price(1, 10, 11);
  EXPECT_EQ(ledger.latency().samples, 0u);
  acknowledge(1, 10, 12);
  EXPECT_EQ(ledger.latency().samples, 1u);
  EXPECT_FLOAT_EQ(ledger.latency().max_ms, 0);
}

TEST_F(LedgerTest, takes_no_sample_from_another_product_or_an_order) {
  acknowledge(1, 10, 12);
  see_price(2, 10, 15);
  see_price(1, 11, 15);
  EXPECT_EQ(ledger.latency().samples, 0u);
}

TEST_F(LedgerTest, forgets_old_acknowledgements) {
  acknowledge(1, 10, 12);
  acknowledge(1, 10 + 1000 * static_cast<int64_t>(DemoLedger::acknowledgements_s), 13);
  see_price(1, 10, 15);
  EXPECT_EQ(ledger.latency().samples, 0u);
}

TEST_F(LedgerTest, tells_percentiles_by_nearest_rank) {
  for (int i = 1; i <= 100; ++i) {
    acknowledge(1, i, 0);
    see_price(1, i, i);
  }
  EXPECT_FLOAT_EQ(ledger.latency().p50_ms, 50);
  EXPECT_FLOAT_EQ(ledger.latency().p99_ms, 99);
  EXPECT_FLOAT_EQ(ledger.latency().max_ms, 100);
  EXPECT_FLOAT_EQ(ledger.recent_latency(10).p50_ms, 95);
}

}  // namespace
}  // namespace millrace::demo
