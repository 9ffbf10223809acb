#include "base/json_string.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

std::string json_of(std::string_view text) {
  std::string out = "before ";
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesWhatJsonWantsEscapedAndNothingElse) {
  EXPECT_EQ(json_of(""), R"(before "")");
  EXPECT_EQ(json_of("a\"b\\c\n\r\t"), R"(before "a\"b\\c\n\r\t")");
  EXPECT_EQ(json_of(std::string_view("\0\x1f\x7f", 3)), "before \"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(json_of("Z\xc3\xbcrich \xff"), "before \"Z\xc3\xbcrich \xff\"");
}

// Wherever it stands: texts are looked through 32 bytes at a time.
TEST(JsonString, FindsItAtEveryPlace) {
  for (size_t length = 1; length < 100; ++length) {
    for (size_t at = 0; at < length; ++at) {
      std::string text(length, 'x');
      text[at] = '"';
      ASSERT_EQ(json_of(text), "before \"" + std::string(at, 'x') + "\\\"" + std::string(length - at - 1, 'x') + "\"");
    }
  }
}

}  // namespace
}  // namespace millrace::base
