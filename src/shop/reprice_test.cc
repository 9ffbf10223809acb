// Goal: a change of demand becomes one price and one line of history, also after a restart, and the same events always
// give the same effects. Method: a Repricer with a catalog in memory, which its effects are applied to by hand.

#include "shop/reprice.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>

#include "base/clock.h"
#include "table/item_json.h"
#include "table/number.h"

namespace millrace::shop {
namespace {

struct Update {
  std::string product_id;
  std::string condition;
  std::string price;
  std::string version;
  std::string before;  // of the condition
  std::string reason;
};

class RepriceTest : public testing::Test {
 protected:
  RepriceTest() { restart(); }

  void restart() {
    repricer_.emplace(
        rules_,
        [this](std::span<const std::string> product_ids, const Repricer::Take& take) -> Result<void> {
          if (catalog_fails_) return fail(ErrorKind::unavailable, "no server");
          for (const std::string& id : product_ids) {
            ++reads_[id];
            if (catalog_.contains(id)) give(catalog_[id], take);
          }
          return {};
        },
        [this](const Repricer::Take& take) -> Result<void> {
          if (catalog_fails_) return fail(ErrorKind::unavailable, "no server");
          for (const auto& [id, item] : catalog_) {
            if (item.contains("policy_price") && item.contains("price") && item.at("price") != item.at("list_price")) {
              give(item, take);
            }
          }
          return {};
        },
        clock_);
  }

  static void give(const table::Item& item, const Repricer::Take& take) {
    std::string json;
    table::put_json(json, item);
    simdjson::dom::parser parser;
    take(parser.parse(json).get_object());
  }

  void given_product(const std::string& id, const std::string& list_price) {
    catalog_[id] = {{"product_id", id}, {"list_price", *table::Number::parse(list_price)}};
  }

  // A record of the change feed: demand that is `times` its usual of 20 views a second.
  static std::string demand(const std::string& id, double times, int64_t now_ms,
                            const std::string& list_price = "100") {
    const double fast = 20 * 5 / 0.6931;
    const double slow = 20 * 60 / 0.6931 + (times - 1) * fast;
    return fmt::format(
        R"({{"eventName":"MODIFY","dynamodb":{{"Keys":{{"product_id":{{"S":"{0}"}}}},"NewImage":{{)"
        R"("product_id":{{"S":"{0}"}},"list_price":{{"N":"{1}"}},"stock":{{"N":"100"}},)"
        R"("views":{{"N":"{2}"}},"cart_adds":{{"N":"0"}},"units":{{"N":"0"}},"slow_views":{{"N":"{3}"}},)"
        R"("first_event_ms":{{"N":"{4}"}},"last_event_ms":{{"N":"{5}"}}}}}}}})",
        id, list_price, times * fast, slow, now_ms - 3'600'000, now_ms);
  }

  std::string handle(const std::vector<std::string>& records) {
    std::string event = R"({"Records":[)";
    for (size_t i = 0; i < records.size(); ++i) event += (i == 0 ? "" : ",") + records[i];
    event += "]}";
    event.reserve(event.size() + simdjson::SIMDJSON_PADDING);
    const auto answer = repricer_->handle(event);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or("");
  }

