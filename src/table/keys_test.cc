#include "table/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace millrace::table {
namespace {

AttributeValue number(std::string_view text) {
  return *Number::parse(text);
}

TableDefinition table_of(KeyType hash, std::optional<KeyType> range = {}) {
  TableDefinition table{.name = "T", .hash_key = {"h", hash}};
  if (range) table.range_key = KeyAttribute{"r", *range};
  return table;
}

std::string key_of(const TableDefinition& table, const Item& item) {
  std::string key;
  const auto put = put_key_of_item(key, table, item);
  EXPECT_TRUE(put) << put.error().message;
  return key;
}

std::string refusal(const TableDefinition& table, const Item& item) {
  std::string key;
  const auto put = put_key_of_item(key, table, item);
  EXPECT_FALSE(put);
  return put ? "" : put.error().message;
}

TEST(Keys, of_one_hash_key_lie_together_in_the_order_of_the_range_key) {
  const auto table = table_of(KeyType::string, KeyType::number);
  std::vector<std::string> keys;
  for (const char* range : {"-1e20", "-12.5", "-12", "0", "0.001", "7", "10", "1e30"}) {
    keys.push_back(key_of(table, {{"h", "a"}, {"r", number(range)}}));
  }
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  std::string prefix;
  put_hash_key(prefix, std::string_view("a"));
  for (const auto& key : keys) EXPECT_TRUE(key.starts_with(prefix));
}

TEST(Keys, of_different_hash_keys_never_lie_between) {
  // Keys that are beginnings of each other, with zeros and the highest byte in them.
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  const std::string alphabet(
      "\0\x01\xff"
      "a",
      4);
  const auto any = [&] {
    std::string text;
    for (size_t i = 1 + random() % 4; i > 0; --i) text.push_back(alphabet[random() % alphabet.size()]);
    return text;
  };
  const auto table = table_of(KeyType::binary, KeyType::binary);
  std::vector<std::tuple<std::string, std::string, std::string>> rows;  // key, hash, range
  for (int i = 0; i < 2000; ++i) {
    const std::string hash = any(), range = any();
    rows.emplace_back(key_of(table, {{"h", Binary{hash}}, {"r", Binary{range}}}), hash, range);
  }
  std::ranges::sort(rows);
  std::set<std::string> seen;
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto& [key, hash, range] = rows[i];
    const auto& [last_key, last_hash, last_range] = rows[i - 1];
    EXPECT_EQ(key == last_key, hash == last_hash && range == last_range);
    if (hash == last_hash) {
      EXPECT_LE(last_range, range);
    } else {
      EXPECT_TRUE(seen.insert(last_hash).second) << "the rows of a hash key are apart";
    }
  }
}

// The example of docs/store-layout.md.
TEST(Keys, and_items_are_stored_as_documented) {
  const TableDefinition table{
      .name = "Orders", .hash_key = {"customer"}, .range_key = KeyAttribute{"at", KeyType::number}};
  const Item order{{"customer", "ann"}, {"at", 1700}, {"total", number("12.5")}};
  EXPECT_EQ(key_of(table, order), std::string("\x22\xb2"
                                              "ann\x00\x01\x03\x85\x12\x00",
                                              11));
  std::string stored;
  put_item(stored, order);
  EXPECT_EQ(stored,
            "\x01\x03\x02"
            "at\x03\x01\x04\x11\x08"
            "customer\x04\x03"
            "ann\x05"
            "total\x03\x01\x01}");
  std::string change;
  store::put_change(change, {.new_value = stored});
  EXPECT_EQ(change, "\x02!" + stored);
}

TEST(Keys, are_refused_in_dynamodbs_words) {
  const auto table = table_of(KeyType::string, KeyType::number);
  EXPECT_EQ(refusal(table, {{"r", 1}}), "One or more parameter values were invalid: Missing the key h in the item");
  EXPECT_EQ(refusal(table, {{"h", "a"}}), "One or more parameter values were invalid: Missing the key r in the item");
  EXPECT_EQ(refusal(table, {{"h", 1}, {"r", 1}}),
            "One or more parameter values were invalid: Type mismatch for key h expected: S actual: N");
  EXPECT_EQ(
      refusal(table, {{"h", ""}, {"r", 1}}),
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
      "string value. Key: h");
  EXPECT_EQ(
      refusal(table, {{"h", std::string(2049, 'x')}, {"r", 1}}),
      "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes");
  const auto binary = table_of(KeyType::string, KeyType::binary);
  EXPECT_EQ(
      refusal(binary, {{"h", "a"}, {"r", Binary{}}}),
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
      "binary value. Key: r");
  EXPECT_EQ(
      refusal(binary, {{"h", "a"}, {"r", Binary{std::string(1025, 'x')}}}),
      "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of "
      "1024 bytes");
  std::string key;
  EXPECT_TRUE(put_key(key, binary, {{"h", std::string(2048, 'x')}, {"r", Binary{std::string(1024, 'x')}}}));
  for (const Item& wrong :
       {Item{{"h", "a"}}, Item{{"h", "a"}, {"r", "b"}}, Item{{"h", "a"}, {"r", Binary{"b"}}, {"x", 1}}}) {
    const auto put = put_key(key, binary, wrong);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().message, "The provided key element does not match the schema");
  }
}

TEST(Keys, the_end_of_a_prefix_comes_after_all_that_begin_with_it) {
  EXPECT_EQ(end_of_prefix("ab"), "ac");
  EXPECT_EQ(end_of_prefix("a\xff\xff"), "b");
  EXPECT_EQ(end_of_prefix("\xff"), "");
}

}  // namespace
}  // namespace millrace::table
