#include "engine/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace millrace::engine {
namespace {

TEST(KeyTable, keys_are_numbered_in_order_of_arrival) {
  KeyTable table;
  std::map<std::string, uint32_t> expected;
  std::mt19937_64 random(11);
  std::vector<uint32_t> numbers;
  for (int step = 0; step < 50; ++step) {
    std::vector<std::string> texts;
    for (int n = 0; n < 200; ++n) texts.push_back(std::string(random() % 20, 'x') + std::to_string(random() % 3'000));
    const std::vector<std::string_view> keys(texts.begin(), texts.end());
    if (step % 2 == 0) {
      table.add_all(keys, numbers);
    } else {
      std::vector<uint32_t> rows;
      for (uint32_t n = 0; n < keys.size(); ++n) rows.push_back(n);
      table.add_all(keys, rows, numbers);
    }
    for (size_t n = 0; n < keys.size(); ++n) {
      const auto [at, added] = expected.emplace(texts[n], static_cast<uint32_t>(expected.size()));
      ASSERT_EQ(numbers[n], at->second);
    }
  }
  ASSERT_EQ(table.size(), expected.size());
  for (const auto& [text, number] : expected) {
    EXPECT_EQ(table.find(text), number);
    EXPECT_EQ(table.key(number), text);
    EXPECT_EQ(table.keys()[number], text);
  }
  EXPECT_EQ(table.find("none of them"), KeyTable::none);
}

TEST(KeyTable, a_reserved_table_holds_more_too) {
  KeyTable table;
  EXPECT_EQ(table.find(""), KeyTable::none);
  table.reserve(10);
  for (uint32_t n = 0; n < 100; ++n) EXPECT_EQ(table.add(std::to_string(n)), n);
  EXPECT_EQ(table.add(""), 100u);
  for (uint32_t n = 0; n < 100; ++n) EXPECT_EQ(table.find(std::to_string(n)), n);
}

}  // namespace
}  // namespace millrace::engine