  // The updates of the catalog among the effects, each followed by its history; applied to the catalog as the server
  // would.
  std::vector<Update> apply(const std::string& answer) {
    std::vector<Update> updates;
    simdjson::dom::parser parser;
    simdjson::dom::array effects;
    if (parser.parse(answer).at_key("effects").get(effects)) return updates;
    for (const simdjson::dom::element effect : effects) {
      simdjson::dom::element body;
      if (effect["Put"].get(body)) {
        body = effect["Update"];
        EXPECT_EQ(text(body, "/TableName"), "ProductCatalog");
        updates.push_back(
            {text(body, "/Key/product_id/S"), text(body, "/ConditionExpression"),
             text(body, "/ExpressionAttributeValues/:price/N"), text(body, "/ExpressionAttributeValues/:version/N"),
             text(body, "/ExpressionAttributeValues/:before/N"), text(body, "/ExpressionAttributeValues/:reason/S")});
        const Update& update = updates.back();
        table::Item& item = catalog_[update.product_id];
        const std::string seen = text(body, "/ExpressionAttributeValues/:seen/N");
        EXPECT_EQ(seen, item.contains("price") ? item["price"].number()->to_string() : "");
        if (update.price.empty()) {
          item["price_override"] = item["price"];
          continue;
        }
        item["policy_price"] = *table::Number::parse(update.price);
        item.erase("price_override");
        const auto version = item.find("price_version");
        EXPECT_EQ(update.before, version == item.end() ? "" : version->second.number()->to_string());
        item["price"] = *table::Number::parse(update.price);
        item["price_version"] = *table::Number::parse(update.version);
        item.erase("price_baseline");
        item.erase("price_baseline_ms");
        if (const std::string usual = text(body, "/ExpressionAttributeValues/:usual/N"); !usual.empty()) {
          item["price_baseline"] = *table::Number::parse(usual);
          item["price_baseline_ms"] = *table::Number::parse(text(body, "/ExpressionAttributeValues/:since/N"));
          EXPECT_NE(text(body, "/UpdateExpression").find("price_baseline = :usual"), std::string::npos);
        } else {
          EXPECT_NE(text(body, "/UpdateExpression").find("REMOVE price_baseline, price_baseline_ms"),
                    std::string::npos);
        }
        item["priced_ms"] = *table::Number::parse(text(body, "/ExpressionAttributeValues/:now/N"));
      } else {
        EXPECT_EQ(text(body, "/TableName"), "PriceHistory");
        EXPECT_EQ(text(body, "/Item/product_id/S"), updates.back().product_id);
        EXPECT_EQ(text(body, "/Item/version/N"), updates.back().version);
        EXPECT_EQ(text(body, "/Item/price_after/N"), updates.back().price);
        EXPECT_EQ(text(body, "/Item/reason/S"), updates.back().reason);
        ++histories_;
      }
    }
    return updates;
  }

  static std::string text(simdjson::dom::element body, std::string_view path) {
    std::string_view value;
    return body.at_pointer(path).get(value) ? "" : std::string(value);
  }

