#include "aws/writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::aws {
namespace {

std::string written(Coding coding) {
  Writer out(coding);
  out.begin();
  out.member("Text").text("a\"ü");
  out.member("Data").blob(std::string_view("\0\xff", 2));
  out.member("Id").plain("shardId-7");
  out.member("Flag").boolean(true);
  out.member("Time").time(ProcessingTime(1700000000007));
  out.member("Numbers").begin_list();
  for (const int64_t number : {int64_t{0}, int64_t{-1}, int64_t{300}}) out.integer(number);
  out.end_list();
  out.member("Empty").begin_list();
  out.end_list();
  out.member("Shards").begin_list();
  for (int i = 0; i < 2; ++i) {
    out.begin();
    out.member("Id").text("");
    out.end();
  }
  out.end_list();
  out.member("Last").begin();
  out.end();
  out.end();
  return std::move(out).take();
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

TEST(Writer, writes_json) {
  EXPECT_EQ(
      written(Coding::json_1_1),
      R"({"Text":"a\"ü","Data":"AP8=","Id":"shardId-7","Flag":true,"Time":1700000000.007,"Numbers":[0,-1,300],"Empty":[],)"
      R"("Shards":[{"Id":""},{"Id":""}],"Last":{}})");
  EXPECT_EQ(written(Coding::json_1_0), written(Coding::json_1_1));
}

TEST(Writer, writes_cbor_with_byte_strings_and_times_in_milliseconds) {
  EXPECT_EQ(hex(written(Coding::cbor_1_1)),
            "bf"
            "6454657874"
            "6461"
            "22c3bc"
            "6444617461"
            "4200ff"
            "624964"
            "6973686172644964"
            "2d37"
            "64466c6167"
            "f5"
            "6454696d65"
            "c11b0000018bcfe56807"
            "674e756d62657273"
            "9f00"
            "20"
            "19012c"
            "ff"
            "65456d707479"
            "9fff"
            "66536861726473"
            "9f"
            "bf62496460ff"
            "bf62496460ff"
            "ff"
            "644c617374"
            "bfff"
            "ff");
}

TEST(Writer, text_that_ends_like_an_open_bracket_is_whole_all_the_same) {
  Writer out(Coding::json_1_1);
  out.begin_list();
  for (const char* text : {"[", "{", ":"}) out.text(text);
  out.end_list();
  EXPECT_EQ(std::move(out).take(), R"(["[","{",":"])");
}

}  // namespace
}  // namespace millrace::aws
