// Goal: a stored position says in which source it is.

#include "function/position.h"

#include <gtest/gtest.h>

namespace millrace::function {
namespace {

TEST(Position, is_stored_with_its_source) {
  EXPECT_EQ(position_key("prices", ShardId(3)), "function/mapping/prices/3");
  const std::string value = position_value(SequenceNumber(1042), {"stream/clicks", "00a1"});
  EXPECT_EQ(value, "1042 stream/clicks 00a1");
  const auto position = parse_position(value);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->next, SequenceNumber(1042));
  EXPECT_EQ(position->source, (SourceIdentity{"stream/clicks", "00a1"}));
}

TEST(Position, of_an_older_version_is_a_number_only) {
  const auto position = parse_position("17");
  ASSERT_TRUE(position);
  EXPECT_EQ(position->next, SequenceNumber(17));
  EXPECT_EQ(position->source, SourceIdentity());
}

TEST(Position, what_is_none_is_refused) {
  for (const char* const value : {"", "x", "17 ", "17x", "17 stream/clicks", " 17 stream/clicks 00a1"}) {
    EXPECT_FALSE(parse_position(value)) << value;
  }
}

}  // namespace
}  // namespace millrace::function
