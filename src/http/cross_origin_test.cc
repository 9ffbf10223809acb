// Goal: a browser lets a page of any origin call the handler, and read what it answers.
// Method: requests as a browser sends them, to a server on a real socket.

#include "http/cross_origin.h"

#include <gtest/gtest.h>

#include <thread>

#include "http/client.h"

namespace millrace::http {
namespace {

class CrossOriginTest : public testing::Test {
 protected:
  CrossOriginTest() {
    const auto handle = [this](const Request& request, Reply reply) {
      ++requests_;
      if (request.path == "/nobody") return;
      if (request.path == "/stream") {
        reply.stream({.content_type = "text/plain"})->write("streamed");
        return;
      }
      reply.send({.status = 400, .content_type = "application/json", .body = "{}"});
    };
    server_ = std::move(Server::listen(*reactor_, "127.0.0.1", 0, open_to_all_origins(handle)).value());
    thread_ = std::thread([this] { reactor_->run(); });
  }
  ~CrossOriginTest() override {
    reactor_->stop();
    thread_.join();
  }

  ClientResponse ask(std::string_view method, std::string_view target,
                     const std::vector<std::pair<std::string, std::string>>& headers) {
    Client client("127.0.0.1", server_->port(), 5'000);
    return client.request(method, target, headers, "").value();
  }

  std::unique_ptr<Reactor> reactor_ = std::move(Reactor::make().value());
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::atomic<int> requests_ = 0;
};

TEST_F(CrossOriginTest, a_request_may_be_sent) {
  const auto answer = ask("OPTIONS", "/",
                          {{"Origin", "http://shop.example"},
                           {"Access-Control-Request-Method", "POST"},
                           {"Access-Control-Request-Headers", "authorization,x-amz-target"},
                           {"Access-Control-Request-Private-Network", "true"}});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "http://shop.example");
  EXPECT_EQ(answer.header("access-control-allow-credentials"), "true");
  EXPECT_EQ(answer.header("access-control-allow-methods"), "POST");
  EXPECT_EQ(answer.header("access-control-allow-headers"), "authorization,x-amz-target");
  EXPECT_EQ(answer.header("access-control-allow-private-network"), "true");
  EXPECT_EQ(answer.header("vary"), "Origin");
  EXPECT_EQ(requests_, 0);
}

TEST_F(CrossOriginTest, an_answer_may_be_read) {
  for (const char* target : {"/", "/stream", "/nobody"}) {
    const auto answer = ask("POST", target, {{"Origin", "https://shop.example"}});
    EXPECT_EQ(answer.header("access-control-allow-origin"), "https://shop.example") << target;
    EXPECT_NE(answer.header("access-control-expose-headers").find("x-amzn-ErrorType"), std::string::npos) << target;
  }
  EXPECT_EQ(ask("POST", "/stream", {{"Origin", "https://shop.example"}}).body, "streamed");
}

TEST_F(CrossOriginTest, programs_notice_nothing) {
  const auto answer = ask("POST", "/", {});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
  EXPECT_EQ(ask("OPTIONS", "/", {{"Origin", "http://shop.example"}}).status, 400) << "that asks for nothing";
}

}  // namespace
}  // namespace millrace::http
