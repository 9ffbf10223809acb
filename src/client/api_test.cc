#include "client/api.h"

#include <gtest/gtest.h>

namespace millrace::client {
namespace {

TEST(EndpointTest, is_read_from_a_url) {
  const auto endpoint = parse_endpoint("http://localhost:4567/");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "localhost");
  EXPECT_EQ(endpoint->port, 4567);
  EXPECT_EQ(parse_endpoint("10.0.0.1:80")->port, 80);
  EXPECT_EQ(parse_endpoint("http://[::1]:4567")->host, "[::1]");
  EXPECT_EQ(parse_endpoint("http://[::1]:4567")->port, 4567);
  for (const auto* url : {"", "http://", "http://::1:4566", "::1", "http://[::1]", "https://a:1", "http://a:b",
                          "http://a:99999", "http://a:1/path"}) {
    EXPECT_FALSE(parse_endpoint(url)) << url;
  }
}

}  // namespace
}  // namespace millrace::client
