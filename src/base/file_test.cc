#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace millrace::base {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "file_test_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }

  File create(const std::string& name) {
    auto file = File::open(directory_ + "/" + name, O_RDWR | O_CREAT);
    EXPECT_TRUE(file);
    return std::move(*file);
  }

  std::string directory_;
};

TEST_F(FileTest, WhatIsWrittenAtAnOffsetIsReadThere) {
  const File file = create("orders");
  ASSERT_TRUE(file.write_at("clicks", 5000));
  char bytes[16];
  const auto count = file.read_at(bytes, sizeof(bytes), 5000);
  ASSERT_TRUE(count);
  EXPECT_EQ(std::string_view(bytes, *count), "clicks");
}

TEST_F(FileTest, ReservedSpaceCountsAndReadsAsZeros) {
  const File file = create("segment");
  ASSERT_TRUE(file.reserve(0, 1 << 20));
  EXPECT_EQ(file.size().value(), 1u << 20);
  ASSERT_TRUE(file.write_zeros(100, 600 << 10));
  char byte = 'x';
  ASSERT_EQ(file.read_at(&byte, 1, 300 << 10).value(), 1u);
  EXPECT_EQ(byte, 0);
}

TEST_F(FileTest, AMissingFileIsNotFoundAndTheErrorNamesIt) {
  const auto file = File::open(directory_ + "/absent", O_RDONLY);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::not_found);
  EXPECT_NE(file.error().message.find("absent"), std::string::npos);
}

TEST_F(FileTest, ADirectoryListsItsFilesInOrder) {
  create("b");
  create("a");
  ASSERT_TRUE(rename_file(directory_ + "/b", directory_ + "/c"));
  ASSERT_TRUE(sync_directory(directory_));
  EXPECT_EQ(list_directory(directory_).value(), (std::vector<std::string>{"a", "c"}));
  ASSERT_TRUE(remove_file(directory_ + "/a"));
  EXPECT_EQ(list_directory(directory_).value(), (std::vector<std::string>{"c"}));
}

TEST_F(FileTest, ALockedDirectoryIsInUseUntilTheLockIsLetGo) {
  auto lock = DirectoryLock::acquire(directory_);
  ASSERT_TRUE(lock);
  const auto second = DirectoryLock::acquire(directory_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::in_use);
  EXPECT_NE(second.error().message.find(directory_), std::string::npos);
  EXPECT_NE(second.error().message.find(std::to_string(getpid())), std::string::npos);
  lock->release();
  EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

}  // namespace
}  // namespace millrace::base
