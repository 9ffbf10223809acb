// The verification against a real server: it finds nothing wrong with what the job made, and each thing that is made
// wrong on purpose.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "app/instance.h"
#include "app/project_files.h"
#include "client/items.h"
#include "demo/setup.h"
#include "demo/verify.h"
#include "shop/schema.h"

namespace millrace::app {
namespace {

constexpr int64_t start_ms = 1'700'000'000'000;

class VerifyShopTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-verify-XXXXXX";
    directory_ = mkdtemp(name);
    configuration_.data_directory = directory_;
    configuration_.port = 0;
    configuration_.dashboard = false;
    configuration_.segment_bytes = size_t{4} << 20;
    auto instance = Instance::start(configuration_);
    ASSERT_TRUE(instance) << instance.error().message;
    instance_ = std::move(*instance);
    options_.endpoint.port = instance_->port();
    options_.clicks = {"run", {0}, {}};
    options_.orders = {"run", {0}, {}};
    api_.emplace(options_.endpoint);
    const auto script = read_project_file("examples/shop/pricing.sql");
    ASSERT_TRUE(script) << script.error().message;
    const auto ready = demo::set_up_shop(*api_, {}, catalog_, *script);
    ASSERT_TRUE(ready) << ready.error().message;
  }
  void TearDown() override {
    if (instance_) instance_->stop();
    instance_.reset();
    std::filesystem::remove_all(directory_);
  }

  void click(size_t product, std::string_view type, int64_t at_ms, int visitor) {
    const client::StreamRecord record{
        fmt::format("v{}", visitor),
        fmt::format(
            R"({{"event_id":"run-0-{}","event_type":"{}","product_id":"{}","visitor_id":"v{}","event_ms":{},"price":1.50}})",
            options_.clicks.issued[0]++, type, catalog_[product].id, visitor, start_ms + at_ms)};
    client::PutRecordsBody body(shop::click_stream);
    const auto put = client::put_records(*api_, std::span(&record, 1), body);
    ASSERT_TRUE(put) << put.error().message;
  }
  void order(size_t product, int64_t at_ms, int visitor) {
    call("PutItem",
         fmt::format(R"({{"TableName":"Orders","Item":{{"order_id":{{"S":"run-0-{}"}},"product_id":{{"S":"{}"}},)"
                     R"("visitor_id":{{"S":"v{}"}},"quantity":{{"N":"2"}},"unit_price":{{"N":"9.90"}},)"
                     R"("ordered_ms":{{"N":"{}"}}}}}})",
                     options_.orders.issued[0]++, catalog_[product].id, visitor, start_ms + at_ms));
  }
  void call(std::string_view operation, const std::string& body) {
    const auto done = api_->call(aws::dynamodb_protocol, operation, body);
    ASSERT_TRUE(done) << operation << ": " << done.error().message;
  }
  void update(std::string_view table, const std::string& key, std::string_view column, std::string_view number) {
    call("UpdateItem",
         fmt::format(R"({{"TableName":"{}","Key":{},"UpdateExpression":"SET #c = :n",)"
                     R"("ExpressionAttributeNames":{{"#c":"{}"}},"ExpressionAttributeValues":{{":n":{{"N":"{}"}}}}}})",
                     table, key, column, number));
  }
  std::string product_key(size_t product) const {
    return fmt::format(R"({{"product_id":{{"S":"{}"}}}})", catalog_[product].id);
  }

  // Some minutes of a small shop, all of it processed.
  void trade() {
    for (int i = 0; i < 300; ++i) {
      click(static_cast<size_t>(i % 7), i % 11 == 0 ? "cart" : i % 50 == 49 ? "purchase" : "view", i * 613, i % 23);
      if (i % 13 == 0) order(static_cast<size_t>(i % 7), i * 613 + 5, i % 23);
    }
    const auto drained = demo::drain_job(*api_, shop::pricing_job, 30'000);
    ASSERT_TRUE(drained) << drained.error().message;
  }

  demo::Verification verification() {
    auto result = demo::verify(options_);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : demo::Verification{};
  }
  static std::string problems(const demo::Verification& result) {
    return fmt::format("{}", fmt::join(result.problems, "\n"));
  }
  void expect_problem(std::string_view words) {
    const demo::Verification result = verification();
    EXPECT_EQ(result.mismatches + result.missing, 1u) << problems(result);
    EXPECT_NE(problems(result).find(words), std::string::npos) << problems(result);
  }

  std::string directory_;
  Configuration configuration_;
  demo::ShopCatalog catalog_{3, 10};
  std::unique_ptr<Instance> instance_;
  demo::VerifyOptions options_;
  std::optional<client::Api> api_;
};

TEST_F(VerifyShopTest, finds_nothing_wrong_with_what_the_job_made) {
  trade();
  const demo::Verification result = verification();
  EXPECT_EQ(result.mismatches, 0u) << problems(result);
  EXPECT_EQ(result.missing, 0u) << problems(result);
  EXPECT_EQ(result.log_events, 300u);
  EXPECT_GT(result.rows_checked, 7u + 10u + 7 * 18u);  // demand, catalog, and windows of three minutes
}

TEST_F(VerifyShopTest, finds_a_count_that_is_a_little_off) {
  trade();
  update("ProductDemand", product_key(2), "slow_views", "17.25");
  expect_problem("ProductDemand of p-0003: slow_views is 17.25, expected");
}

TEST_F(VerifyShopTest, finds_a_row_that_is_missing) {
  trade();
  call("DeleteItem", fmt::format(R"({{"TableName":"ProductDemand","Key":{}}})", product_key(1)));
  expect_problem("ProductDemand has no row of p-0002");
}

TEST_F(VerifyShopTest, finds_a_wrong_window) {
  trade();
  update("ProductWindows",
         fmt::format(R"({{"product_id":{{"S":"{}"}},"window_start":{{"N":"{}"}}}})", catalog_[0].id, start_ms),
         "visitors", "99");
  expect_problem("99 visitors");
}

TEST_F(VerifyShopTest, finds_acknowledged_events_that_are_not_there) {
  trade();
  ++options_.clicks.issued[0];
  expect_problem("1 acknowledged clicks are not in the stream clickstream, such as run-0-300");
  --options_.clicks.issued[0];
  ++options_.orders.issued[0];
  expect_problem("1 acknowledged orders are not in the table Orders");
}

TEST_F(VerifyShopTest, finds_a_price_without_history) {
  update("ProductCatalog", product_key(4), "price", "1.23");
  expect_problem("ProductCatalog shows 1.23 for p-0005 as version 0, but PriceHistory ends with");
}

TEST_F(VerifyShopTest, finds_a_price_change_that_happened_twice) {
  const auto history = [this](int version, std::string_view before, std::string_view after) {
    call("PutItem",
         fmt::format(R"({{"TableName":"PriceHistory","Item":{{"product_id":{{"S":"{}"}},"version":{{"N":"{}"}},)"
                     R"("price_before":{{"N":"{}"}},"price_after":{{"N":"{}"}}}}}})",
                     catalog_[4].id, version, before, after));
  };
  const std::string list = client::cents_text(catalog_[4].list_price_cents);
  history(1, list, "5.00");
  history(2, list, "5.00");
  update("ProductCatalog", product_key(4), "price", "5.00");
  update("ProductCatalog", product_key(4), "price_version", "2");
  expect_problem("PriceHistory of p-0005, version 2: starts from");
}

}  // namespace
}  // namespace millrace::app
