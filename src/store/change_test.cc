#include "store/change.h"

#include <gtest/gtest.h>

namespace millrace::store {
namespace {

TEST(Change, comes_back_as_it_was_put) {
  for (const bool existed : {false, true}) {
    for (const auto& new_value : {std::optional<std::string_view>(), std::optional<std::string_view>(""),
                                  std::optional<std::string_view>("new")}) {
      for (const auto& old_value : {std::optional<std::string_view>(), std::optional<std::string_view>("old")}) {
        std::string data;
        put_change(data, {existed, new_value, old_value});
        const auto change = get_change(data);
        ASSERT_TRUE(change);
        EXPECT_EQ(change->existed, existed);
        EXPECT_EQ(change->new_value, new_value);
        EXPECT_EQ(change->old_value, old_value);
        EXPECT_FALSE(*get_range_erasure(data));
      }
    }
  }
}

TEST(Change, tells_whether_it_had_expired) {
  std::string data;
  put_change(data, {.existed = true, .old_value = "old", .expired = true});
  EXPECT_TRUE(get_change(data)->expired);
  data.clear();
  put_change(data, {.existed = true, .old_value = "old"});
  EXPECT_FALSE(get_change(data)->expired);
}

TEST(Change, what_is_cut_off_or_too_long_is_corrupt) {
  std::string data;
  put_change(data, {true, "new", "old"});
  for (size_t size = 0; size < data.size(); ++size) {
    // Nothing at all reads as no flags, yet is no change either.
    EXPECT_FALSE(get_change(data.substr(0, size))) << size;
  }
  EXPECT_FALSE(get_change(data + "x"));
}

TEST(Change, the_erasure_of_a_range_is_not_a_change) {
  std::string data;
  put_range_erasure(data, {"to"});
  const auto erasure = get_range_erasure(data);
  ASSERT_TRUE(erasure && *erasure);
  EXPECT_EQ((*erasure)->to, "to");
  EXPECT_FALSE(get_change(data));
  EXPECT_FALSE(get_range_erasure(data.substr(0, data.size() - 1)));
}

}  // namespace
}  // namespace millrace::store
