#include "aws/cbor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace millrace::aws::cbor {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// What a body is made of, as a text: "[1 {a:...", "!" where it is wrong.
std::string walked(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  Reader in(bytes);
  std::string out;
  int depth = 0;
  do {
    const Kind kind = in.next();
    switch (kind) {
      case Kind::integer:
        out += fmt::format("{}", in.integer());
        break;
      case Kind::floating:
        out += fmt::format("{:.4f}", in.floating());
        break;
      case Kind::boolean:
        out += in.boolean() ? "true" : "false";
        break;
      case Kind::null:
        out += "null";
        break;
      case Kind::text:
        out += fmt::format("'{}'", in.text());
        break;
      case Kind::bytes:
        out += fmt::format("b{}", in.bytes().size());
        break;
      case Kind::time:
        out += fmt::format("t{}", in.time());
        break;
      case Kind::list:
        out += '[';
        ++depth;
        continue;
      case Kind::map:
        out += '{';
        ++depth;
        continue;
      case Kind::end:
        out += ')';
        --depth;
        break;
      case Kind::wrong:
        return out + "!";
    }
    if (depth > 0) out += ' ';
  } while (depth > 0);
  return in.is_done() ? out : out + "+";
}

TEST(Cbor, integers_of_all_widths_are_read) {
  EXPECT_EQ(walked("00"), "0");
  EXPECT_EQ(walked("17"), "23");
  EXPECT_EQ(walked("1818"), "24");
  EXPECT_EQ(walked("1903e8"), "1000");
  EXPECT_EQ(walked("1a000f4240"), "1000000");
  EXPECT_EQ(walked("1b000000e8d4a51000"), "1000000000000");
  EXPECT_EQ(walked("20"), "-1");
  EXPECT_EQ(walked("3903e7"), "-1000");
  EXPECT_EQ(walked("1bffffffffffffffff"), "9223372036854775807") << "the last there is";
  EXPECT_EQ(walked("3bffffffffffffffff"), "-9223372036854775808");
}

TEST(Cbor, floats_booleans_and_null_are_read) {
  EXPECT_EQ(walked("f93c00"), "1.0000");
  EXPECT_EQ(walked("f9c400"), "-4.0000");
  EXPECT_EQ(walked("f90001"), "0.0000");
  EXPECT_EQ(walked("f97c00"), "inf");
  EXPECT_EQ(walked("f97e00"), "nan");
  EXPECT_EQ(walked("fa47c35000"), "100000.0000");
  EXPECT_EQ(walked("fb3ff199999999999a"), "1.1000");
  EXPECT_EQ(walked("f4"), "false");
  EXPECT_EQ(walked("f5"), "true");
  EXPECT_EQ(walked("f6"), "null");
  EXPECT_EQ(walked("f7"), "null");
}

TEST(Cbor, strings_are_read_whole_and_in_pieces) {
  EXPECT_EQ(walked("60"), "''");
  EXPECT_EQ(walked("62c3bc"), "'ü'");
  EXPECT_EQ(walked("4401020304"), "b4");
  EXPECT_EQ(walked("7f657374726561646d696e67ff"), "'streaming'");
  EXPECT_EQ(walked("5f42010243030405ff"), "b5");
  EXPECT_EQ(walked("7fff"), "''");
  EXPECT_EQ(walked("7f61c361bcff"), "'ü'") << "pieces may part a character";
}

TEST(Cbor, lists_and_maps_end_whether_their_length_was_said_or_not) {
  EXPECT_EQ(walked("80"), "[)");
  EXPECT_EQ(walked("83010203"), "[1 2 3 )");
  EXPECT_EQ(walked("9f01820203ff"), "[1 [2 3 ) )");
  EXPECT_EQ(walked("a26161016162820203"), "{'a' 1 'b' [2 3 ) )");
  EXPECT_EQ(walked("bf61610161629f0203ffff"), "{'a' 1 'b' [2 3 ) )");
}

