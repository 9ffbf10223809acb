#include "send/rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "send/csv.h"
#include "send/record.h"

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
  EXPECT_EQ(
      rows(),
      Rows{
          R"(a.csv.gz: this is no text, and compressed neither by gzip nor by zstd: the columns would be: \x00\x01\x02junk)"});
}

TEST_F(SendRowsTest, shows_no_raw_bytes_of_a_file) {
  given("a.csv", "\x1b[31muser\xff,at\n7,1\n");
  EXPECT_EQ(
      rows(),
      Rows{
          R"(a.csv: this is no text, and compressed neither by gzip nor by zstd: the columns would be: \x1b[31muser\xff, at)"});
  given("a.csv", "u\xc2\x85ser,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{R"(a.csv: there is no column `user`; the columns are: u\x85ser, at)"});
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
  options_.columns = {"user", "at", "caf\xe9"};
  EXPECT_EQ(rows(), Rows{R"(a.csv: the column name `caf\xe9` of --columns is not UTF-8)"});
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
  EXPECT_EQ(all[1], "2! this is not a JSON object");
  EXPECT_EQ(all[2], "3! the key `user` is missing");
  EXPECT_EQ(all[3], "4! the key `user` is missing");
  EXPECT_EQ(all[4], "5! the time `at` is missing");
  EXPECT_EQ(all[5], R"(6 1 1000 {"event_id":"a.jsonl:6","user":1,"at":1})");
}

TEST_F(SendRowsTest, sends_json_as_it_stands_whatever_is_in_it) {
  const Rows lines = {
      R"({"event_id":"1","user":"a","at":1,"query":"red shoes \ud83d"})",
      R"({"event_id":"2","user":"a","at":1,"weight":1e400,"deep":[[{"x":-0.0E-999}]]})",
      R"({"event_id":"3","user":"a","at":1,"session":12345678901234567890123})",
      "{\"event_id\":\"4\",\"user\":\"a\",\"at\":1,\"note\":\"red\tshoes\"}",
      R"({"event_id":{"of":"us"},"user":"a","at":1})",
  };
  given("a.ndjson", fmt::format("{}", fmt::join(lines, "\n")));
  Rows expected;
  for (size_t i = 0; i < lines.size(); ++i) expected.push_back(fmt::format("{} a 1000 {}", i + 1, lines[i]));
  EXPECT_EQ(rows(), expected);
}

TEST_F(SendRowsTest, reads_keys_as_they_are_written) {
  given("a.ndjson",
        "{\"event_id\":1,\"user\":12345678901234567890123,\"at\":1}\n{\"event_id\":1,\"user\":1.50,\"at\":1}\n"
        "{\"event_id\":1,\"user\":\"\\u00e9\\udc00\",\"at\":\"\\u0031\"}\n{\"event_id\":1,\"user\":true,\"at\":1}\n");
  auto reader = RowReader::open(options_);
  Rows keys;
  for (SendRow row; *(*reader)->next(row);) keys.push_back(row.key);
  EXPECT_EQ(keys, (Rows{"12345678901234567890123", "1.50", "\u00e9?", "true"}));
}

TEST_F(SendRowsTest, refuses_what_no_json_reader_takes) {
  const Rows lines = {R"({"user":"a","at":1,"x":[1 2]})", R"({"user":"a","at":1,"x":01})",
                      R"({"user":"a","at":1,"x":tru})",   R"({"user":"a","at":1,"x":"\q"})",
                      R"({"user":"a","at":1} {})",        R"({"user":"a","at":1,})",
                      R"({"user":"a","at":1,"x":+1})",    R"({"user":"a","at":1,"x":NaN})",
                      "{\"user\":\"\xff\",\"at\":1}",     R"({"user":"a","at":1,"x":{"y"}})"};
  given("a.ndjson", fmt::format("{}", fmt::join(lines, "\n")));
  const Rows all = rows();
  ASSERT_EQ(all.size(), lines.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(all[i].starts_with(fmt::format("{}! this is not JSON (", i + 1))) << all[i];
  }
  given("a.ndjson", "{\"user\":\"a\",\"at\":1,\"x\":" + std::string(2'000, '[') + std::string(2'000, ']') + "}");
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(SendRowsTest, blames_no_control_character_that_it_takes) {
  given("a.ndjson", "{\"user\":\"a\tb\",\"at\":1,\"x\":tru}\n");
  const Rows all = rows();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].find("escaped"), std::string::npos) << all[0];
}

TEST_F(SendRowsTest, gives_rows_with_an_empty_event_id_one) {
  given("a.csv", "event_id,user,at\n,7,1\ne2,7,1\n");
  EXPECT_EQ(rows(), (Rows{
                        R"(2 7 1000 {"event_id":"a.csv:2","user":"7","at":"1"})",
                        R"(3 7 1000 {"event_id":"e2","user":"7","at":"1"})",
                    }));
  given(
      "a.ndjson",
      "{\"user\":7,\"event_id\":null,\"at\":1}\n{\"event_id\" : \"\", \"user\":7,\"at\":1}\n"
      "{\"user\":7,\"at\":1,\"event_id\":\"\",\"x\":\"a\tb\"}\n{\"user\":7,\"at\":1,\"more\":{\"event_id\":\"x\"}}\n");
  EXPECT_EQ(rows(), (Rows{
                        R"(1 7 1000 {"user":7,"event_id":"a.ndjson:1","at":1})",
                        R"(2 7 1000 {"event_id" : "a.ndjson:2", "user":7,"at":1})",
                        R"(3 7 1000 {"user":7,"at":1,"event_id":"a.ndjson:3","x":"a\u0009b"})",
                        R"(4 7 1000 {"event_id":"a.ndjson:4","user":7,"at":1,"more":{"event_id":"x"}})",
                    }));
}

TEST_F(SendRowsTest, finds_key_and_time_inside_objects) {
  options_.key_column = "user.id";
  options_.time_column = "meta.at.ms";
  given("a.ndjson",
        "{\"event_id\":1,\"user\":{\"name\":\"x\",\"id\":\"u7\"},\"meta\":{\"at\":{\"ms\":1569888000123}}}\n"
        "{\"event_id\":1,\"user.id\":\"u8\",\"meta\":{\"at.ms\":1}}\n"
        "{\"event_id\":1,\"user\":[{\"id\":\"u9\"}],\"meta\":{\"at.ms\":1}}\n");
  const Rows all = rows();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].starts_with("1 u7 1569888000123 ")) << all[0];
  EXPECT_TRUE(all[1].starts_with("2 u8 1000 ")) << all[1];
  EXPECT_EQ(all[2], "3! the key `user.id` is missing");
}

