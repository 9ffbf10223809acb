#include "send/rows.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <regex>

namespace millrace::send {
namespace {

class SendRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-rows-XXXXXX";
    directory_ = mkdtemp(name);
    options_.key_column = "user";
    options_.time_column = "at";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void given(const std::string& file, std::string_view text) {
    options_.file = directory_ + "/" + file;
    std::ofstream(options_.file, std::ios::binary) << text;
  }
  // Every row as "line key time json" with an event_id without its hash, every bad one as "line! what"; an error of
  // open() alone.
  std::vector<std::string> rows() {
    auto reader = RowReader::open(options_);
    if (!reader) return {reader.error().message.substr(directory_.size() + 1)};
    std::vector<std::string> all;
    SendRow row;
    for (;;) {
      const auto found = (*reader)->next(row);
      if (!found) {
        all.push_back(fmt::format("{}! {}", (*reader)->line(), found.error().message));
      } else if (*found) {
        all.push_back(fmt::format("{} {} {} {}", (*reader)->line(), row.key, row.time.value,
                                  std::regex_replace(row.json, std::regex(R"((:\d+):[0-9a-f]{16}")"), "$1\"")));
      } else {
        return all;
      }
    }
  }
  std::vector<std::string> event_ids() {
    auto reader = RowReader::open(options_);
    std::vector<std::string> all;
    SendRow row;
    while (*(*reader)->next(row)) all.push_back(row.json.substr(13, row.json.find('"', 13) - 13));
    return all;
  }
  using Rows = std::vector<std::string>;

  std::string directory_;
  RowOptions options_;
};

TEST_F(SendRowsTest, makes_an_object_of_strings_from_a_csv_row) {
  given("a.csv", "user,at,price,note\n7,1000,12.50,\"say \"\"hi\"\"\"\n8,2000,,\n");
  EXPECT_EQ(rows(),
            (Rows{
                R"(2 7 1000000 {"event_id":"a.csv:2","user":"7","at":"1000","price":"12.50","note":"say \"hi\""})",
                R"(3 8 2000000 {"event_id":"a.csv:3","user":"8","at":"2000"})",
            }));
}

TEST_F(SendRowsTest, keeps_an_event_id_that_is_there) {
  given("a.csv", "event_id,user,at\ne1,7,1\n");
  EXPECT_EQ(rows(), Rows{R"(2 7 1000 {"event_id":"e1","user":"7","at":"1"})"});
  given("a.ndjson", "{\"event_id\":\"e1\",\"user\":7,\"at\":1}\n");
  EXPECT_EQ(rows(), Rows{R"(1 7 1000 {"event_id":"e1","user":7,"at":1})"});
}

TEST_F(SendRowsTest, gives_a_row_of_the_same_file_the_same_event_id_again) {
  given("a.csv", "user,at\n7,1\n7,2\n");
  const auto first = event_ids();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(event_ids(), first);
  std::filesystem::create_directory(directory_ + "/copies");
  given("copies/a.csv", "user,at\n7,1\n7,2\n");
  EXPECT_EQ(event_ids(), first);
}

TEST_F(SendRowsTest, gives_rows_of_different_files_of_one_name_different_event_ids) {
  for (const std::string kind : {"csv", "ndjson"}) {
    const std::string header = kind == "csv" ? "user,at\n" : "";
    const std::string row = kind == "csv" ? "7,1\n" : "{\"user\":7,\"at\":1}\n";
    const std::string other = kind == "csv" ? "8,1\n" : "{\"user\":8,\"at\":1}\n";
    std::filesystem::create_directories(directory_ + "/one");
    std::filesystem::create_directories(directory_ + "/two");
    given("one/a." + kind, header + row + row);
    const auto one = event_ids();
    given("two/a." + kind, header + row + other);
    const auto two = event_ids();
    ASSERT_EQ(one.size(), 2u);
    ASSERT_EQ(two.size(), 2u);
    EXPECT_NE(one[0], two[0]);
    EXPECT_NE(one[1], two[1]);
  }
}

