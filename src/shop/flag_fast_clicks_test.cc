// Goal: visitors who click faster than people do are marked, with figures that do not depend on how the clicks were cut
// into batches. Method: events of the stream as Lambda hands them over, and a table in memory.

#include "shop/flag_fast_clicks.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

#include "base/base64.h"

namespace millrace::shop {
namespace {

struct Click {
  std::string visitor;
  int64_t at_ms;
};

struct Flagged {
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  int64_t clicks = 0;
  int64_t flags = 0;
  bool operator==(const Flagged&) const = default;
};

class FastClicksTest : public testing::Test {
 protected:
  FastClicksTest() { restart(); }

  void restart() {
    fast_clicks_.emplace(FastClickRules(), [this](const std::string& visitor) -> Result<std::optional<int64_t>> {
      ++reads_;
      if (!table_.contains(visitor)) return std::nullopt;
      return table_[visitor].clicks;
    });
  }

  static std::string record(std::string_view data) {
    std::string encoded;
    base::append_base64(encoded, data);
    return R"({"kinesis":{"partitionKey":"k","data":")" + encoded + R"("},"eventSource":"aws:kinesis"})";
  }

  std::string handle(const std::vector<std::string>& records) {
    std::string event = R"({"Records":[)";
    for (size_t i = 0; i < records.size(); ++i) event += (i == 0 ? "" : ",") + records[i];
    event += "]}";
    event.reserve(event.size() + simdjson::SIMDJSON_PADDING);
    const auto answer = fast_clicks_->handle(event);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or("");
  }

  // Hands the clicks over in one batch and applies the effects as the server would.
  void click(const std::vector<Click>& clicks) {
    std::vector<std::string> records;
    for (const Click& click : clicks) {
      records.push_back(record(fmt::format(
          R"({{"event_id":"e","event_type":"view","product_id":"p","visitor_id":"{}","event_ms":{},"price":1.5}})",
          click.visitor, click.at_ms)));
    }
    const std::string answer = handle(records);
    simdjson::dom::parser parser;
    simdjson::dom::array effects;
    if (parser.parse(answer).at_key("effects").get(effects)) return;
    for (const simdjson::dom::element effect : effects) {
      const auto number = [&](const char* name) {
        return std::stoll(std::string(std::string_view(
            effect.at_pointer(fmt::format("/Update/ExpressionAttributeValues/{}/N", name)).get_string())));
      };
      const std::string visitor(std::string_view(effect.at_pointer("/Update/Key/visitor_id/S").get_string()));
      const auto [item, is_new] = table_.try_emplace(visitor);
      if (is_new) item->second.first_ms = number(":first");
      item->second.last_ms = number(":last");
      item->second.clicks = number(":clicks");
      item->second.flags += number(":flags");
    }
  }

  static std::vector<Click> clicks(const std::string& visitor, int count, int64_t from_ms, int64_t gap_ms) {
    std::vector<Click> all;
    for (int i = 0; i < count; ++i) all.push_back({visitor, from_ms + i * gap_ms});
    return all;
  }

  std::map<std::string, Flagged> table_;
  int reads_ = 0;
  std::optional<FastClicks> fast_clicks_;
};

constexpr int64_t noon_ms = 1'700'000'000'000;

TEST_F(FastClicksTest, people_are_not_flagged) {
  click(clicks("person", 100, noon_ms, 200));
  click(clicks("quick", 12, noon_ms, 1));
  EXPECT_TRUE(table_.empty());
  EXPECT_EQ(reads_, 0);
}

TEST_F(FastClicksTest, more_clicks_than_people_make_are_flagged) {
  click(clicks("bot", 20, noon_ms, 100));
  EXPECT_EQ(table_["bot"], (Flagged{noon_ms + 1'200, noon_ms + 1'900, 20, 1}));
}

TEST_F(FastClicksTest, the_largest_window_is_kept_over_batches_and_restarts) {
  click(clicks("bot", 40, noon_ms, 10));
  click(clicks("bot", 13, noon_ms + 60'000, 10));
  EXPECT_EQ(table_["bot"].clicks, 40);
  EXPECT_EQ(table_["bot"].flags, 2);
  restart();
  click(clicks("bot", 15, noon_ms + 120'000, 10));
  EXPECT_EQ(table_["bot"].clicks, 40);
  EXPECT_EQ(table_["bot"].flags, 3);
  EXPECT_EQ(table_["bot"].first_ms, noon_ms + 120);
}

TEST_F(FastClicksTest, the_figures_do_not_depend_on_the_batches) {
  const uint64_t seed = 21;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<Click> all;
  int64_t at_ms = noon_ms;
  for (int i = 0; i < 5'000; ++i) {
    at_ms += static_cast<int64_t>(random() % 20);
    all.push_back({"v" + std::to_string(random() % 8), at_ms - static_cast<int64_t>(random() % 300)});
  }
  click(all);
  const auto at_once = table_;
  EXPECT_FALSE(at_once.empty());
  table_.clear();
  restart();
  for (size_t from = 0; from < all.size();) {
    const size_t end = std::min(all.size(), from + 1 + random() % 200);
    click({all.begin() + static_cast<ptrdiff_t>(from), all.begin() + static_cast<ptrdiff_t>(end)});
    from = end;
  }
  for (auto& [visitor, flagged] : table_) {
    EXPECT_EQ(flagged.clicks, at_once.at(visitor).clicks) << visitor;
    EXPECT_EQ(flagged.flags, at_once.at(visitor).flags) << visitor;
  }
  EXPECT_EQ(table_.size(), at_once.size());
}

TEST_F(FastClicksTest, visitors_are_forgotten_when_their_window_is_long_over) {
  for (int second = 0; second < 60; ++second) {
    std::vector<Click> batch;
    for (int i = 0; i < 100; ++i) batch.push_back({fmt::format("v{}-{}", second, i), noon_ms + second * 1'000});
    click(batch);
  }
  EXPECT_LE(fast_clicks_->visitors(), 16 * 100U);
  EXPECT_GE(fast_clicks_->visitors(), 12 * 100U);
}

TEST_F(FastClicksTest, what_is_no_click_is_passed_over) {
  EXPECT_EQ(handle({record("not json"), record("[]"), record(R"({"visitor_id":7,"event_ms":1})"),
                    record(R"({"visitor_id":"v","event_ms":"late"})"),
                    record(R"({"visitor_id":"v","event_ms":-9223372036854775808})"), R"({"kinesis":{"data":"%%"}})",
                    R"({"other":1})"}),
            "{}");
  EXPECT_EQ(fast_clicks_->visitors(), 0U);
}

}  // namespace
}  // namespace millrace::shop