TEST(Cbor, times_are_milliseconds_or_seconds_with_a_fraction) {
  EXPECT_EQ(walked("c11b0000018bcfe56807"), "t1700000000007");
  EXPECT_EQ(walked("c1fb41d954fc4000624e"), "t1700000000006");
  EXPECT_EQ(walked("c120"), "t-1");
  EXPECT_EQ(walked("c1fb7fefffffffffffff"), "t9200000000000000000");
  EXPECT_EQ(walked("c1fb7ff8000000000000"), "!") << "not a number";
  EXPECT_EQ(walked("c16161"), "!");
  EXPECT_EQ(walked("d9d9f7a0"), "{)") << "other tags are ignored";
}

TEST(Cbor, what_breaks_off_or_is_none_is_wrong) {
  for (const char* body : {"",
                           "18",
                           "1901",
                           "1c",
                           "1f",
                           "3f",
                           "61",
                           "7f61",
                           "7f4161ff",
                           "7f7f6161ffff",
                           "5f",
                           "9f",
                           "9f01",
                           "8201",
                           "a1",
                           "a16161",
                           "bf6161ff",
                           "ff",
                           "f8",
                           "f818",
                           "fc",
                           "c1",
                           "c1c101",
                           "62ffff",
                           "7f61ffff",
                           "df",
                           "bbffffffffffffffff",
                           "9bffffffffffffffff",
                           "7bffffffffffffffff"}) {
    const std::string found = walked(body);
    EXPECT_TRUE(found.ends_with('!')) << body << ": " << found;
  }
  EXPECT_EQ(walked("0000"), "0+");
}

TEST(Cbor, depth_and_strings_in_pieces_are_bounded) {
  std::string deep;
  for (size_t i = 0; i < Reader::depth_max; ++i) deep += "81";
  EXPECT_FALSE(walked(deep + "00").ends_with('!'));
  EXPECT_TRUE(walked(deep + "8100").ends_with('!'));
  std::string pieced = "9f";
  for (size_t i = 0; i < Reader::pieced_max; ++i) pieced += "7fff";
  EXPECT_FALSE(walked(pieced + "ff").ends_with('!'));
  EXPECT_TRUE(walked(pieced + "7fffff").ends_with('!'));
}

TEST(Cbor, what_is_skipped_is_behind) {
  const std::string bytes = from_hex("83bf616183010280ff9f9fffff07");
  Reader in(bytes);
  EXPECT_EQ(in.next(), Kind::list);
  in.skip(in.next());
  in.skip(in.next());
  EXPECT_EQ(in.next(), Kind::integer);
  EXPECT_EQ(in.integer(), 7);
  in.skip(Kind::integer);
  EXPECT_EQ(in.next(), Kind::end);
  EXPECT_TRUE(in.is_done());

  const std::string odd = from_hex("81bf616101616202ff");
  Reader unfinished(std::string_view(odd).substr(0, odd.size() - 1));
  EXPECT_EQ(unfinished.next(), Kind::list);
  unfinished.skip(unfinished.next());
  EXPECT_EQ(unfinished.next(), Kind::wrong);
}

TEST(Cbor, what_is_written_is_read) {
  for (const int64_t number :
       std::vector<int64_t>{0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, -1, -24, -25, -257,
                            std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    std::string out;
    append_integer(out, number);
    append_time(out, ProcessingTime(number));
    Reader in(out);
    EXPECT_EQ(in.next(), Kind::integer);
    EXPECT_EQ(in.integer(), number);
    EXPECT_EQ(in.next(), Kind::time);
    EXPECT_EQ(in.time(), ProcessingTime(number));
    EXPECT_TRUE(in.is_done());
  }
  for (const size_t size : {0, 1, 23, 24, 255, 256, 65535, 65536}) {
    std::string out;
    append_text(out, std::string(size, 'x'));
    append_bytes(out, std::string(size, '\xff'));
    Reader in(out);
    EXPECT_EQ(in.next(), Kind::text);
    EXPECT_EQ(in.text(), std::string(size, 'x'));
    EXPECT_EQ(in.next(), Kind::bytes);
    EXPECT_EQ(in.bytes(), std::string(size, '\xff'));
    EXPECT_TRUE(in.is_done());
  }
}

}  // namespace
}  // namespace millrace::aws::cbor
