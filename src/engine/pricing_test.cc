// The shop's pipeline, examples/shop/pricing.sql, from clicks and orders to rows, over a real log and real tables.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "engine/jobs.h"
#include "engine/test_environment.h"
#include "log/log.h"

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

// Rows/s from a filled log; MILLRACE_THROUGHPUT_ROWS sets how many (the default only shows that it works).
TEST_F(PricingTest, catches_up_with_a_filled_log) {
  const char* wanted = std::getenv("MILLRACE_THROUGHPUT_ROWS");
  const size_t rows = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20'000;
  constexpr size_t products = 1000;
  constexpr size_t rows_per_second = 20'000;  // of event time
  std::vector<std::pair<uint32_t, std::string>> records;
  uint64_t random = 1;
  for (size_t n = 0; n < rows; ++n) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const size_t product = (random >> 33) % products * ((random >> 50) % products) / products;
    records.emplace_back(
        n % 4, fmt::format(R"({{"event_id":"e-{:010}","event_type":"{}","product_id":"p-{:05}",)"
                           R"("visitor_id":"v-{:06}","session_id":"s-{:06}","event_ms":{},)"
                           R"("price":{}.99,"page":"/product/p-{:05}","agent":"Mozilla/5.0"}})",
                           n, n % 10 == 0 ? "cart" : "view", product, (random >> 40) % 20'000, (random >> 40) % 20'000,
                           1'000'000 + n * 1000 / rows_per_second, n % 90 + 1, product));
    if (records.size() == 100'000) {
      environment_.send("clickstream", records);
      records.clear();
    }
  }
  environment_.send("clickstream", records);
  open();
  const auto start = std::chrono::steady_clock::now();
  const auto submitted = jobs_->submit("pricing", example("shop/pricing.sql"));
  ASSERT_TRUE(submitted) << submitted.error().message;
  const auto stopped = jobs_->stop("pricing", true);
  ASSERT_TRUE(stopped) << stopped.error().message;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto status = jobs_->status("pricing");
  EXPECT_EQ(status->rows_in, rows);
  EXPECT_EQ(status->rows_late, 0u);
  fmt::print("{} rows in {:.2f} s: {:.0f} rows/s, {} commits, {} rows out, state {} bytes\n", rows, seconds,
             static_cast<double>(rows) / seconds, status->commits, status->rows_out, status->state_bytes);
}

// From the moment a group of clicks is durable to the moment the rows they cause are durable in ProductDemand.
// MILLRACE_LATENCY_GROUPS sets how many groups, of ten clicks each, half a millisecond apart.
TEST_F(PricingTest, a_click_becomes_a_row_soon) {
  const char* wanted = std::getenv("MILLRACE_LATENCY_GROUPS");
  const size_t groups = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 50;
  open();
  ASSERT_TRUE(jobs_->submit("pricing", example("shop/pricing.sql")));
  const table::TablePtr demand = *environment_.tables().find("ProductDemand");
  log::Log& journal = environment_.tables().journal();
  log::Log& clicks = *environment_.source("clickstream")->log;
  std::mutex mutex;
  std::map<std::string, int64_t> seen;
  SequenceNumber next;
  const auto subscription = journal.subscribe(demand->keyspace, [&] {
    const int64_t now = base::system_clock().monotonic_ns();
    std::lock_guard lock(mutex);
    for (;;) {
      const auto blocks = journal.read(demand->keyspace, next, 1 << 20);
      if (!blocks || blocks->empty()) return;
      for (const auto& block : *blocks) {
        log::for_each_record(*block, next, [&](const log::Record& record) {
          const auto change = table::decode_change(*demand, record);
          CHECK(change);
          seen.emplace(*change->keys.at("product_id").string(), now);
        });
        next = block->end();
      }
    }
  });
  std::vector<int64_t> durable(groups);
  std::atomic<size_t> done = 0;
  const int64_t start = base::system_clock().monotonic_ns();
  for (size_t n = 0; n < groups; ++n) {
    while (base::system_clock().monotonic_ns() < start + static_cast<int64_t>(n) * 500'000) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    std::vector<std::string> json;
    std::vector<log::AppendRecord> records;
    for (uint32_t i = 0; i < 10; ++i) json.push_back(click("view", fmt::format("p{}", n), "v", 1'000'000 + n / 2));
    for (uint32_t i = 0; i < 10; ++i) records.push_back({ShardId(i % 4), "k", json[i]});
    const auto group = clicks.append(records);
    ASSERT_TRUE(group);
    clicks.flush();
    clicks.when_durable(*group, [&, n] {
      durable[n] = base::system_clock().monotonic_ns();
      ++done;
    });
  }
  for (int i = 0; i < 5000; ++i) {
    {
      std::lock_guard lock(mutex);
      if (done == groups && seen.size() == groups) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), groups);
  std::vector<double> latencies;
  for (size_t n = 0; n < groups; ++n) {
    latencies.push_back(static_cast<double>(seen.at(fmt::format("p{}", n)) - durable[n]) / 1e6);
  }
  std::sort(latencies.begin(), latencies.end());
  const auto status = jobs_->status("pricing");
  fmt::print(
      "durable click to durable row: p50 {:.2f} ms, p99 {:.2f} ms, max {:.2f} ms; {} commits, the last {:.2f} ms\n",
      latencies[groups / 2], latencies[groups * 99 / 100], latencies.back(), status->commits, status->commit_ms);
}

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
  const auto has = [&](const std::string& row, const std::string& part) {
    EXPECT_NE(row.find(part), std::string::npos) << part << " in " << row;
  };
  has(demand[0], R"("product_id":{"S":"p2"})");
  has(demand[0], R"("name":{"NULL":true})");
  has(demand[0], R"("slow_views":{"N":"1"})");
  has(demand[1], R"("product_id":{"S":"p1"})");
  has(demand[1], R"("first_event_ms":{"N":"1000000"})");
  has(demand[1], R"("last_event_ms":{"N":"1006000"})");
  has(demand[1], R"("units":{"N":"2"})");
  has(demand[1], R"("name":{"S":"Lamp"})");

  // All events of p1 and p2 lie in one slice, so six windows hold each.
  const auto windows = environment_.rows("ProductWindows");
  ASSERT_EQ(windows.size(), 12u);
  const std::string first =
      R"({"cart_adds":{"N":"1"},"product_id":{"S":"p1"},"revenue":{"N":"19.98"},"units":{"N":"2"},)"
      R"("views":{"N":"2"},"visitors":{"N":"2"},"window_end":{"N":"1010000"},"window_start":{"N":"950000"}})";
  EXPECT_EQ(std::count(windows.begin(), windows.end(), first), 1);
}

}  // namespace
}  // namespace millrace::engine
