#include "table/query.h"

#include <map>
#include <random>

#include "table/test_tables.h"

namespace millrace::table {
namespace {

class QueryTest : public TablesTest {
 protected:
  QueryTest() {
    create("Events", KeyAttribute{"moment", KeyType::number});
    create("Names", KeyAttribute{"name", KeyType::string});
  }

  void put_event(const std::string& id, int at, const std::string& more = "") {
    put("Events", fmt::format(R"({{"id":{{"S":"{}"}},"moment":{{"N":"{}"}}{}}})", id, at, more));
  }

  QueryRequest query(std::string table, std::string condition, std::string values) {
    return {.table = std::move(table),
            .key_condition_expression = std::move(condition),
            .substitutions = {.names = {}, .values = item(values)}};
  }
  QueryRequest events_of(const std::string& id) {
    return query("Events", "id = :id", fmt::format(R"({{":id":{{"S":"{}"}}}})", id));
  }

  QueryResult run(const QueryRequest& request) {
    auto result = tables_->query(request);
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(QueryResult{});
  }
  std::string refusal(const QueryRequest& request) {
    const auto result = tables_->query(request);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
  static std::string ats(const QueryResult& result) {
    std::string text;
    for (const Item& item : result.items) text += item.at("moment").number()->to_string() + " ";
    return text;
  }
};

TEST_F(QueryTest, gives_the_items_of_a_hash_key_in_order_both_ways) {
  for (const int at : {5, -3, 10, 0, 2}) put_event("a", at);
  put_event("b", 1);
  auto request = events_of("a");
  EXPECT_EQ(ats(run(request)), "-3 0 2 5 10 ");
  request.forward = false;
  EXPECT_EQ(ats(run(request)), "10 5 2 0 -3 ");
  EXPECT_EQ(run(events_of("c")).count, 0u);
}

TEST_F(QueryTest, every_comparison_of_the_range_key) {
  for (int at = 1; at <= 6; ++at) put_event("a", at);
  const auto with = [&](const std::string& comparison) {
    QueryRequest request = events_of("a");
    request.key_condition_expression += " AND " + comparison;
    request.substitutions.values.emplace(":x", 3);
    if (comparison.find(":y") != std::string::npos) request.substitutions.values.emplace(":y", 5);
    return ats(run(request));
  };
  EXPECT_EQ(with("moment = :x"), "3 ");
  EXPECT_EQ(with("moment < :x"), "1 2 ");
  EXPECT_EQ(with("moment <= :x"), "1 2 3 ");
  EXPECT_EQ(with("moment > :x"), "4 5 6 ");
  EXPECT_EQ(with("moment >= :x"), "3 4 5 6 ");
  EXPECT_EQ(with("moment BETWEEN :x AND :y"), "3 4 5 ");
}

TEST_F(QueryTest, begins_with_and_comparisons_of_text) {
  for (const char* name : {"apple", "apples", "banana", "app", "ap"}) {
    put("Names", fmt::format(R"({{"id":{{"S":"a"}},"name":{{"S":"{}"}}}})", name));
  }
  // "name" is a reserved word.
  const auto named = [&](std::string comparison, const std::string& value) {
    QueryRequest request =
        query("Names", "id = :id AND " + comparison, R"({":id":{"S":"a"},":x":{"S":")" + value + R"("}})");
    request.substitutions.names["#n"] = "name";
    std::string text;
    for (const Item& item : run(request).items) text += *item.at("name").string() + " ";
    return text;
  };
  EXPECT_EQ(named("begins_with(#n, :x)", "app"), "app apple apples ");
  EXPECT_EQ(named("#n <= :x", "apple"), "ap app apple ");
  EXPECT_EQ(named("#n > :x", "apple"), "apples banana ");
}

TEST_F(QueryTest, pages_by_limit_continue_where_they_ended) {
  for (int at = 0; at < 10; ++at) put_event("a", at);
  for (const bool forward : {true, false}) {
    QueryRequest request = events_of("a");
    request.forward = forward;
    request.limit = 3;
    std::string all;
    int pages = 0;
    for (;; ++pages) {
      const auto page = run(request);
      all += ats(page);
      if (!page.last_evaluated_key) break;
      EXPECT_EQ(page.items.size(), 3u);
      request.exclusive_start_key = page.last_evaluated_key;
    }
    EXPECT_EQ(pages, 3);
    EXPECT_EQ(all, forward ? "0 1 2 3 4 5 6 7 8 9 " : "9 8 7 6 5 4 3 2 1 0 ");
  }
  // A page that is full has a next key, even where nothing follows.
  QueryRequest request = events_of("a");
  request.limit = 10;
  EXPECT_TRUE(run(request).last_evaluated_key);
  request.limit = 11;
  EXPECT_FALSE(run(request).last_evaluated_key);
}

TEST_F(QueryTest, the_limit_counts_what_is_read_and_not_what_the_filter_leaves) {
  for (int at = 0; at < 10; ++at) put_event("a", at, fmt::format(R"(,"kind":{{"S":"{}"}})", at % 2 ? "odd" : "even"));
  QueryRequest request = events_of("a");
  request.filter_expression = "kind = :kind";
  request.substitutions.values.emplace(":kind", "odd");
  request.limit = 4;
  const auto page = run(request);
  EXPECT_EQ(ats(page), "1 3 ");
  EXPECT_EQ(page.count, 2u);
  EXPECT_EQ(page.scanned_count, 4u);
  EXPECT_EQ(json(*page.last_evaluated_key), R"({"id":{"S":"a"},"moment":{"N":"3"}})");

  request.count_only = true;
  EXPECT_EQ(run(request).count, 2u);
  EXPECT_TRUE(run(request).items.empty());
}

TEST_F(QueryTest, a_page_ends_at_a_megabyte) {
  for (int at = 0; at < 30; ++at) put_event("a", at, R"(,"text":{"S":")" + std::string(100'000, 'x') + R"("})");
  const auto page = run(events_of("a"));
  EXPECT_EQ(page.items.size(), 10u);
  EXPECT_TRUE(page.last_evaluated_key);
}

TEST_F(QueryTest, a_projection_leaves_what_it_names) {
  put_event("a", 1, R"(,"x":{"N":"1"},"y":{"N":"2"})");
  QueryRequest request = events_of("a");
  request.projection_expression = "x";
  EXPECT_EQ(json(run(request).items.at(0)), R"({"x":{"N":"1"}})");
}

TEST_F(QueryTest, wrong_requests_are_refused) {
  put_event("a", 1);
  QueryRequest request = events_of("a");
  request.exclusive_start_key = item(R"({"id":{"S":"b"},"moment":{"N":"1"}})");
  EXPECT_EQ(refusal(request), "The provided starting key is outside query boundaries based on provided conditions");
  request.exclusive_start_key = item(R"({"id":{"S":"a"}})");
  EXPECT_EQ(refusal(request),
            "The provided starting key is invalid: The provided key element does not match the schema");
  request = events_of("a");
  request.limit = 0;
  EXPECT_NE(refusal(request), "");
  request = events_of("a");
  request.substitutions.values.emplace(":more", 1);
  EXPECT_NE(refusal(request).find(":more"), std::string::npos);
  EXPECT_NE(refusal({.table = "Events"}), "");
  EXPECT_NE(refusal({.table = "Absent", .scan = true}), "");
  EXPECT_NE(refusal({.table = "Events", .scan = true, .segment = 4, .segments = 4}), "");
}

TEST_F(QueryTest, scans_in_segments_give_each_item_once) {
  const int items = 500;
  for (int i = 0; i < items; ++i) put_event("id" + std::to_string(i), 1);
  for (const uint32_t segments : {1u, 2u, 7u, 100'000u}) {
    std::set<std::string> seen;
    size_t largest = 0;
    size_t total = 0;
    for (uint32_t segment = 0; segment < segments; ++segment) {
      QueryRequest request{.table = "Events", .scan = true, .limit = 40, .segment = segment, .segments = segments};
      size_t in_segment = 0;
      for (;;) {
        const auto page = run(request);
        for (const Item& item : page.items) EXPECT_TRUE(seen.insert(*item.at("id").string()).second);
        in_segment += page.items.size();
        if (!page.last_evaluated_key) break;
        request.exclusive_start_key = page.last_evaluated_key;
      }
      total += in_segment;
      largest = std::max(largest, in_segment);
    }
    EXPECT_EQ(total, static_cast<size_t>(items));
    if (segments == 7) {
      EXPECT_LT(largest, 2u * items / 7);
    }
  }
  QueryRequest wrong{.table = "Events", .scan = true, .segment = 0, .segments = 65536};
  int outside = 0;
  for (int i = 0; i < 10; ++i) {
    wrong.exclusive_start_key = item(fmt::format(R"({{"id":{{"S":"id{}"}},"moment":{{"N":"1"}}}})", i));
    outside += !tables_->query(wrong);
  }
  EXPECT_GE(outside, 9);
}

// Against a map, over items in RocksDB and in the overlay.
TEST_F(QueryTest, random_ranges_match_a_map) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  std::map<int, int> model;
  for (int step = 0; step < 600; ++step) {
    const int at = static_cast<int>(random() % 200) - 100;
    if (random() % 3 > 0) {
      model[at] = step;
      put_event("a", at, fmt::format(R"(,"step":{{"N":"{}"}})", step));
    } else {
      model.erase(at);
      erase("Events", fmt::format(R"({{"id":{{"S":"a"}},"moment":{{"N":"{}"}}}})", at));
    }
    if (step == 300) reopen();
    int from = static_cast<int>(random() % 200) - 100, to = static_cast<int>(random() % 200) - 100;
    if (to < from) std::swap(from, to);
    QueryRequest request = events_of("a");
    request.key_condition_expression += " AND moment BETWEEN :x AND :y";
    request.substitutions.values.emplace(":x", from);
    request.substitutions.values.emplace(":y", to);
    request.forward = random() % 2;
    std::string expected;
    for (auto row = model.lower_bound(from); row != model.upper_bound(to); ++row) {
      const std::string text = std::to_string(row->first) + " ";
      expected = request.forward ? expected + text : text + expected;
    }
    ASSERT_EQ(ats(run(request)), expected) << "step " << step;
  }
}

}  // namespace
}  // namespace millrace::table
