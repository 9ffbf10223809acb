#include "shop/live_view.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::shop {
namespace {

class LiveViewTest : public testing::Test {
 protected:
  client::JsonItem item(const client::ItemText& text) {
    json_ = client::ItemText(text).done();
    return parser_.parse(json_).get_object();
  }
  static client::ItemText product(int64_t cents, int64_t version) {
    return client::ItemText()
        .text("product_id", "p1")
        .cents("list_price", 1000)
        .cents("price", cents)
        .number("price_version", version);
  }

  base::ManualClock clock_;
  simdjson::dom::parser parser_;
  std::string json_;
};

TEST_F(LiveViewTest, says_of_demand_what_pricing_says) {
  pricing::Policy policy;
  policy.unit_weight = 20;
  LiveView shop(policy, clock_);
  shop.take_demand(item(client::ItemText()
                            .text("product_id", "p1")
                            .number("views", 90)
                            .number("cart_adds", 9)
                            .number("units", 3)
                            .number("slow_views", 300)
                            .number("slow_cart_adds", 20)
                            .number("slow_units", 4)
                            .number("first_event_ms", 1'000)
                            .number("last_event_ms", 61'000)));
  const pricing::Signals signals = {.fast = {90, 9, 3},
                                    .slow = {300, 20, 4},
                                    .first_event_ms = 1'000,
                                    .last_event_ms = 61'000,
                                    .list_price_cents = 1'000,
                                    .stock = std::nullopt};
  const pricing::Proposal proposal = pricing::propose(policy, signals, {.price_cents = 1'000, .priced_ms = 1});
  EXPECT_GT(proposal.ratio, 2);
  EXPECT_EQ(shop.products().at("p1").ratio, proposal.ratio);
  EXPECT_EQ(shop.products().at("p1").score, proposal.score);
}

TEST_F(LiveViewTest, a_price_that_was_there_at_the_beginning_is_no_change) {
  LiveView shop({}, clock_);
  shop.take_product(item(product(1100, 1)), std::nullopt);
  EXPECT_EQ(shop.price_changes(), 0U);
  shop.take_product(item(product(1200, 2)), std::nullopt);
  EXPECT_EQ(shop.price_changes(), 0U);
  shop.take_product(item(product(1300, 3)), 7);
  ASSERT_EQ(shop.prices().size(), 1U);
  EXPECT_EQ(shop.prices()[0].from_cents, 1200);
  EXPECT_EQ(shop.prices()[0].to_cents, 1300);
  EXPECT_EQ(shop.prices()[0].latency_ms, -1) << "nothing says what caused it";
}

TEST_F(LiveViewTest, changes_of_products_beyond_those_that_are_shown_are_counted) {
  LiveView shop({}, clock_);
  for (size_t n = 0; n < LiveView::products_max; ++n) {
    shop.take_product(item(client::ItemText().text("product_id", fmt::format("p{}", n)).cents("price", 1000)), {});
  }
  const auto other = [&](int64_t cents, int64_t priced_ms, int64_t stock) {
    return item(client::ItemText()
                    .text("product_id", "other")
                    .cents("list_price", 1000)
                    .cents("price", cents)
                    .number("priced_ms", priced_ms)
                    .number("caused_by_event_ms", priced_ms)
                    .number("stock", stock));
  };
  shop.take_product(other(1100, 1'000'000, 9), 2'000'000);  // something else has changed, long after the price
  EXPECT_EQ(shop.price_changes(), 0U);
  shop.take_product(other(1200, 2'000'100, 9), 2'000'105);
  EXPECT_EQ(shop.price_changes(), 1U);
  EXPECT_EQ(shop.prices().back().product_id, "other");
  EXPECT_EQ(shop.prices().back().latency_ms, 5);
  shop.take_product(other(1200, 2'000'100, 8), 2'000'200);
  EXPECT_EQ(shop.price_changes(), 1U);
  EXPECT_EQ(shop.products().size(), LiveView::products_max);
}

}  // namespace
}  // namespace millrace::shop