TEST_F(SendRowsTest, gives_rows_behind_a_common_beginning_event_ids_of_their_own) {
  std::string beginning = "user,at,filler\n";
  while (beginning.size() < RowReader::identity_bytes) beginning += "7,1," + std::string(1000, 'x') + "\n";
  given("a.csv", beginning + "7,1,a\n");
  const auto one = event_ids();
  given("a.csv", beginning + "7,1,b\n");
  const auto two = event_ids();
  EXPECT_EQ(one.front(), two.front());
  EXPECT_NE(one.back(), two.back());
}

TEST_F(SendRowsTest, refuses_what_is_neither_gzip_nor_text) {
  given("a.csv.gz", std::string_view("\x00\x01\x02junk\n\xff\xfe", 10));
  EXPECT_EQ(rows(), Rows{"a.csv.gz: this is neither gzip nor text"});
}

TEST_F(SendRowsTest, shows_no_raw_bytes_of_a_file) {
  given("a.csv", "\x1b[31muser\xff,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{R"(a.csv: there is no column `user`; the columns are: \x1b[31muser\xff, at)"});
}

TEST_F(SendRowsTest, locates_bad_csv_rows_and_goes_on) {
  given("a.csv", "user,at\n7,1,2\n,1\n7,never\n7\n\xFF,1\n7,\"1\n9,3\n");
  EXPECT_EQ(rows(), (Rows{
                        "2! 3 fields where 2 columns are expected",
                        "3! the key `user` is missing",
                        "4! `never` in `at` is not a time; 2019-10-01 00:00:00 or 1569888000 would be",
                        "5! 1 fields where 2 columns are expected",
                        "6! the field `user` is not UTF-8",
                        "7! a quote is opened and never closed",
                        R"(8 9 3000 {"event_id":"a.csv:8","user":"9","at":"3"})",
                    }));
}

TEST_F(SendRowsTest, names_the_columns_of_a_file_without_header) {
  given("a.csv", "7,1\n");
  options_.header = false;
  EXPECT_EQ(rows(), Rows{"a.csv: without a header the columns need names: --columns a,b,c"});
  options_.columns = {"user", "at"};
  EXPECT_EQ(rows(), Rows{R"(1 7 1000 {"event_id":"a.csv:1","user":"7","at":"1"})"});
}

TEST_F(SendRowsTest, says_which_columns_there_are) {
  given("a.csv", "user_id,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{"a.csv: there is no column `user`; the columns are: user_id, at"});
}

TEST_F(SendRowsTest, takes_json_lines_as_they_are) {
  given("a.ndjson",
        "{ \"user\": \"7\", \"at\": \"2019-10-01T00:00:00Z\", \"x\": {\"y\": [1]} "
        "}\r\n\n{\"at\":1569888000123,\"user\":9223372036854775809}");
  EXPECT_EQ(
      rows(),
      (Rows{
          R"(1 7 1569888000000 {"event_id":"a.ndjson:1", "user": "7", "at": "2019-10-01T00:00:00Z", "x": {"y": [1]} })",
          R"(3 9223372036854775809 1569888000123 {"event_id":"a.ndjson:3","at":1569888000123,"user":9223372036854775809})",
      }));
}

TEST_F(SendRowsTest, locates_bad_json_lines_and_goes_on) {
  given("a.jsonl", "{\"user\":\n[1]\n{}\n{\"user\":[1],\"at\":1}\n{\"user\":1}\n{\"user\":1,\"at\":1}\n");
  const auto all = rows();
  ASSERT_EQ(all.size(), 6u);
  EXPECT_TRUE(all[0].starts_with("1! this is not JSON (")) << all[0];
  EXPECT_EQ(all[1], "2! this is JSON, but not an object");
  EXPECT_EQ(all[2], "3! the key `user` is missing");
  EXPECT_EQ(all[3], "4! the key `user` is missing");
  EXPECT_EQ(all[4], "5! the time `at` is missing");
  EXPECT_EQ(all[5], R"(6 1 1000 {"event_id":"a.jsonl:6","user":1,"at":1})");
}

TEST_F(SendRowsTest, asks_for_the_format_of_other_names) {
  given("a.txt", "user,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{"a.txt: cannot tell its format from its name; add --csv or --ndjson"});
  options_.format = RowFormat::csv;
  EXPECT_EQ(rows(), Rows{R"(2 7 1000 {"event_id":"a.txt:2","user":"7","at":"1"})"});
}

}  // namespace
}  // namespace millrace::send
