// The shop's pipeline, examples/shop/pricing.sql, from clicks and orders to rows, over a real log and real tables.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "engine/jobs.h"
#include "engine/test_environment.h"

namespace millrace::engine {
namespace {

std::string example(const std::string& path) {
  // The tests run from a build directory anywhere; the source tree is where this file is.
  const std::string here = __FILE__;
  std::ifstream in(here.substr(0, here.find("/src/engine/")) + "/examples/" + path);
  std::stringstream text;
  text << in.rdbuf();
  CHECK(!text.str().empty(), "examples/{} is missing", path);
  return text.str();
}

class PricingTest : public testing::Test {
 protected:
  PricingTest() {
    environment_.add_stream("clickstream", 4);
    environment_.add_table("Orders", {"order_id"}, {}, table::ViewType::new_and_old_images);
    environment_.add_table("ProductCatalog", {"product_id"});
    environment_.add_table("ProductDemand", {"product_id"});
    environment_.add_table("ProductWindows", {"product_id"},
                           table::KeyAttribute{"window_start", table::KeyType::number});
  }
  void open() {
    auto jobs = Jobs::open(environment_, {});
    ASSERT_TRUE(jobs) << jobs.error().message;
    jobs_ = std::move(*jobs);
  }
  std::string click(const std::string& type, const std::string& product, const std::string& visitor, int64_t ms) {
    return fmt::format(
        R"({{"event_id":"e","event_type":"{}","product_id":"{}","visitor_id":"{}","event_ms":{},"price":9.99}})", type,
        product, visitor, ms);
  }

  TestEnvironment environment_;
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(PricingTest, clicks_and_orders_become_demand_and_windows) {
  open();
  environment_.write(table::WriteRequest::Kind::put, "ProductCatalog",
                     R"({"product_id":{"S":"p1"},"name":{"S":"Lamp"},"list_price":{"N":"19.90"},"stock":{"N":"5"}})");
  const auto submitted = jobs_->submit("pricing", example("shop/pricing.sql"));
  ASSERT_TRUE(submitted) << submitted.error().message;
  environment_.send("clickstream", {{0, click("view", "p1", "a", 1'000'000)},
                                    {1, click("view", "p1", "b", 1'000'000)},
                                    {2, click("cart", "p1", "a", 1'005'000)},
                                    {3, click("purchase", "p1", "a", 1'006'000)},
                                    {3, click("view", "p2", "a", 1'007'000)}});
  environment_.write(
      table::WriteRequest::Kind::put, "Orders",
      R"({"order_id":{"S":"o1"},"product_id":{"S":"p1"},"visitor_id":{"S":"a"},"quantity":{"N":"2"},"unit_price":{"N":"9.99"},"ordered_ms":{"N":"1006000"}})");
  const auto stopped = jobs_->stop("pricing", true);
  ASSERT_TRUE(stopped) << stopped.error().message;
  const auto status = jobs_->status("pricing");
  EXPECT_EQ(status->state, JobState::finished);
  EXPECT_EQ(status->rows_in, 6u);
  EXPECT_EQ(status->rows_bad, 0u);

  const auto demand = environment_.rows("ProductDemand");
  ASSERT_EQ(demand.size(), 2u);
  EXPECT_NE(demand[0].find(R"("first_event_ms":{"N":"1000000"})"), std::string::npos) << demand[0];
  EXPECT_NE(demand[0].find(R"("last_event_ms":{"N":"1006000"})"), std::string::npos) << demand[0];
  EXPECT_NE(demand[0].find(R"("units":{"N":"2"})"), std::string::npos) << demand[0];
  EXPECT_NE(demand[0].find(R"("name":{"S":"Lamp"})"), std::string::npos) << demand[0];
  EXPECT_NE(demand[1].find(R"("name":{"NULL":true})"), std::string::npos) << demand[1];

  // 990000 .. 1000000 has no event; p1's events lie in the slices from 1000000, so six windows hold each.
  const auto windows = environment_.rows("ProductWindows");
  ASSERT_EQ(windows.size(), 12u);
  EXPECT_EQ(windows[0],
            R"({"cart_adds":{"N":"1"},"product_id":{"S":"p1"},"revenue":{"N":"19.98"},"units":{"N":"2"},)"
            R"("views":{"N":"2"},"visitors":{"N":"2"},"window_end":{"N":"1010000"},"window_start":{"N":"950000"}})");
}

}  // namespace
}  // namespace millrace::engine
