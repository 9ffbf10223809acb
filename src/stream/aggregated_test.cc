// Goal: what a producer has put into one record comes out as it went in, and nothing else is taken for one.

#include "stream/aggregated.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "stream/shard_set.h"
#include "stream/test_aggregated.h"

namespace millrace::stream {
namespace {

TEST(Aggregated, user_records_come_out_in_order_with_their_keys) {
  const std::string text = make_aggregated({{"a", "one"}, {"b", "", "12"}, {"a", std::string(300, 'x')}});
  const auto records = open_aggregated(text, nullptr);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3U);
  EXPECT_EQ((*records)[0].key, "a");
  EXPECT_EQ((*records)[0].data, "one");
  EXPECT_FALSE((*records)[0].explicit_hash_key);
  EXPECT_EQ((*records)[1].data, "");
  EXPECT_EQ((*records)[1].explicit_hash_key, "12");
  EXPECT_EQ((*records)[2].data.size(), 300U);
  EXPECT_EQ((*records)[2].number, 2U);
}

TEST(Aggregated, one_without_records_has_none) {
  const auto records = open_aggregated(make_aggregated({}), nullptr);
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->empty());
}

TEST(Aggregated, what_is_not_of_the_shard_is_left_out) {
  // MD5 of "a" begins with 0c, that of "b" with 92, that of "c" with 4a.
  const std::string text = make_aggregated({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"a", "4", to_decimal(~HashKey{0})}});
  const ShardSet set = ShardSet::equal(2, ProcessingTime(0));
  const auto lower = open_aggregated(text, set.find(ShardId(0)));
  const auto upper = open_aggregated(text, set.find(ShardId(1)));
  ASSERT_TRUE(lower && upper);
  ASSERT_EQ(lower->size(), 2U);
  EXPECT_EQ((*lower)[0].data, "1");
  EXPECT_EQ((*lower)[1].data, "3");
  EXPECT_EQ((*lower)[1].number, 2U) << "of all";
  ASSERT_EQ(upper->size(), 2U);
  EXPECT_EQ((*upper)[0].data, "2");
  EXPECT_EQ((*upper)[1].data, "4");
}

TEST(Aggregated, fields_of_later_producers_are_passed_over) {
  std::string user;
  put_test_field(user, 1, 0);
  put_test_field(user, 4, "tag");
  put_test_field(user, 3, "data");
  user += '\x4d';  // 9, four bytes
  user += "1234";
  std::string message;
  put_test_field(message, 9, 7);
  put_test_field(message, 3, user);
  put_test_field(message, 1, "key");
  const std::string text = seal_aggregated(message);
  const auto records = open_aggregated(text, nullptr);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ((*records)[0].data, "data");
}

TEST(Aggregated, anything_else_is_a_record_as_any_other) {
  const std::string good = make_aggregated({{"a", "one"}, {"b", "two"}});
  EXPECT_FALSE(open_aggregated("", nullptr));
  EXPECT_FALSE(open_aggregated(R"({"id":1})", nullptr));
  EXPECT_FALSE(open_aggregated(aggregated_magic, nullptr));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(open_aggregated(good.substr(0, size), nullptr));
  for (size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(open_aggregated(damaged, nullptr)) << at;
  }
  // Whole, and wrong inside.
  const auto refused = [](std::string_view user) {
    std::string message;
    put_test_field(message, 1, "key");
    put_test_field(message, 3, user);
    return !open_aggregated(seal_aggregated(message), nullptr);
  };
  EXPECT_TRUE(refused(std::string_view("\x1a\x01x", 3))) << "no key";
  EXPECT_TRUE(refused(std::string_view("\x08\x00", 2))) << "no data";
  EXPECT_TRUE(refused(std::string_view("\x08\x01\x1a\x01x", 5))) << "a key that is not there";
  EXPECT_TRUE(refused(std::string_view("\x08\x00\x10\x00\x1a\x01x", 7))) << "a hash key that is not there";
  EXPECT_TRUE(refused(std::string_view("\x08\x00\x1a\x09x", 5))) << "longer than it is";
  EXPECT_TRUE(refused(std::string_view("\x08\x00\x0b\x1a\x01x", 6))) << "a wire type that there is not";
}

}  // namespace
}  // namespace millrace::stream
