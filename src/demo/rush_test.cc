#include "demo/rush.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::demo {
namespace {

TEST(RushPlanTest, a_run_of_known_length_has_one_rush) {
  const RushPlan plan(20'000);
  EXPECT_FALSE(plan.rush_at(7'999));
  EXPECT_EQ(plan.rush_at(8'000), 0u);
  EXPECT_EQ(plan.rush_at(12'999), 0u);
  EXPECT_FALSE(plan.rush_at(13'000));
}

TEST(RushPlanTest, a_run_without_end_has_one_each_minute) {
  const RushPlan plan(-1);
  EXPECT_FALSE(plan.rush_at(0));
  EXPECT_EQ(plan.rush_at(20'000), 0u);
  EXPECT_FALSE(plan.rush_at(35'000));
  EXPECT_EQ(plan.rush_at(80'000), 1u);
  EXPECT_EQ(plan.rush_at(620'000), 10u);
}

TEST(RushPlanTest, rushes_are_on_different_products_of_middling_popularity) {
  const ShopCatalog catalog(7, 200);
  std::set<size_t> products;
  for (uint64_t number = 0; number < 10; ++number) products.insert(rush_product(catalog, 7, number));
  EXPECT_GT(products.size(), 5u);
  for (size_t rank = 0; rank < 50; ++rank) EXPECT_FALSE(products.contains(catalog.by_popularity(rank)));
  EXPECT_EQ(rush_product(catalog, 7, 3), rush_product(catalog, 7, 3));
  EXPECT_LT(rush_product(ShopCatalog(7, 1), 7, 0), 1u);
}

struct RushWatchTest : testing::Test {
  RushWatch watch;
  void price(size_t product, int64_t before_cents, int64_t cents, int64_t at_ms, int64_t acknowledged_ms) {
    PriceSeen seen;
    seen.product = product;
    seen.before_cents = before_cents;
    seen.cents = cents;
    seen.seen_ns = at_ms * 1'000'000;
    watch.price_seen(seen, acknowledged_ms * 1'000'000);
  }
};

TEST_F(RushWatchTest, reacts_with_the_first_raised_price_after_the_first_click) {
  watch.begin(3, 1000);
  price(3, 1000, 1010, 50, 0);
  price(4, 1000, 1100, 150, 100);
  price(3, 1010, 1000, 160, 100);
  price(3, 1000, 1100, 170, 100);
  price(3, 1100, 1210, 200, 100);
  price(3, 1210, 1150, 300, 100);
  const auto view = watch.view();
  EXPECT_FLOAT_EQ(view.reaction_ms, 70);
  EXPECT_EQ(view.before_cents, 1000);
  EXPECT_EQ(view.peak_cents, 1210);
  EXPECT_EQ(view.now_cents, 1150);
}

TEST_F(RushWatchTest, has_nothing_to_tell_before_a_rush) {
  price(3, 1000, 1100, 170, 100);
  EXPECT_FALSE(watch.view().begun);
  EXPECT_LT(watch.view().reaction_ms, 0);
}

}  // namespace
}  // namespace millrace::demo
