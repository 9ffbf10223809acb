// That the lanes agree with a library's MD5 for every length is tested where there is one (aws/crypto_test.cc).

#include "stream/md5_lanes.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace millrace::stream {
namespace {

std::vector<std::string> digests_of(const std::vector<std::string_view>& keys) {
  std::vector<Md5Digest> digests(keys.size());
  md5_of_short_keys(keys, digests);
  std::vector<std::string> texts;
  for (const Md5Digest& digest : digests) texts.push_back(fmt::format("{:02x}", fmt::join(digest, "")));
  return texts;
}

// RFC 1321, A.5.
TEST(Md5Lanes, are_the_known_vectors_each_in_its_lane) {
  EXPECT_EQ(digests_of({"", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz"}),
            (std::vector<std::string>{"d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661",
                                      "900150983cd24fb0d6963f7d28e17f72", "f96b697d7cb7938d525a2f31aaf161d0",
                                      "c3fcd3d76192e4007dfb496cca67e13b"}));
}

}  // namespace
}  // namespace millrace::stream
