// Goal: what the page knows of a shop follows the tables: what they hold at first, each change, and when it was
// visible. Method: real tables, a view of the shop, and a clock that the test moves.

#include "page/table_feed.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "shop/live_view.h"
#include "store/store.h"

namespace millrace::page {
namespace {

class TableFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-dashboard-XXXXXX";
    directory_ = mkdtemp(name);
    store_ =
        std::move(*store::Store::open({.directory = directory_, .segment_bytes = size_t{1} << 20, .clock = &clock_}));
    tables_ = std::move(*table::Tables::open(*store_, clock_));
    catalog_.emplace(*tables_, clock_, "ProductCatalog", TableFeed::Changes::all, [this] { ++wakes_; });
    demand_.emplace(*tables_, clock_, "ProductDemand", TableFeed::Changes::newest_of_each_item, [] {});
  }
  void TearDown() override {
    catalog_.reset();
    demand_.reset();
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
  void poll() {
    catalog_->poll(100, [this](client::JsonItem item, std::optional<int64_t> visible_ms) {
      shop_.take_product(item, visible_ms);
    });
    demand_->poll(100, [this](client::JsonItem item, std::optional<int64_t>) {
      ++demands_taken_;
      shop_.take_demand(item);
    });
  }
  int64_t now() const { return clock_.now().value; }

  base::ManualClock clock_;
  std::string directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::atomic<int> wakes_ = 0;
  std::optional<TableFeed> catalog_;
  std::optional<TableFeed> demand_;
  shop::LiveView shop_{{}, clock_};
  int demands_taken_ = 0;
};

TEST_F(TableFeedTest, is_empty_where_there_is_no_shop) {
  poll();
  EXPECT_TRUE(shop_.products().empty());
}

TEST_F(TableFeedTest, begins_with_what_the_tables_hold) {
  given_table("ProductCatalog");
  put_price("p1", 1200, 3);
  poll();
  ASSERT_TRUE(shop_.products().contains("p1"));
  const auto& product = shop_.products().at("p1");
  EXPECT_EQ(product.name, "A Lamp");
  EXPECT_EQ(product.list_cents, 1000);
  EXPECT_EQ(product.price_cents, 1200);
  EXPECT_EQ(product.version, 3);
  EXPECT_EQ(shop_.price_changes(), 0u);
}

TEST_F(TableFeedTest, follows_prices_and_how_long_they_took) {
  given_table("ProductCatalog");
  put_price("p1", 1000, 0);
  poll();
  shop_.clear_changed();
  const int wakes = wakes_;
  clock_.advance_ms(50);
  put_price("p1", 1100, 1, now() - 7);
  await_wake_after(wakes);
  clock_.advance_ms(200);  // until the next frame
  poll();
  ASSERT_EQ(shop_.prices().size(), 1u);
  const shop::PriceChange& price = shop_.prices().back();
  EXPECT_EQ(price.product_id, "p1");
  EXPECT_EQ(price.from_cents, 1000);
  EXPECT_EQ(price.to_cents, 1100);
  EXPECT_EQ(price.reason, "because");
  EXPECT_EQ(price.latency_ms, 7);
  EXPECT_EQ(shop_.products().at("p1").priced_ms, price.at_ms - 7);
  EXPECT_EQ(shop_.recent_latency().samples, 1u);
  EXPECT_EQ(shop_.histogram().cumulative().back(), 1u);
  EXPECT_EQ(shop_.products().at("p1").changed, shop::LiveProduct::price);
  clock_.advance_ms(shop::LiveView::latencies_ms + 1);
  poll();
  EXPECT_EQ(shop_.recent_latency().samples, 0u);
}

TEST_F(TableFeedTest, takes_the_newest_of_many_demands) {
  given_table("ProductDemand");
  put_demand("p1", 1, 100);
  poll();
  shop_.clear_changed();
  for (int64_t i = 2; i <= 30; ++i) put_demand("p1", i, 100 * i);
  put_demand("p2", 7, 50);
  poll();
  EXPECT_EQ(demands_taken_, 3) << "the first one, and the newest of each";
  EXPECT_EQ(shop_.products().at("p1").demand[0], 30);
  EXPECT_EQ(shop_.products().at("p1").last_event_ms, 3'000);
  EXPECT_EQ(shop_.products().at("p2").demand[0], 7);
  EXPECT_EQ(shop_.products().at("p1").changed, shop::LiveProduct::counts);
}

TEST_F(TableFeedTest, finds_a_table_that_was_made_later_or_again) {
  poll();
  given_table("ProductCatalog");
  put_price("p1", 1000, 0);
  poll();
  EXPECT_EQ(shop_.products().size(), 1u);
  ASSERT_TRUE(tables_->drop("ProductCatalog"));
  poll();
  given_table("ProductCatalog");
  put_price("p1", 1300, 9);
  poll();
  EXPECT_EQ(shop_.products().at("p1").price_cents, 1300);
  EXPECT_EQ(shop_.price_changes(), 0u);
  put_price("p1", 1400, 10);
  poll();
  EXPECT_EQ(shop_.price_changes(), 1u);
}

}  // namespace
}  // namespace millrace::page
