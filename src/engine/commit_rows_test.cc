// Rows of a large commit, put aside and read back, over a storage that is no table.

#include "engine/commit_rows.h"

#include <gtest/gtest.h>

#include "connector/test_fakes.h"

namespace millrace::engine {
namespace {

class CommitRowsTest : public testing::Test {
 protected:
  std::string encoded() {
    return encode_rows(
        std::vector<connector::Write>{{.target = counts_.get(), .key = "a", .value = "1"},
                                      {.target = names_.get(), .key = "b", .value = "x"},
                                      {.target = counts_.get(), .key = "c", .erase = true},
                                      {.target = names_.get(), .key = "d", .erase = true, .erased = &parts_}});
  }
  Result<CommitRows> decode(std::string bytes) { return CommitRows::decode(std::move(bytes), storage_); }

  connector::FakeStorage storage_;
  connector::TargetPtr counts_ = storage_.add_target("Counts", ShardId(7));
  connector::TargetPtr names_ = storage_.add_target("Names", ShardId(8));
  const std::vector<std::string_view> parts_{"price", "stock"};
};

TEST_F(CommitRowsTest, come_back_as_they_were) {
  const auto rows = decode(encoded());
  ASSERT_TRUE(rows) << rows.error().message;
  const auto& writes = rows->writes();
  ASSERT_EQ(writes.size(), 4U);
  EXPECT_EQ(writes[0].target, counts_.get());
  EXPECT_EQ(writes[0].key, "a");
  EXPECT_EQ(writes[0].value, "1");
  EXPECT_FALSE(writes[0].erase);
  EXPECT_EQ(writes[1].target, names_.get());
  EXPECT_TRUE(writes[2].erase);
  EXPECT_EQ(writes[2].erased, nullptr);
  ASSERT_NE(writes[3].erased, nullptr);
  EXPECT_EQ(*writes[3].erased, parts_);
}

TEST_F(CommitRowsTest, those_of_a_target_that_is_gone_keep_their_numbers) {
  const std::string bytes = encoded();
  storage_.remove_target("Counts");
  storage_.add_target("Counts", ShardId(9));  // another one
  const auto rows = decode(bytes);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->writes().size(), 4U);
  EXPECT_EQ(rows->writes()[0].target, nullptr);
  EXPECT_EQ(rows->writes()[1].target, names_.get());

  connector::Refused refused;
  auto transaction = storage_.begin();
  EXPECT_EQ(*transaction->write(rows->writes(), 1000, refused), 4U);
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(storage_.rows, (std::map<std::string, std::string>{{"Names/b", "x"}}));
}

TEST_F(CommitRowsTest, damaged_ones_are_refused) {
  const std::string bytes = encoded();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto rows = decode(bytes.substr(0, size));
    ASSERT_FALSE(rows) << size;
    EXPECT_EQ(rows.error().kind, ErrorKind::corrupt);
  }
  EXPECT_FALSE(decode(bytes + "x"));
}

}  // namespace
}  // namespace millrace::engine
