#include "base/base64.h"

#include <gtest/gtest.h>

#include <random>

namespace millrace::base {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

// RFC 4648, section 10.
TEST(Base64, KnownVectors) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64, AllLengthsComeBack) {
  const unsigned seed = 7;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (size_t size = 0; size < 400; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string text = encoded(bytes);
    EXPECT_EQ(text.size(), (size + 2) / 3 * 4);
    ASSERT_EQ(base64_decode(text), bytes) << size;
    // Without padding, too.
    ASSERT_EQ(base64_decode(std::string_view(text).substr(0, text.find('='))), bytes) << size;
  }
}

TEST(Base64, EveryOtherCharacterIsRefusedWhereverItStands) {
  for (int c = 0; c < 256; ++c) {
    const bool known = base64_alphabet.find(static_cast<char>(c)) != std::string_view::npos;
    for (size_t at = 0; at < 70; ++at) {
      std::string text(71, 'A');
      text[at] = static_cast<char>(c);
      ASSERT_EQ(base64_decode(text).has_value(), known) << c << " at " << at;
    }
  }
  EXPECT_FALSE(base64_decode("A"));
  EXPECT_FALSE(base64_decode("AAAAA"));
  EXPECT_FALSE(base64_decode("="));
  EXPECT_FALSE(base64_decode("===="));
  EXPECT_FALSE(base64_decode("AA=A"));
  EXPECT_FALSE(base64_decode("AAA=AAA="));
}

}  // namespace
}  // namespace millrace::base