TEST_F(SendRowsTest, locates_rows_that_make_too_long_a_record) {
  const auto lines = [](Rows all) {
    for (std::string& line : all) line.resize(std::min<size_t>(line.size(), 59));
    return all;
  };
  given("a.csv", "user,at,v\n7,1,x\n8,2," + std::string((size_t{1} << 20) - 30, 'y') + "\n9,3," +
                     std::string(300'000, '\x01') + "\n9,3,z\n");
  EXPECT_EQ(lines(rows()), (Rows{
                               R"(2 7 1000 {"event_id":"a.csv:2","user":"7","at":"1","v":"x"})",
                               "3! as a record the row has 1048612 bytes; a stream takes at",
                               "4! as a record the row has 1800066 bytes; a stream takes at",
                               R"(5 9 3000 {"event_id":"a.csv:5","user":"9","at":"3","v":"z"})",
                           }));
  const std::string large = "{\"user\":8,\"at\":2,\"v\":\"" + std::string((size_t{1} << 20) - 24, 'y') + "\"}";
  ASSERT_EQ(large.size(), size_t{1} << 20);
  given("a.ndjson", large + "\n{\"user\":9,\"at\":3}\n");
  EXPECT_EQ(lines(rows()), (Rows{
                               "1! as a record the row has 1048617 bytes; a stream takes at",
                               R"(2 9 3000 {"event_id":"a.ndjson:2","user":9,"at":3})",
                           }));
}

TEST_F(SendRowsTest, counts_a_key_by_its_characters) {
  std::string key;
  for (size_t i = 0; i < key_characters_max; ++i) key += "\u00e9";
  given("a.csv", "user,at\n" + key + ",1\n" + key + "x,1\n");
  const Rows all = rows();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].starts_with("2 \u00e9")) << all[0];
  EXPECT_EQ(all[1], "3! the key `user` is longer than 256 characters");
}

