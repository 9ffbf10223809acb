#include "store/rows.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/test_directory.h"

namespace millrace::store {
namespace {

class RowsTest : public testing::Test {
 protected:
  RowsTest() { reopen(); }

  void reopen() {
    rows_.reset();
    auto rows = Rows::open({.directory = directory_.path() + "/rocksdb"});
    ASSERT_TRUE(rows) << rows.error().message;
    rows_ = std::move(*rows);
  }
  void put(const std::string& key, const std::string& value, uint64_t group) {
    const auto batch = rows_->make_batch();
    batch->put(key, value);
    ASSERT_TRUE(rows_->write(*batch, GroupNumber(group)));
  }
  std::string get(const std::string& key) {
    const auto value = rows_->get(key);
    EXPECT_TRUE(value);
    return value && *value ? **value : "none";
  }

  TestDirectory directory_;
  std::unique_ptr<Rows> rows_;
};

TEST_F(RowsTest, the_flushed_position_is_that_of_the_rows_which_a_crash_leaves) {
  EXPECT_EQ(*rows_->flushed_position(), GroupNumber(0));
  put("a", "1", 5);
  EXPECT_EQ(rows_->position(), GroupNumber(5));
  EXPECT_EQ(*rows_->flushed_position(), GroupNumber(0));
  ASSERT_TRUE(rows_->flush(true));
  EXPECT_EQ(*rows_->flushed_position(), GroupNumber(5));
  put("a", "2", 6);
  EXPECT_EQ(*rows_->flushed_position(), GroupNumber(5));
  EXPECT_EQ(get("a"), "2");
  // Closing does not flush, so this is what a crash leaves.
  reopen();
  EXPECT_EQ(rows_->position(), GroupNumber(5));
  EXPECT_EQ(get("a"), "1");
}

TEST_F(RowsTest, a_cursor_stays_at_its_moment_and_within_its_range) {
  for (const char* key : {"a", "b", "c", "d"}) put(key, key, 1);
  const auto forward = rows_->cursor("b", "d", false);
  const auto backward = rows_->cursor("b", "d", true);
  put("bb", "late", 2);
  std::string seen;
  for (; forward->valid(); forward->move()) seen += forward->key();
  for (; backward->valid(); backward->move()) seen += backward->key();
  EXPECT_EQ(seen, "bccb");
  EXPECT_TRUE(forward->status());
}

TEST_F(RowsTest, a_batch_is_applied_in_its_order) {
  const auto batch = rows_->make_batch();
  batch->put("b", "1");
  batch->erase_range("a", "c");
  batch->put("bb", "2");
  ASSERT_TRUE(rows_->write(*batch, GroupNumber(1)));
  EXPECT_EQ(get("b"), "none");
  EXPECT_EQ(get("bb"), "2");
}

TEST_F(RowsTest, a_damaged_file_is_reported_when_it_is_read) {
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i), std::string(100, 'x'), 1);
  ASSERT_TRUE(rows_->flush(true));
  rows_.reset();
  for (const auto& file : std::filesystem::directory_iterator(directory_.path() + "/rocksdb")) {
    if (file.path().extension() != ".sst") continue;
    std::fstream out(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(100);
    out << "damage damage damage";
  }
  reopen();
  const auto read = rows_->get("key0");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
}

TEST_F(RowsTest, only_a_lock_that_is_held_is_another_process) {
  const auto second = Rows::open({.directory = directory_.path() + "/rocksdb"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::in_use);
  const std::string blocked = directory_.path() + "/block";
  std::filesystem::create_directories(blocked + "/LOCK");
  const auto failed = Rows::open({.directory = blocked});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::io) << failed.error().message;
}

// At whichever of its files the last descriptor is gone.
TEST_F(RowsTest, opening_without_a_descriptor_is_throttled_and_says_nothing_of_damage) {
  put("a", "1", 1);
  ASSERT_TRUE(rows_->flush(true));
  rows_.reset();
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);
  close(next);
  int refused = 0;
  for (int more = 0; more < 12; ++more) {
    const rlimit limit{static_cast<rlim_t>(next + more), before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const auto rows = Rows::open({.directory = directory_.path() + "/rocksdb"});
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    if (rows) continue;
    ++refused;
    EXPECT_EQ(rows.error().kind, ErrorKind::throttled) << rows.error().message;
  }
  EXPECT_GT(refused, 3);
}

}  // namespace
}  // namespace millrace::store
