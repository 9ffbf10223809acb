#include "app/dashboard_shop.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "store/store.h"

namespace millrace::app {
namespace {

class DashboardShopTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-dashboard-XXXXXX";
    directory_ = mkdtemp(name);
    store_ =
        std::move(*store::Store::open({.directory = directory_, .segment_bytes = size_t{1} << 20, .clock = &clock_}));
    tables_ = std::move(*table::Tables::open(*store_, clock_));
    shop_ = std::make_unique<DashboardShop>(*tables_, policy_, clock_, [this] { ++wakes_; });
  }
  void TearDown() override {
    shop_.reset();
    tables_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void given_table(std::string name) {
    table::TableDefinition definition;
    definition.name = std::move(name);
    definition.hash_key = {"product_id"};
    ASSERT_TRUE(tables_->create(std::move(definition)));
  }
  void put(std::string table, table::Item item) {
    const auto written = tables_->write({.table = std::move(table), .item = std::move(item)});
    ASSERT_TRUE(written) << written.error().message;
    tables_->wait_durable(written->commit);
  }
  void put_price(const char* id, int64_t cents, int64_t version, int64_t cause_ms = 0) {
    table::Item item = {{"product_id", id},
                        {"name", "A Lamp"},
                        {"category", "Lighting"},
                        {"list_price", table::Number(1000, 2)},
                        {"stock", 5},
                        {"price", table::Number(cents, 2)},
                        {"price_version", version},
                        {"price_reason", "because"}};
    if (cause_ms > 0) {
      item.emplace("caused_by_event_ms", cause_ms);
      item.emplace("priced_ms", cause_ms);
    }
    put("ProductCatalog", std::move(item));
  }
  void put_demand(const char* id, int64_t views, int64_t last_ms) {
    put("ProductDemand",
        {{"product_id", id}, {"views", views}, {"first_event_ms", int64_t{1}}, {"last_event_ms", last_ms}});
  }
  // The journal's thread tells it, a little after the writer.
  void await_wake_after(int wakes) {
    for (int i = 0; wakes_ == wakes && i < 5'000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_GT(wakes_, wakes);
  }
  int64_t now() const { return clock_.now().value; }

  base::ManualClock clock_;
  pricing::Policy policy_;
  std::string directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::atomic<int> wakes_ = 0;
  std::unique_ptr<DashboardShop> shop_;
};

TEST_F(DashboardShopTest, is_empty_where_there_is_no_shop) {
  shop_->poll();
  EXPECT_TRUE(shop_->products().empty());
}

TEST_F(DashboardShopTest, begins_with_what_the_tables_hold) {
  given_table("ProductCatalog");
  put_price("p1", 1200, 3);
  shop_->poll();
  ASSERT_TRUE(shop_->products().contains("p1"));
  const auto& product = shop_->products().at("p1");
  EXPECT_EQ(product.name, "A Lamp");
  EXPECT_EQ(product.list_cents, 1000);
  EXPECT_EQ(product.price_cents, 1200);
  EXPECT_EQ(product.version, 3);
  EXPECT_EQ(shop_->price_changes(), 0u);
}

TEST_F(DashboardShopTest, follows_prices_and_how_long_they_took) {
  given_table("ProductCatalog");
  put_price("p1", 1000, 0);
  shop_->poll();
  shop_->clear_changed();
  const int wakes = wakes_;
  clock_.advance_ms(50);
  put_price("p1", 1100, 1, now() - 7);
  await_wake_after(wakes);
  clock_.advance_ms(200);  // until the next frame
  shop_->poll();
  ASSERT_EQ(shop_->prices().size(), 1u);
  const DashboardPrice& price = shop_->prices().back();
  EXPECT_EQ(price.product_id, "p1");
  EXPECT_EQ(price.from_cents, 1000);
  EXPECT_EQ(price.to_cents, 1100);
  EXPECT_EQ(price.reason, "because");
  EXPECT_EQ(price.latency_ms, 7);
  EXPECT_EQ(shop_->products().at("p1").priced_ms, price.at_ms - 7);
  EXPECT_EQ(shop_->recent_latency().samples, 1u);
  EXPECT_EQ(shop_->histogram().cumulative().back(), 1u);
  EXPECT_EQ(shop_->products().at("p1").changed, DashboardProduct::price);
  clock_.advance_ms(DashboardShop::latencies_ms + 1);
  shop_->poll();
  EXPECT_EQ(shop_->recent_latency().samples, 0u);
}

TEST_F(DashboardShopTest, takes_the_newest_of_many_demands) {
  given_table("ProductDemand");
  put_demand("p1", 1, 100);
  shop_->poll();
  shop_->clear_changed();
  for (int64_t i = 2; i <= 30; ++i) put_demand("p1", i, 100 * i);
  put_demand("p2", 7, 50);
  shop_->poll();
  EXPECT_EQ(shop_->products().at("p1").demand[0], 30);
  EXPECT_EQ(shop_->products().at("p1").last_event_ms, 3'000);
  EXPECT_EQ(shop_->products().at("p2").demand[0], 7);
  EXPECT_EQ(shop_->products().at("p1").changed, DashboardProduct::counts);
}

TEST_F(DashboardShopTest, says_of_demand_what_pricing_says) {
  policy_.unit_weight = 20;
  shop_ = std::make_unique<DashboardShop>(*tables_, policy_, clock_, [] {});
  given_table("ProductDemand");
  put("ProductDemand", {{"product_id", "p1"},
                        {"views", int64_t{90}},
                        {"cart_adds", int64_t{9}},
                        {"units", int64_t{3}},
                        {"slow_views", int64_t{300}},
                        {"slow_cart_adds", int64_t{20}},
                        {"slow_units", int64_t{4}},
                        {"first_event_ms", int64_t{1'000}},
                        {"last_event_ms", int64_t{61'000}}});
  shop_->poll();
  const pricing::Signals signals = {.fast = {90, 9, 3},
                                    .slow = {300, 20, 4},
                                    .first_event_ms = 1'000,
                                    .last_event_ms = 61'000,
                                    .list_price_cents = 1'000,
                                    .stock = std::nullopt};
  const pricing::Proposal proposal = pricing::propose(policy_, signals, {.price_cents = 1'000, .priced_ms = 1});
  EXPECT_GT(proposal.ratio, 2);
  EXPECT_EQ(shop_->products().at("p1").ratio, proposal.ratio);
  EXPECT_EQ(shop_->products().at("p1").score, proposal.score);
}

TEST_F(DashboardShopTest, finds_a_table_that_was_made_later_or_again) {
  shop_->poll();
  given_table("ProductCatalog");
  put_price("p1", 1000, 0);
  shop_->poll();
  EXPECT_EQ(shop_->products().size(), 1u);
  ASSERT_TRUE(tables_->drop("ProductCatalog"));
  shop_->poll();
  given_table("ProductCatalog");
  put_price("p1", 1300, 9);
  shop_->poll();
  EXPECT_EQ(shop_->products().at("p1").price_cents, 1300);
  EXPECT_EQ(shop_->price_changes(), 0u);
  put_price("p1", 1400, 10);
  shop_->poll();
  EXPECT_EQ(shop_->price_changes(), 1u);
}

}  // namespace
}  // namespace millrace::app
