#include "http/browser_guard.h"

#include <gtest/gtest.h>

#include "http/connection.h"

namespace millrace::http {
namespace {

// What a request is answered with through the guard: 200 by the handler behind it, or 403.
class BrowserGuardTest : public testing::Test {
 protected:
  static bool lets_in(std::string_view method, std::vector<Header> headers, bool by_host_alone = false) {
    bool reached = false;
    const Handler mark = [&](const Request&, Reply) { reached = true; };
    const Handler handler = by_host_alone ? guarded_by_host(mark, {"shop.example"}) : guarded(mark, {"shop.example"});
    Request request;
    request.method = method;
    request.headers = headers;
    handler(request, Reply(std::make_shared<Nobody>()));
    return reached;
  }

 private:
  class Nobody final : public Reply::Target {
   public:
    void send(Response response) override { EXPECT_EQ(response.status == 403, !response.body.empty()); }
    void drop() override {}
    bool gone() const override { return false; }
    std::shared_ptr<Reply::Stream> stream(Response, std::function<void()>) override { return nullptr; }
  };
};

TEST_F(BrowserGuardTest, a_host_must_be_an_address_a_loopback_name_or_allowed) {
  for (const char* host : {"127.0.0.1:8080", "localhost:8080", "[::1]:8080", "192.168.0.7", "shop.example:80"}) {
    EXPECT_TRUE(lets_in("GET", {{"Host", host}})) << host;
  }
  EXPECT_TRUE(lets_in("GET", {}));
  for (const char* host : {"evil.example:8080", "127.evil.example", "localhost.evil.example", "shop.example.evil"}) {
    EXPECT_FALSE(lets_in("GET", {{"Host", host}})) << host;
  }
}

TEST_F(BrowserGuardTest, a_page_of_another_origin_changes_nothing) {
  EXPECT_TRUE(lets_in("POST", {{"Host", "localhost:8080"}}));
  EXPECT_TRUE(lets_in("POST", {{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}}));
  EXPECT_TRUE(lets_in("GET", {{"Host", "localhost:8080"}, {"Origin", "http://evil.example"}}));
  for (const char* origin : {"http://evil.example", "http://localhost:9999", "null"}) {
    EXPECT_FALSE(lets_in("POST", {{"Host", "localhost:8080"}, {"Origin", origin}})) << origin;
  }
}

TEST_F(BrowserGuardTest, by_host_alone_origins_are_not_judged) {
  EXPECT_TRUE(lets_in("POST", {{"Host", "shop.example"}, {"Origin", "http://evil.example"}}, true));
  EXPECT_FALSE(lets_in("POST", {{"Host", "evil.example"}, {"Origin", "http://evil.example"}}, true));
}

}  // namespace
}  // namespace millrace::http