TEST_F(SendRowsTest, sends_a_control_character_wherever_it_stands) {
  std::string text = "user,at,note\n";
  for (int i = 0; i < 20'000; ++i) text += std::string("7,1,x\x01") + '\0' + "y\n";
  given("a.csv", text);
  const Rows all = rows();
  ASSERT_EQ(all.size(), 20'000u);
  EXPECT_EQ(all.front(), R"(2 7 1000 {"event_id":"a.csv:2","user":"7","at":"1","note":"x\u0001\u0000y"})");
  EXPECT_EQ(all.back(), R"(20001 7 1000 {"event_id":"a.csv:20001","user":"7","at":"1","note":"x\u0001\u0000y"})");
}

TEST_F(SendRowsTest, passes_over_a_byte_order_mark) {
  given("a.csv", "\xEF\xBB\xBFuser,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{R"(2 7 1000 {"event_id":"a.csv:2","user":"7","at":"1"})"});
  given("a.ndjson", "\xEF\xBB\xBF{\"user\":7,\"at\":1}\n{\"user\":8,\"at\":1}\n");
  EXPECT_EQ(rows(), (Rows{
                        R"(1 7 1000 {"event_id":"a.ndjson:1","user":7,"at":1})",
                        R"(2 8 1000 {"event_id":"a.ndjson:2","user":8,"at":1})",
                    }));
}

TEST_F(SendRowsTest, ends_lines_at_carriage_returns_where_there_are_no_line_feeds) {
  given("a.csv", "user,at,note\r7,1,x\r\r8,2,\"a\rb\nc\"\r9,3,z");
  EXPECT_EQ(rows(), (Rows{
                        R"(2 7 1000 {"event_id":"a.csv:2","user":"7","at":"1","note":"x"})",
                        R"(4 8 2000 {"event_id":"a.csv:4","user":"8","at":"2","note":"a\rb\nc"})",
                        R"(6 9 3000 {"event_id":"a.csv:6","user":"9","at":"3","note":"z"})",
                    }));
  given("a.ndjson", "{\"user\":7,\"at\":1}\r{\"user\":8,\"at\":1}\r");
  EXPECT_EQ(rows(), (Rows{
                        R"(1 7 1000 {"event_id":"a.ndjson:1","user":7,"at":1})",
                        R"(2 8 1000 {"event_id":"a.ndjson:2","user":8,"at":1})",
                    }));
}

TEST_F(SendRowsTest, keeps_a_carriage_return_inside_a_line_that_a_line_feed_ends) {
  given("a.ndjson", "{\"event_id\":1,\"user\":7,\"at\":1,\"note\":\"a\rb\"}\n");
  EXPECT_EQ(rows(), Rows{"1 7 1000 {\"event_id\":1,\"user\":7,\"at\":1,\"note\":\"a\rb\"}"});
}

TEST_F(SendRowsTest, knows_what_people_have_in_place_of_a_text) {
  given("a.csv", std::string_view("\xff\xfeu\0s\0", 6));
  EXPECT_EQ(rows(), Rows{"a.csv: this is UTF-16; make UTF-8 of it, such as with `iconv -f UTF-16 -t UTF-8`"});
  given("a.csv", "PK\x03\x04...");
  EXPECT_EQ(rows(), Rows{"a.csv: this is a zip archive (or a spreadsheet); unpack it, or export it as CSV"});
}

TEST_F(SendRowsTest, separates_fields_by_tabs_or_what_is_asked_for) {
  given("a.tsv", "user\tat\tnote\n7\t1\ta, \"b\"\n");
  const std::string row = R"({"event_id":"a.tsv:2","user":"7","at":"1","note":"a, \"b\""})";
  EXPECT_EQ(rows(), Rows{"2 7 1000 " + row});
  given("a.txt", "user;at\n7;1\n");
  options_.delimiter = ';';
  EXPECT_EQ(rows(), Rows{R"(2 7 1000 {"event_id":"a.txt:2","user":"7","at":"1"})"});
  EXPECT_EQ(parse_delimiter("tab"), '\t');
  EXPECT_EQ(parse_delimiter("\\t"), '\t');
  EXPECT_EQ(parse_delimiter("\t"), '\t');
  EXPECT_EQ(parse_delimiter("|"), '|');
  for (const auto* text : {"", "\"", "\n", "||", "\u00a7"}) EXPECT_FALSE(parse_delimiter(text)) << text;
}

TEST(SendRecord, shows_whatever_bytes_a_file_has) {
  EXPECT_EQ(shown("a\tb"), "a\\tb");
  EXPECT_EQ(shown("k\xc1"), "k\\xc1");
  const std::string cut = std::string(39, 'x') + "\xc3\xa9 and more";
  EXPECT_EQ(shown(cut), std::string(39, 'x'));
}

TEST_F(SendRowsTest, knows_formats_by_the_names_of_files) {
  for (const std::string name : {"a.csv", "a.csv.gz", "a.csv.zst", "a.tsv", "a.tab.zst"}) {
    const bool tabs = name.find(".t") != std::string::npos;
    given(name, tabs ? "user\tat\n7\t1\n" : "user,at\n7,1\n");
    EXPECT_EQ(rows(), Rows{fmt::format(R"(2 7 1000 {{"event_id":"{}:2","user":"7","at":"1"}})", name)});
  }
}

TEST_F(SendRowsTest, needs_no_time) {
  options_.time_column = "";
  given("a.csv", "user,when\n7,never\n");
  EXPECT_EQ(rows(), Rows{R"(2 7 0 {"event_id":"a.csv:2","user":"7","when":"never"})"});
  given("a.ndjson", "{\"user\":7,\"\":1}\n");
  EXPECT_EQ(rows(), Rows{R"(1 7 0 {"event_id":"a.ndjson:1","user":7,"":1})"});
}

TEST_F(SendRowsTest, asks_for_the_format_of_other_names) {
  given("a.txt", "user,at\n7,1\n");
  EXPECT_EQ(rows(), Rows{"a.txt: cannot tell its format from its name; add --csv or --ndjson"});
  options_.format = RowFormat::csv;
  EXPECT_EQ(rows(), Rows{R"(2 7 1000 {"event_id":"a.txt:2","user":"7","at":"1"})"});
}

}  // namespace
}  // namespace millrace::send
