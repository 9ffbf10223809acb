#include "send/csv.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

namespace millrace::send {
namespace {

class CsvTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-csv-XXXXXX";
    directory_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void given(std::string_view text) { std::ofstream(path(), std::ios::binary) << text; }
  void given_compressed(std::string_view text) {
    gzFile file = gzopen(path().c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  }
  void cut_off(size_t bytes) { std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - bytes); }

  // Every row as "line: a|b|c", every bad one as "line! what".
  std::vector<std::string> rows() {
    std::vector<std::string> all;
    auto file = SendFile::open(path());
    CsvReader reader(**file);
    CsvRow row;
    for (;;) {
      const auto found = reader.next(row);
      if (!found && found.error().kind != ErrorKind::invalid_argument) {
        all.push_back(std::string(name(found.error().kind)));
        return all;
      }
      if (!found) {
        all.push_back(fmt::format("{}! {}", reader.line(), found.error().message));
      } else if (!*found) {
        return all;
      } else {
        all.push_back(fmt::format("{}: {}", reader.line(), fmt::join(row.fields, "|")));
      }
    }
  }
  using Rows = std::vector<std::string>;

  std::string path() const { return directory_ + "/file"; }
  std::string directory_;
};

TEST_F(CsvTest, reads_plain_rows_with_either_line_end) {
  given("a,b\r\n1,2\n3,\r\n,4");
  EXPECT_EQ(rows(), (Rows{"1: a|b", "2: 1|2", "3: 3|", "4: |4"}));
}

TEST_F(CsvTest, passes_over_blank_lines) {
  given("a,b\n\n\r\n1,2\n");
  EXPECT_EQ(rows(), (Rows{"1: a|b", "4: 1|2"}));
}

TEST_F(CsvTest, reads_quotes_separators_and_line_breaks_inside_quotes) {
  given("\"a,\"\"b\"\"\",\"two\nlines\"\r\n\"\",x \"y\" z\n");
  EXPECT_EQ(rows(), (Rows{"1: a,\"b\"|two\nlines", "3: |x \"y\" z"}));
}

TEST_F(CsvTest, goes_on_behind_a_row_with_text_after_a_quote) {
  given("1,\"two\"x,3\n4,5,6\n");
  EXPECT_EQ(rows(), (Rows{"1! text after the closing quote of field 2", "2: 4|5|6"}));
}

TEST_F(CsvTest, goes_on_at_the_line_after_an_open_quote) {
  given("1,\"two\n3,4\n5,6\n");
  EXPECT_EQ(rows(), (Rows{"1! a quote is opened and never closed", "2: 3|4", "3: 5|6"}));
}

TEST_F(CsvTest, does_not_gather_a_row_without_end) {
  given("a,b\n\"" + std::string(3 * SendFile::text_bytes_max, 'x') + "\n1,2\n");
  const auto all = rows();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1], "2! the row is longer than 1048576 bytes; is a quote left open?");
  EXPECT_EQ(all[2], "3: 1|2");
}

TEST_F(CsvTest, reads_rows_across_the_borders_of_pieces) {
  std::string text;
  Rows expected;
  for (int i = 1; i <= 40'000; ++i) {
    text += fmt::format("{},\"a \"\"quoted\"\" field\",{}\r\n", i, i * 7);
    expected.push_back(fmt::format("{}: {}|a \"quoted\" field|{}", i, i, i * 7));
  }
  ASSERT_GT(text.size(), 4 * SendFile::piece_bytes);
  given(text);
  EXPECT_EQ(rows(), expected);
  given_compressed(text);
  EXPECT_EQ(rows(), expected);
}

TEST_F(CsvTest, says_that_compressed_data_is_cut_off) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += fmt::format("{},{}\n", i, i * 7919 % 10007);
  given_compressed(text);
  cut_off(1000);
  const auto all = rows();
  ASSERT_GT(all.size(), 90'000u);  // what can be read is
  EXPECT_EQ(all[all.size() - 2],
            fmt::format("{0}: {1}|{2}", all.size() - 1, all.size() - 2, (all.size() - 2) * 7919 % 10007));
  EXPECT_EQ(all.back(), name(ErrorKind::corrupt));
}

TEST_F(CsvTest, says_that_a_file_is_missing) {
  EXPECT_EQ(SendFile::open("/tmp/millrace-no-such-file").error().kind, ErrorKind::not_found);
  EXPECT_EQ(SendFile::open("/tmp").error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace millrace::send
