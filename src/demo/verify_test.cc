#include "demo/verify.h"

#include <gtest/gtest.h>

#include "client/items.h"

namespace millrace::demo {
namespace {

constexpr int64_t start_ms = 1'700'000'000'000;

struct NaiveShopTest : testing::Test {
  NaiveShop shop;
  void click(ShopEvent::Kind kind, int64_t at_ms, std::string_view visitor = "v") {
    shop.add("p", visitor, {.kind = kind, .ms = start_ms + at_ms});
  }
  void order(int64_t at_ms, int64_t quantity, int64_t unit_cents) {
    shop.add("p", "buyer",
             {.kind = ShopEvent::Kind::order, .ms = start_ms + at_ms, .quantity = quantity, .unit_cents = unit_cents});
  }
};

TEST_F(NaiveShopTest, halves_what_is_a_half_life_old) {
  click(ShopEvent::Kind::view, 0);
  click(ShopEvent::Kind::view, 5'000);
  click(ShopEvent::Kind::cart, 10'000);
  const auto demand = shop.demand("p");
  EXPECT_DOUBLE_EQ(static_cast<double>(demand.views), 0.25 + 0.5);
  EXPECT_DOUBLE_EQ(static_cast<double>(demand.cart_adds), 1);
  EXPECT_EQ(demand.first_event_ms, start_ms);
  EXPECT_EQ(demand.last_event_ms, start_ms + 10'000);
}

TEST_F(NaiveShopTest, an_order_counts_its_units_and_ages_the_rest) {
  click(ShopEvent::Kind::view, 0);
  order(60'000, 3, 100);
  const auto demand = shop.demand("p");
  EXPECT_DOUBLE_EQ(static_cast<double>(demand.slow_views), 0.5);
  EXPECT_DOUBLE_EQ(static_cast<double>(demand.units), 3);
  EXPECT_DOUBLE_EQ(static_cast<double>(demand.slow_units), 3);
}

TEST_F(NaiveShopTest, a_window_begins_with_its_start_and_ends_before_its_end) {
  click(ShopEvent::Kind::view, 999, "early");
  click(ShopEvent::Kind::view, 1'000, "v1");
  click(ShopEvent::Kind::cart, 1'500, "v1");
  click(ShopEvent::Kind::view, 1'999, "v2");
  order(1'999, 2, 1'250);
  click(ShopEvent::Kind::view, 2'000, "late");
  const auto window = shop.window("p", start_ms + 1'000, start_ms + 2'000);
  EXPECT_EQ(window.views, 2);
  EXPECT_EQ(window.cart_adds, 1);
  EXPECT_EQ(window.visitors, 3);  // the buyer is one
  EXPECT_EQ(window.units, 2);
  EXPECT_EQ(window.revenue_cents, 2'500);
  EXPECT_TRUE(shop.window("p", start_ms + 3'000, start_ms + 4'000).empty);
  EXPECT_TRUE(shop.window("q", start_ms, start_ms + 4'000).empty);
}

TEST(IdsSeenTest, tells_what_is_missing) {
  AcknowledgedIds ids;
  ids.prefix = "run";
  ids.issued = {3, 2};
  ids.lost = {"run-0-1"};
  IdsSeen seen(ids);
  for (const auto* id : {"run-0-0", "run-1-1", "run-1-2", "run-2-0", "other-0-2", "run-0-", "run", "run-0-2x"}) {
    seen.see(id);
  }
  EXPECT_EQ(seen.missing(), 2u);
  EXPECT_EQ(seen.some_missing(9), (std::vector<std::string>{"run-0-2", "run-1-0"}));
  EXPECT_EQ(ids.count(), 4u);
}

TEST(CentsTest, reads_prices_as_whole_cents) {
  EXPECT_EQ(client::parse_cents("12.9"), 1290);
  EXPECT_EQ(client::parse_cents("12"), 1200);
  EXPECT_EQ(client::parse_cents("12.90"), 1290);
  EXPECT_EQ(client::parse_cents("12.9000"), 1290);
  EXPECT_EQ(client::parse_cents("0.05"), 5);
  EXPECT_EQ(client::parse_cents("-0.05"), -5);
  EXPECT_EQ(client::parse_cents("12.905"), std::nullopt);
  EXPECT_EQ(client::parse_cents("1.2.3"), std::nullopt);
  EXPECT_EQ(client::parse_cents(""), std::nullopt);
  EXPECT_EQ(client::parse_cents("1e3"), std::nullopt);
  EXPECT_EQ(client::cents_text(5), "0.05");
  EXPECT_EQ(client::cents_text(129005), "1290.05");
  EXPECT_EQ(client::cents_text(-5), "-0.05");
}

}  // namespace
}  // namespace millrace::demo
