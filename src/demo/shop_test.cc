#include "demo/shop.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace millrace::demo {
namespace {

constexpr uint64_t seed = 42;

struct Shop {
  ShopCatalog catalog{seed, 200};
  ShopPrices prices{catalog};
  ShopRush rush;
  Shoppers shoppers{catalog, seed, 20'000, 0, 1};
  int64_t now_ms = 1'700'000'000'000;

  // As many actions, a thousand of them in a second.
  std::vector<ShopAction> run(size_t actions) {
    std::vector<ShopAction> all;
    for (size_t i = 0; i < actions; ++i) all.push_back(shoppers.next(EventTime(now_ms += 1), prices, rush));
    return all;
  }
};

std::map<ShopAction::Kind, double> shares(const std::vector<ShopAction>& actions, size_t product) {
  std::map<ShopAction::Kind, double> counts;
  for (const auto& action : actions) counts[action.kind] += action.product == product;
  return counts;
}

TEST(ShopTest, has_the_same_products_for_the_same_seed) {
  const ShopCatalog one(seed, 300);
  const ShopCatalog two(seed, 300);
  const ShopCatalog other(seed + 1, 300);
  std::set<std::string> names;
  size_t same_as_other = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].name, two[i].name);
    EXPECT_EQ(one[i].list_price_cents, two[i].list_price_cents);
    EXPECT_GT(one[i].list_price_cents, 0);
    EXPECT_GT(one[i].stock, 0);
    EXPECT_TRUE(names.insert(one[i].name).second) << one[i].name;
    same_as_other += one[i].name == other[i].name;
  }
  EXPECT_LT(same_as_other, 30u);
}

TEST(ShopTest, makes_the_same_decisions_for_the_same_seed) {
  Shop one;
  Shop two;
  const auto first = one.run(10'000);
  const auto second = two.run(10'000);
  for (size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].kind, second[i].kind) << i;
    ASSERT_EQ(first[i].product, second[i].product) << i;
    ASSERT_EQ(visitor_id(first[i]), visitor_id(second[i])) << i;
    ASSERT_EQ(first[i].time, second[i].time) << i;
  }
}

TEST(ShopTest, popularity_follows_a_power_law) {
  Shop shop;
  std::map<size_t, int> views;
  for (const auto& action : shop.run(100'000)) views[action.product] += action.kind == ShopAction::Kind::view;
  const int top = views[shop.catalog.by_popularity(0)];
  const int middle = views[shop.catalog.by_popularity(60)];
  const int last = views[shop.catalog.by_popularity(199)];
  EXPECT_GT(top, 5 * middle);
  EXPECT_GT(middle, 2 * last);
  EXPECT_GT(last, 0);
}

TEST(ShopTest, people_look_then_choose_then_buy) {
  Shop shop;
  std::map<std::pair<uint32_t, size_t>, int> seen;
  std::map<ShopAction::Kind, int> counts;
  for (const auto& action : shop.run(100'000)) {
    const auto key = std::pair(action.visitor + (action.bot ? 1'000'000 : 0), action.product);
    if (action.kind == ShopAction::Kind::view) seen[key] |= 1;
    if (action.kind == ShopAction::Kind::cart) {
      EXPECT_TRUE(seen[key] & 1);
      EXPECT_FALSE(action.bot);
      seen[key] |= 2;
    }
    EXPECT_TRUE(action.kind != ShopAction::Kind::order || seen[key] & 2);
    ++counts[action.kind];
  }
  EXPECT_GT(counts[ShopAction::Kind::view], 80'000);
  EXPECT_GT(counts[ShopAction::Kind::cart], 5'000);
  EXPECT_GT(counts[ShopAction::Kind::order], 1'500);
}

TEST(ShopTest, a_dearer_product_is_wanted_less) {
  Shop fair;
  Shop dear;
  const size_t product = fair.catalog.by_popularity(0);
  dear.prices.set(product, fair.catalog[product].list_price_cents * 3 / 2);
  auto at_list = shares(fair.run(200'000), product);
  auto raised = shares(dear.run(200'000), product);
  EXPECT_GT(at_list[ShopAction::Kind::cart], 2 * raised[ShopAction::Kind::cart]);
  EXPECT_GT(at_list[ShopAction::Kind::order], 3 * raised[ShopAction::Kind::order]);
  EXPECT_GT(raised[ShopAction::Kind::view], 0.8 * at_list[ShopAction::Kind::view]);
}

TEST(ShopTest, a_rush_sends_a_quarter_of_the_views_to_its_product) {
  Shop shop;
  const size_t product = shop.catalog.by_popularity(66);
  const double before = shares(shop.run(20'000), product)[ShopAction::Kind::view];
  shop.rush = {true, product};
  const double during = shares(shop.run(20'000), product)[ShopAction::Kind::view];
  EXPECT_GT(during, 20 * before);
  EXPECT_NEAR(during / 20'000, Shoppers::rush_share, 0.06);
}

TEST(ShopTest, some_products_are_talked_about_for_a_while) {
  Shop shop;
  std::set<size_t> talked_about;
  for (int round = 0; round < 6; ++round) {
    std::map<size_t, int> views;
    for (const auto& action : shop.run(static_cast<size_t>(Shoppers::trend_ms))) {
      views[action.product] += action.kind == ShopAction::Kind::view;
    }
    for (size_t rank = 20; rank < 200; ++rank) {
      const size_t product = shop.catalog.by_popularity(rank);
      if (views[product] > 90) talked_about.insert(product);
    }
  }
  EXPECT_GE(talked_about.size(), 8u);
}

TEST(ShopTest, bots_are_few_and_fast) {
  Shop shop;
  std::map<std::string, int> clicks;
  for (const auto& action : shop.run(10'000)) ++clicks[visitor_id(action)];
  int fast = 0;
  for (const auto& [visitor, count] : clicks) {
    const bool bot = visitor.starts_with("bot-");
    fast += bot;
    EXPECT_TRUE(bot ? count > 30 : count < 15) << visitor << " " << count;
  }
  EXPECT_EQ(fast, static_cast<int>(Shoppers::bots));
}

}  // namespace
}  // namespace millrace::demo