  pricing::Rules rules_;
  base::ManualClock clock_;
  std::map<std::string, table::Item> catalog_;
  std::map<std::string, int> reads_;
  bool catalog_fails_ = false;
  int histories_ = 0;
  std::optional<Repricer> repricer_;
};

constexpr int64_t noon_ms = 1'700'000'000'000;

TEST_F(RepriceTest, usual_demand_changes_nothing) {
  given_product("p1", "100");
  EXPECT_EQ(handle({demand("p1", 1, noon_ms)}), "{}");
}

TEST_F(RepriceTest, a_rush_raises_the_price_and_writes_its_history) {
  given_product("p1", "100");
  const auto updates = apply(handle({demand("p1", 3, noon_ms)}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].price, "110");
  EXPECT_EQ(updates[0].version, "1");
  EXPECT_EQ(updates[0].condition, "attribute_not_exists(price_version) AND attribute_not_exists(price)");
  EXPECT_EQ(updates[0].reason, "demand 3.0 × its usual: raised, limited by the largest step");
  EXPECT_EQ(histories_, 1);
}

TEST_F(RepriceTest, the_next_change_builds_on_the_last_without_reading_again) {
  given_product("p1", "100");
  apply(handle({demand("p1", 4, noon_ms)}));
  const auto updates = apply(handle({demand("p1", 4, noon_ms + 600)}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].price, "121");
  EXPECT_EQ(updates[0].version, "2");
  EXPECT_EQ(updates[0].condition, "price_version = :before AND price = :seen");
  EXPECT_EQ(reads_["p1"], 1);
}

TEST_F(RepriceTest, a_price_set_by_hand_is_left_alone_and_recorded_until_it_is_released) {
  given_product("p1", "100");
  apply(handle({demand("p1", 4, noon_ms)}));
  catalog_["p1"]["price"] = *table::Number::parse("79.99");
  restart();  // as after the update that the server refused
  auto updates = apply(handle({demand("p1", 4, noon_ms + 1'000)}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].price, "");
  EXPECT_EQ(updates[0].condition, "price = :seen");
  EXPECT_EQ(updates[0].reason, "set by hand: left alone");
  EXPECT_EQ(handle({demand("p1", 8, noon_ms + 2'000)}), "{}");
  restart();
  EXPECT_EQ(handle({demand("p1", 8, noon_ms + 3'000)}), "{}");

  catalog_["p1"].erase("price");
  EXPECT_EQ(handle({demand("p1", 8, noon_ms + 4'000)}), "{}");
  clock_.advance_ms(Repricer::hand_price_recheck_ms);
  updates = apply(handle({demand("p1", 8, noon_ms + 5'000)}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].price, "110");
  EXPECT_FALSE(catalog_["p1"].contains("price_override"));
}

TEST_F(RepriceTest, a_price_that_is_no_amount_is_left_alone) {
  for (const table::AttributeValue& price :
       std::vector<table::AttributeValue>{"cheap", *table::Number::parse("-5"), *table::Number::parse("1.234")}) {
    given_product("p1", "100");
    catalog_["p1"]["price"] = price;
    restart();
    EXPECT_EQ(handle({demand("p1", 8, noon_ms)}), "{}");
  }
}

TEST_F(RepriceTest, the_newest_change_of_a_product_in_a_batch_wins) {
  given_product("p1", "100");
  given_product("p2", "100");
  EXPECT_TRUE(
      apply(handle({demand("p1", 4, noon_ms), demand("p2", 1, noon_ms), demand("p1", 1, noon_ms + 1)})).empty());
  EXPECT_EQ(apply(handle({demand("p1", 1, noon_ms + 2), demand("p1", 4, noon_ms + 3)})).size(), 1U);
}

TEST_F(RepriceTest, a_restarted_process_continues_from_the_catalog) {
  given_product("p1", "100");
  apply(handle({demand("p1", 4, noon_ms)}));
  restart();
  // The cool-down of the earlier process holds.
  EXPECT_TRUE(apply(handle({demand("p1", 4, noon_ms + 400)})).empty());
  const auto updates = apply(handle({demand("p1", 4, noon_ms + 500)}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].price, "121");
  EXPECT_EQ(updates[0].version, "2");
}

TEST_F(RepriceTest, the_same_events_give_the_same_prices_with_a_restart_or_without) {
  const auto run = [&](bool with_restarts) {
    catalog_.clear();
    given_product("p1", "79.99");
    restart();
    std::vector<std::string> prices;
    for (int i = 0; i < 60; ++i) {
      const double times = i < 20 ? 5 : 1;
      for (const Update& update : apply(handle({demand("p1", times, noon_ms + i * 250, "79.99")}))) {
        prices.push_back(update.version + " " + update.price + " " + update.reason);
      }
      if (with_restarts && i % 7 == 0) restart();
    }
    return prices;
  };
  const auto straight = run(false);
  EXPECT_GT(straight.size(), 4U);
  EXPECT_EQ(run(true), straight);
}

TEST_F(RepriceTest, what_was_usual_when_a_price_left_home_is_kept_with_it) {
  given_product("p1", "100");
  apply(handle({demand("p1", 4, noon_ms)}));
  ASSERT_TRUE(catalog_["p1"].contains("price_baseline"));
  const auto usual = catalog_["p1"]["price_baseline"];
  EXPECT_NEAR(usual.number()->to_double(), 20 * 5 / 0.6931, 1);
  EXPECT_EQ(catalog_["p1"]["price_baseline_ms"].number()->to_int64(), noon_ms);
  apply(handle({demand("p1", 4, noon_ms + 600)}));
  EXPECT_EQ(catalog_["p1"]["price_baseline"], usual);
  for (int i = 2; i < 10; ++i) apply(handle({demand("p1", 1, noon_ms + i * 600)}));
  EXPECT_EQ(catalog_["p1"]["price"].number()->to_string(), "100");
  EXPECT_FALSE(catalog_["p1"].contains("price_baseline"));
}

TEST_F(RepriceTest, a_product_that_nobody_visits_any_more_goes_home_with_the_events_of_others) {
  for (const bool with_restart : {false, true}) {
    catalog_.clear();
    given_product("p1", "100");
    given_product("p2", "100");
    restart();
    for (int i = 0; i < 3; ++i) apply(handle({demand("p1", 6, noon_ms + i * 600)}));
    ASSERT_EQ(catalog_["p1"]["price"].number()->to_string(), "133.1");
    if (with_restart) restart();
    const int64_t after_ms = rules_.guardrails.return_after_ms;
    EXPECT_EQ(handle({demand("p2", 1, noon_ms + after_ms)}), "{}");
    auto updates = apply(handle({demand("p2", 1, noon_ms + 1'200 + after_ms)}));
    ASSERT_EQ(updates.size(), 1U);
    EXPECT_EQ(updates[0].product_id, "p1");
    EXPECT_EQ(updates[0].price, "119.79");
    EXPECT_EQ(updates[0].reason, "no event for 10 min: lowered towards the list price, limited by the largest step");
    for (int i = 1; i < 5; ++i) apply(handle({demand("p2", 1, noon_ms + 1'200 + after_ms + i * 600)}));
    EXPECT_EQ(catalog_["p1"]["price"].number()->to_string(), "100");
    EXPECT_EQ(handle({demand("p2", 1, noon_ms + after_ms + 10'000)}), "{}");
  }
}

TEST_F(RepriceTest, after_a_pause_of_the_shop_nothing_becomes_cheaper) {
  given_product("p1", "100");
  given_product("p2", "100");
  const auto changes = [&](int64_t ms) { return apply(handle({demand("p1", 0.1, ms)})).size(); };
  const auto pass = [&](int64_t from_ms, int64_t ms) {
    for (int64_t at_ms = 0; at_ms <= ms; at_ms += 5'000) handle({demand("p2", 1, from_ms + at_ms)});
  };
  EXPECT_EQ(changes(noon_ms), 0U);  // it has just started
  pass(noon_ms, 240'000);
  EXPECT_EQ(changes(noon_ms + 240'000), 1U);
  const int64_t later_ms = noon_ms + 240'000 + 24'000;
  EXPECT_EQ(changes(later_ms), 0U);
  pass(later_ms, 240'000);
  EXPECT_EQ(changes(later_ms + 240'000), 1U);
}

TEST_F(RepriceTest, what_is_not_in_the_catalog_or_has_no_list_price_is_left_alone) {
  given_product("free", "0");
  EXPECT_EQ(handle({demand("unknown", 5, noon_ms), demand("free", 5, noon_ms, "0")}), "{}");
}

TEST_F(RepriceTest, removed_demand_is_passed_over) {
  EXPECT_EQ(handle({R"({"eventName":"REMOVE","dynamodb":{"Keys":{"product_id":{"S":"p1"}}}})"}), "{}");
}

TEST_F(RepriceTest, a_catalog_that_cannot_be_read_is_an_error_and_leaves_no_trace) {
  given_product("p1", "100");
  catalog_fails_ = true;
  std::string event = R"({"Records":[)" + demand("p1", 3, noon_ms) + "]}";
  event.reserve(event.size() + simdjson::SIMDJSON_PADDING);
  EXPECT_EQ(repricer_->handle(event).error().kind, ErrorKind::unavailable);
  catalog_fails_ = false;
  EXPECT_EQ(apply(handle({demand("p1", 3, noon_ms)})).size(), 1U);
}

TEST_F(RepriceTest, what_is_no_event_is_an_error) {
  for (std::string event : {"", "[]", "{}", R"({"Records":[{}]})", R"({"Records":[{"dynamodb":{"NewImage":{}}}]})"}) {
    event.reserve(event.size() + simdjson::SIMDJSON_PADDING);
    EXPECT_FALSE(repricer_->handle(event)) << event;
  }
}

}  // namespace
}  // namespace millrace::shop
