// Goal: a browser lets a page of an allowed origin call the handler, and read what it answers; no other page.
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
    const Handler handle = [this](const Request& request, Reply reply) {
      ++requests_;
      if (request.path == "/nobody") return;
      if (request.path == "/stream") {
        reply.stream({.content_type = "text/plain"})->write("streamed");
        return;
      }
      reply.send({.status = 400, .content_type = "application/json", .body = "{}"});
    };
    open_ = std::move(Server::listen(*reactor_, "127.0.0.1", 0, open_to_origins(handle, every_origin())).value());
    local_ = std::move(Server::listen(*reactor_, "127.0.0.1", 0,
                                      open_to_origins(handle, origins_of_this_machine_and({"shop.example"})))
                           .value());
    thread_ = std::thread([this] { reactor_->run(); });
  }
  ~CrossOriginTest() override {
    reactor_->stop();
    thread_.join();
  }

  using Headers = std::vector<std::pair<std::string, std::string>>;
  // Of the server that is open to every origin.
  ClientResponse ask(std::string_view method, std::string_view target, const Headers& headers) {
    return ask(*open_, method, target, headers);
  }
  static ClientResponse ask(const Server& server, std::string_view method, std::string_view target,
                            const Headers& headers) {
    Client client("127.0.0.1", server.port(), 5'000);
    return client.request(method, target, headers, "").value();
  }

  std::unique_ptr<Reactor> reactor_ = std::move(Reactor::make().value());
  std::unique_ptr<Server> open_;
  std::unique_ptr<Server> local_;  // to pages of this machine and of shop.example
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

TEST_F(CrossOriginTest, pages_of_this_machine_and_of_named_hosts_may_call) {
  for (const char* origin :
       {"http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "https://shop.example"}) {
    const auto question = ask(*local_, "OPTIONS", "/", {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(question.status, 204) << origin;
    const auto answer = ask(*local_, "POST", "/", {{"Origin", origin}});
    EXPECT_EQ(answer.header("access-control-allow-origin"), origin);
  }
  for (const char* origin : {"https://evil.example", "http://127.evil.example", "http://shop.example.evil", "null"}) {
    const auto question = ask(*local_, "OPTIONS", "/", {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(question.status, 403) << origin;
    EXPECT_EQ(question.header("access-control-allow-origin"), "");
    EXPECT_NE(question.body.find("allowed_hosts"), std::string::npos) << question.body;
    EXPECT_EQ(ask(*local_, "POST", "/", {{"Origin", origin}}).header("access-control-allow-origin"), "") << origin;
  }
}

TEST_F(CrossOriginTest, programs_notice_nothing) {
  const auto answer = ask("POST", "/", {});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
  EXPECT_EQ(ask("OPTIONS", "/", {{"Origin", "http://shop.example"}}).status, 400) << "that asks for nothing";
}

}  // namespace
}  // namespace millrace::http
