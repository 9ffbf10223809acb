#include "aws/crypto.h"

#include <gtest/gtest.h>

#include <random>

#include "stream/md5_lanes.h"

namespace millrace::aws {
namespace {

std::string hex(const Digest256& digest) {
  std::string out;
  append_hex(out, digest);
  return out;
}

// FIPS 180-2 and RFC 1321, 4231.
TEST(Crypto, KnownVectors) {
  Sha256 sha256;
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Md5 md5;
  for (int i = 0; i < 2; ++i) {
    const Digest128 digest = md5("message digest");
    EXPECT_EQ(digest[0], 0xf9);
    EXPECT_EQ(digest[15], 0xd0);
  }
  HmacSha256 hmac("Jefe");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(hex(hmac("what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  }
  EXPECT_EQ(hex(HmacSha256(std::string(131, '\xaa'))("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Crypto, Md5InLanesIsMd5) {
  Md5 md5;
  std::mt19937 random(3);
  std::vector<std::string> texts;
  for (size_t size = 0; size <= stream::md5_lane_bytes_max; ++size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    texts.push_back(text);
  }
  for (size_t count = 1; count <= stream::md5_lanes; ++count) {
    for (size_t from = 0; from + count <= texts.size(); ++from) {
      const std::vector<std::string_view> keys(texts.begin() + static_cast<long>(from),
                                               texts.begin() + static_cast<long>(from + count));
      std::vector<Digest128> digests(count);
      stream::md5_of_short_keys(keys, digests);
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(digests[i], md5(keys[i])) << keys[i].size();
    }
  }
}

}  // namespace
}  // namespace millrace::aws
