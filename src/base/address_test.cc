#include "base/address.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(Address, loopback_is_parsed_and_not_matched) {
  for (const char* host :
       {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost", "shop.localhost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"127.evil.example", "127.0.0.1.evil.example", "127.1", "0.0.0.0", "[::]", "10.0.0.1", "",
                           "evil-localhost", "localhost.evil.example", "[::1", "::2", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Address, ip_addresses_and_names_are_told_apart) {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "[::1]", "fe80::1"}) EXPECT_TRUE(is_ip_address(host)) << host;
  for (const char* host : {"1.2.3", "shop.example", "1.2.3.4.example", ""}) EXPECT_FALSE(is_ip_address(host)) << host;
}

TEST(Address, a_host_comes_without_its_port) {
  EXPECT_EQ(host_of("shop.example:8080"), "shop.example");
  EXPECT_EQ(host_of("[::1]:80"), "[::1]");
  EXPECT_EQ(host_of("[::1]"), "[::1]");
  EXPECT_EQ(host_of("127.0.0.1"), "127.0.0.1");
}

}  // namespace
}  // namespace millrace::base
