#include "table/item_merge.h"

#include <gtest/gtest.h>

#include <random>

#include "table/item.h"

namespace millrace::table {
namespace {

std::string stored(const Item& item) {
  std::string out;
  put_item(out, item);
  return out;
}

AttributeValue any_value(std::mt19937_64& random, int depth = 0) {
  switch (random() % (depth < 3 ? 10 : 5)) {
    case 0:
      return Null();
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<int64_t>(random());
    case 3:
      return std::string(random() % 200, 'x');
    case 4:
      return Binary{std::string(random() % 5, '\0')};
    case 5:
      return List{any_value(random, depth + 1), any_value(random, depth + 1)};
    case 6:
      return Map{{"inner", any_value(random, depth + 1)}};
    case 7:
      return StringSet{"a", std::to_string(random())};
    case 8:
      return BinarySet{Binary{"a"}, Binary{std::to_string(random())}};
    default:
      return NumberSet{Number(1), Number(static_cast<int64_t>(random()))};
  }
}

Item any_item(std::mt19937_64& random) {
  Item item;
  for (size_t i = random() % 200; i > 0; --i) item["attribute" + std::to_string(random() % 300)] = any_value(random);
  return item;
}

TEST(ItemMerge, gives_the_bytes_of_the_merged_item) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    const Item base = any_item(random), over = any_item(random);
    Item expected = over;
    expected.insert(base.begin(), base.end());
    std::string merged;
    ASSERT_TRUE(put_merged(merged, stored(base), stored(over)));
    ASSERT_EQ(merged, stored(expected));
  }
}

TEST(ItemMerge, stored_bytes_have_the_size_of_their_item) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    const Item item = any_item(random);
    ASSERT_EQ(*stored_item_size(stored(item)), item_size(item));
  }
  const std::string good = stored({{"a", "text"}, {"b", List{1, "x"}}});
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(stored_item_size(good.substr(0, size))) << size;
}

TEST(ItemMerge, selects_attributes) {
  const std::string item = stored({{"a", "text"}, {"b", List{1, "x"}}, {"c", 2}});
  const auto selected = [&](std::vector<std::string_view> names) {
    std::string out;
    EXPECT_TRUE(put_selected(out, item, names));
    return out;
  };
  EXPECT_EQ(selected({"c", "a", "a"}), stored({{"a", "text"}, {"c", 2}}));
  EXPECT_EQ(selected({"d"}), stored({}));
}

TEST(ItemMerge, leaves_attributes_out) {
  const std::string item = stored({{"a", "text"}, {"b", List{1, "x"}}, {"c", 2}});
  const auto without = [&](std::vector<std::string_view> names) {
    std::string out;
    const auto left = put_without(out, item, names);
    EXPECT_TRUE(left);
    return std::pair(out, *left);
  };
  EXPECT_EQ(without({"b", "d"}), std::pair(stored({{"a", "text"}, {"c", 2}}), size_t{2}));
  EXPECT_EQ(without({"c", "b", "a"}), std::pair(stored({}), size_t{0}));
}

TEST(ItemMerge, damaged_bytes_are_corrupt) {
  const std::string good = stored({{"a", "text"}, {"b", 1}});
  for (size_t size = 0; size < good.size(); ++size) {
    std::string out;
    EXPECT_FALSE(put_merged(out, good.substr(0, size), good)) << size;
    EXPECT_FALSE(put_merged(out, good, good.substr(0, size))) << size;
    EXPECT_FALSE(put_selected(out, good.substr(0, size), {})) << size;
    EXPECT_FALSE(put_without(out, good.substr(0, size), {})) << size;
  }
}

}  // namespace
}  // namespace millrace::table
