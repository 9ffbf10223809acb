#include "send/series.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

namespace millrace::send {
namespace {

class SeriesTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-series-XXXXXX";
    directory_ = mkdtemp(name);
    options_.key_column = "user";
    options_.time_column = "at";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void given(const std::string& name, std::string_view text) {
    files_.push_back(directory_ + "/" + name);
    std::ofstream(files_.back(), std::ios::binary) << text;
  }
  // Every row as "file:line key", every bad one as "file:line!"; an error of open(), and a final one.
  std::vector<std::string> rows(int64_t from_line = 1) {
    auto series = RowSeries::open(options_, files_, from_line);
    if (!series) return {series.error().message.substr(directory_.size() + 1)};
    std::vector<std::string> all;
    for (SendRow row;;) {
      const auto found = (*series)->next(row);
      const auto [file, line] = (*series)->place();
      if (!found && found.error().kind != ErrorKind::invalid_argument) {
        all.push_back(found.error().message.substr(directory_.size() + 1));
        return all;
      }
      if (found && !*found) {
        EXPECT_DOUBLE_EQ((*series)->fraction(), 1);
        return all;
      }
      all.push_back(found ? fmt::format("{}:{} {}", file, line, row.key) : fmt::format("{}:{}!", file, line));
    }
  }
  std::optional<int64_t> last_time() {
    const auto time = (*RowSeries::open(options_, files_, 1))->last_time();
    return time ? std::optional(time->value) : std::nullopt;
  }
  using Rows = std::vector<std::string>;

  std::string directory_;
  std::vector<std::string> files_;
  RowOptions options_;
};

TEST_F(SeriesTest, reads_files_one_after_the_other) {
  given("a.csv", "user,at\na,1\nb,2\n");
  given("b.ndjson", "{\"user\":\"c\",\"at\":3}\n{}\n");
  given("c.csv", "at,user\n4,d\n");
  EXPECT_EQ(rows(), (Rows{"0:2 a", "0:3 b", "1:1 c", "1:2!", "2:2 d"}));
}

TEST_F(SeriesTest, passes_over_what_begins_before_a_line_of_the_first_file) {
  given("a.csv", "user,at\na,1\nb\n\"c\n\",3\nd,4\n");
  given("b.csv", "user,at\ne,1\n");
  EXPECT_EQ(rows(3), (Rows{"0:3!", "0:4 c\n", "0:6 d", "1:2 e"}));
  EXPECT_EQ(rows(5), (Rows{"0:6 d", "1:2 e"}));
  EXPECT_EQ(rows(7), (Rows{"1:2 e"}));
}

TEST_F(SeriesTest, says_at_once_what_is_wrong_with_a_later_file) {
  given("a.csv", "user,at\na,1\n");
  given("b.csv", "user_id,at\na,1\n");
  EXPECT_EQ(rows(), (Rows{"b.csv: there is no column `user`; the columns are: user_id, at"}));
  std::filesystem::remove(files_[1]);
  EXPECT_TRUE(rows()[0].starts_with("b.csv: ")) << rows()[0];
}

TEST_F(SeriesTest, knows_the_last_time_of_a_file_without_reading_all_of_it) {
  std::string text = "user,at,note\n";
  for (int i = 0; i < 40'000; ++i) text += fmt::format("u,{},a note that takes some room\n", 1'000'000 + i);
  given("a.csv", text + "u,never,x\n");
  EXPECT_EQ(last_time(), 1'039'999'000);
  given("b.ndjson", "{\"user\":\"c\",\"at\":3}\n{\"user\":\"c\",\"at\":2}");
  EXPECT_EQ(last_time(), 3'000);
  given("c.csv", "user,at\n");
  EXPECT_EQ(last_time(), std::nullopt);
  files_.push_back(directory_ + "/d.csv.gz");
  gzFile file = gzopen(files_.back().c_str(), "wb");
  gzputs(file, text.c_str());
  gzclose(file);
  EXPECT_EQ(last_time(), std::nullopt);
}

// It was the fraction of what was read ahead: 1 from the beginning, for a small file.
TEST_F(SeriesTest, counts_as_done_what_was_taken) {
  std::string text = "user,at\n";
  for (int i = 0; i < 10'000; ++i) text += "abc,1234\n";
  given("a.csv", text);
  files_.push_back(directory_ + "/b.csv.gz");
  gzFile packed = gzopen(files_.back().c_str(), "wb");
  gzputs(packed, text.c_str());
  gzclose(packed);
  const auto sizes = std::array{static_cast<double>(std::filesystem::file_size(files_[0])),
                                static_cast<double>(std::filesystem::file_size(files_[1]))};
  auto series = RowSeries::open(options_, files_, 1);
  SendRow row;
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(*(*series)->next(row));
  EXPECT_NEAR((*series)->fraction(), sizes[0] / 2 / (sizes[0] + sizes[1]), 0.01);
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(*(*series)->next(row));
  EXPECT_NEAR((*series)->fraction(), (sizes[0] + sizes[1] / 2) / (sizes[0] + sizes[1]), 0.01);
}

}  // namespace
}  // namespace millrace::send
