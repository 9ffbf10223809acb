// Goal: the text of an error can be stored and shown, whatever a function has sent.

#include "function/error_text.h"

#include <gtest/gtest.h>

namespace millrace::function {
namespace {

TEST(ErrorText, a_short_text_stays_as_it_is) {
  EXPECT_EQ(readable(""), "");
  EXPECT_EQ(readable("the price of café crème"), "the price of café crème");
}

TEST(ErrorText, a_long_text_is_cut_between_characters) {
  EXPECT_EQ(readable(std::string(450'000, 'x')), std::string(error_text_bytes_max, 'x'));
  for (const std::string character : {"é", "€", "😀"}) {
    for (size_t shift = 0; shift < character.size(); ++shift) {
      const std::string before(error_text_bytes_max - shift, 'x');
      EXPECT_EQ(readable(before + character + "yyy"), before) << character << " " << shift;
    }
  }
}

TEST(ErrorText, what_is_no_utf8_is_made_ascii) {
  EXPECT_EQ(readable("a\xff\xc3 b"), "a?? b");
  EXPECT_EQ(readable(std::string(5'000, '\x80')), std::string(error_text_bytes_max - 3, '?'));
}

}  // namespace
}  // namespace millrace::function
