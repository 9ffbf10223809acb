#include "stream/consumers.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace millrace::stream {
namespace {

class ConsumersTest : public testing::Test {
 protected:
  ConsumersTest()
      : directory_(std::filesystem::temp_directory_path() / fmt::format("consumers-{:x}", std::random_device()())) {
    std::filesystem::create_directories(directory_);
  }
  ~ConsumersTest() override { std::filesystem::remove_all(directory_); }

  std::string file() const { return (directory_ / "consumers.json").string(); }

  const std::filesystem::path directory_;
};

TEST_F(ConsumersTest, are_there_again_after_a_restart) {
  {
    Consumers consumers;
    ASSERT_TRUE(consumers.open(directory_.string()));
    EXPECT_EQ(consumers.size(), 0U);
    EXPECT_FALSE(std::filesystem::exists(file())) << "a stream without consumers has no register";
    EXPECT_EQ(consumers.add("b", ProcessingTime(2'000))->created, ProcessingTime(2'000));
    ASSERT_TRUE(consumers.add("a", ProcessingTime(1'000)));
    ASSERT_TRUE(consumers.add("c", ProcessingTime(3'000)));
    ASSERT_TRUE(consumers.remove("c"));
  }
  Consumers consumers;
  ASSERT_TRUE(consumers.open(directory_.string()));
  const auto all = consumers.list();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "a");
  EXPECT_EQ(all[1].name, "b");
  EXPECT_EQ(consumers.find("b")->created, ProcessingTime(2'000));
  EXPECT_FALSE(consumers.find("c"));
}

TEST_F(ConsumersTest, names_are_unique_and_their_number_is_bounded) {
  Consumers consumers;
  ASSERT_TRUE(consumers.open(directory_.string()));
  EXPECT_EQ(consumers.add("no name", {}).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(consumers.add("", {}).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(consumers.remove("a").error().kind, ErrorKind::not_found);
  for (size_t i = 0; i < Consumers::consumers_max; ++i) {
    ASSERT_TRUE(consumers.add(fmt::format("consumer-{}", i), ProcessingTime(1)));
  }
  EXPECT_EQ(consumers.add("consumer-3", {}).error().kind, ErrorKind::in_use);
  EXPECT_EQ(consumers.add("one-more", {}).error().kind, ErrorKind::limit_exceeded);
  ASSERT_TRUE(consumers.remove("consumer-3"));
  EXPECT_TRUE(consumers.add("one-more", {}));
}

TEST_F(ConsumersTest, a_change_that_cannot_be_kept_is_none) {
  Consumers consumers;
  ASSERT_TRUE(consumers.open(directory_.string()));
  ASSERT_TRUE(consumers.add("a", ProcessingTime(1)));
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(consumers.add("b", ProcessingTime(2)));
  EXPECT_FALSE(consumers.remove("a"));
  EXPECT_EQ(consumers.size(), 1U);
  EXPECT_TRUE(consumers.find("a"));
}

TEST_F(ConsumersTest, a_damaged_file_is_said_to_be) {
  {
    Consumers consumers;
    ASSERT_TRUE(consumers.open(directory_.string()));
    ASSERT_TRUE(consumers.add("one", ProcessingTime(1)));
  }
  std::string text;
  std::getline(std::ifstream(file()), text);
  for (const std::string& damaged : {std::string(), text, text.substr(0, 20), std::string("{}\n"), "x" + text + "\n"}) {
    std::ofstream(file(), std::ios::trunc) << damaged;
    Consumers consumers;
    const auto opened = consumers.open(directory_.string());
    ASSERT_FALSE(opened) << damaged;
    EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
    EXPECT_NE(opened.error().message.find(file()), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::stream
