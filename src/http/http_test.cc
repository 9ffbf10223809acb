#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "http/client.h"
#include "http/server.h"

namespace millrace::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A plain socket, for requests that no well-behaved client sends.
class Wire {
 public:
  explicit Wire(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Wire() { close(); }
  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // Reads until what has come contains `text` (true), or the server closes or is silent for 5 s (false).
  bool receive_until(std::string_view text) {
    while (received_.find(text) == std::string::npos) {
      if (!receive_some()) return false;
    }
    return true;
  }
  std::string receive_to_end() {
    while (receive_some()) {
    }
    return received_;
  }
  bool closed_by_server() const { return ended_; }
  std::string& received() { return received_; }

 private:
  bool receive_some() {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 5000) != 1) return false;
    char bytes[65536];
    const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (n <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(bytes, static_cast<size_t>(n));
    return true;
  }

  int fd_;
  bool connected_;
  bool ended_ = false;
  std::string received_;
};

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

// A server on a thread of its own that answers what it was asked.
class HttpServer : public testing::Test {
 protected:
  ~HttpServer() override { stop(); }

  void serve(const ServerLimits& limits = {}) {
    reactor_ = std::move(Reactor::make().value());
    server_ = std::move(
        Server::listen(
            *reactor_, "127.0.0.1", 0, [this](const Request& r, Reply reply) { handle(r, std::move(reply)); }, limits)
            .value());
    port_ = server_->port();
    thread_ = std::thread([this] { reactor_->run(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    reactor_->stop();
    thread_.join();
    held_ = Reply();
    handled_.clear();
    stream_.reset();
    server_.reset();
    reactor_.reset();
  }

  // On the reactor's thread.
  void handle(const Request& request, Reply reply) {
    ++requests_;
    if (request.path == "/hold") {
      held_ = std::move(reply);
      held_promise_.set_value();
    } else if (request.path == "/gather") {
      handled_.push_back(std::move(reply));
    } else if (request.path == "/drop") {
    } else if (request.path == "/stream") {
      stream_ = reply.stream({.content_type = "text/event-stream"}, [this] { ++moved_; });
      stream_->write("data: first\n\n");
      stream_promise_.set_value();
    } else if (request.path == "/nothing") {
      reply.send({.status = 204});
    } else if (request.path == "/big") {
      reply.send({.content_type = "text/plain", .body = std::string(big_bytes_, 'x')});
    } else if (request.path == "/break") {
      reply.send({.headers = {{"X-Value", "a\r\nX-Injected: b"}}, .body = ""});
    } else {
      std::string body =
          fmt::format("{} {} [{}] {}", request.method, request.path, request.query, request.header("x-word"));
      body += '|';
      body += request.body;
      reply.send({.content_type = "text/plain", .headers = {{"X-Echo", "yes"}}, .body = std::move(body)});
    }
  }

  void on_reactor(std::function<void()> task) {
    std::promise<void> done;
    reactor_->post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  template <class Condition>
  static bool until(Condition holds) {
    for (int i = 0; i < 1'000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return holds();
  }

  Client client(int64_t timeout_ms = 5000) { return Client("127.0.0.1", port_, timeout_ms); }

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<int> requests_ = 0;
  size_t big_bytes_ = size_t{8} << 20;
  Reply held_;
  std::vector<Reply> handled_;
  std::promise<void> held_promise_;
  std::shared_ptr<Reply::Stream> stream_;
  std::promise<void> stream_promise_;
  std::atomic<int> moved_ = 0;
};

TEST_F(HttpServer, EchoesMethodPathQueryHeadersAndBody) {
  serve();
  auto c = client();
  const auto response = c.request("POST", "/a%20b?x=1&y=2", {{"X-Word", "hello"}}, "the body").value();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "POST /a%20b [x=1&y=2] hello|the body");
  EXPECT_EQ(response.header("x-echo"), "yes");
  EXPECT_EQ(response.header("content-type"), "text/plain");
  EXPECT_FALSE(response.header("date").empty());
}

TEST_F(HttpServer, OneConnectionServesManyRequests) {
  serve();
  auto c = client();
  for (int i = 0; i < 100; ++i) {
    const auto response = c.request("POST", "/n", {}, std::to_string(i)).value();
    EXPECT_EQ(response.body, fmt::format("POST /n [] |{}", i));
  }
  on_reactor([&] { EXPECT_EQ(server_->connections(), 1u); });
}

TEST_F(HttpServer, BodiesOfAllSizesArriveWhole) {
  serve();
  auto c = client();
  for (const size_t size : {0u, 1u, 16'000u, 16'384u, 65'536u, 1'000'000u, 15'000'000u}) {
    std::string body(size, 'b');
    for (size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
    const auto response = c.request("POST", "/", {}, body).value();
    EXPECT_TRUE(response.body == "POST / [] |" + body) << size;
  }
}

TEST_F(HttpServer, ARequestSplitIntoSingleBytesIsUnderstood) {
  serve();
  Wire wire(port_);
  const std::string request = "POST /slow?q HTTP/1.1\r\nHost: h\r\nX-Word: w\r\nContent-Length: 5\r\n\r\nhello";
  for (const char c : request) {
    wire.send({&c, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_TRUE(wire.receive_until("POST /slow [q] w|hello"));
}

TEST_F(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  serve();
  Wire wire(port_);
  std::string all;
  for (int i = 0; i < 200; ++i) all += fmt::format("POST /{} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", i);
  wire.send(all);
  ASSERT_TRUE(wire.receive_until("POST /199 [] |abc"));
  size_t at = 0;
  for (int i = 0; i < 200; ++i) {
    const size_t found = wire.received().find(fmt::format("POST /{} [] |abc", i));
    ASSERT_NE(found, std::string::npos);
    EXPECT_GE(found, at);
    at = found;
  }
}

TEST_F(HttpServer, ChunkedRequestsAreJoined) {
  serve();
  Wire wire(port_);
  const std::string request =
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n1;name=value\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
  wire.send(request);
  EXPECT_TRUE(wire.receive_until("POST /c [] |hello world"));
  EXPECT_TRUE(wire.receive_until("GET /next [] |"));
  for (const char c : request) {
    wire.send({&c, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  wire.received().clear();
  EXPECT_TRUE(wire.receive_until("GET /next [] |"));
}

// Beast's parser stopped the process at the fourth byte of the last chunk.
TEST_F(HttpServer, AnEmptyChunkedBodyMayComeInSingleBytes) {
  serve();
  Wire wire(port_);
  wire.send("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : std::string_view("0\r\n\r\n")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    wire.send({&c, 1});
  }
  EXPECT_TRUE(wire.receive_until("POST /c [] |"));
}

TEST_F(HttpServer, ALargeChunkedBodyArrivesWhole) {
  serve();
  Wire wire(port_);
  std::string request = "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string body;
  for (int i = 0; i < 300; ++i) {
    const std::string chunk(static_cast<size_t>(1 + i * 37), static_cast<char>('a' + i % 26));
    request += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
    body += chunk;
  }
  request += "0\r\n\r\n";
  std::thread sender([&] { wire.send(request); });
  EXPECT_TRUE(wire.receive_until("|" + body));
  sender.join();
}

TEST_F(HttpServer, ExpectationsAreAnsweredBeforeTheBody) {
  serve();
  Wire wire(port_);
  wire.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  ASSERT_TRUE(wire.receive_until("HTTP/1.1 100 Continue\r\n\r\n"));
  wire.send("body");
  EXPECT_TRUE(wire.receive_until("|body"));
  wire.received().clear();
  wire.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\nContent-Length: 4\r\n\r\n");
  EXPECT_TRUE(wire.receive_until("HTTP/1.1 417 "));
}

TEST_F(HttpServer, HeadGetsTheHeadersOnly) {
  serve();
  Wire wire(port_);
  wire.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(wire.receive_until("GET /y [] |"));
  EXPECT_EQ(count(wire.received(), "HEAD /x"), 0u);
  EXPECT_EQ(count(wire.received(), "Content-Length: 12\r\n"), 1u);
  auto c = client();
  EXPECT_EQ(c.request("HEAD", "/x", {}, "").value().header("content-length"), "12");
  EXPECT_EQ(c.request("GET", "/nothing", {}, "").value().status, 204);
  EXPECT_EQ(c.request("GET", "/y", {}, "").value().body, "GET /y [] |");
}

TEST_F(HttpServer, ConnectionCloseAndHttp10AreHonoured) {
  serve();
  Wire closing(port_);
  closing.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(closing.receive_to_end().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closing.closed_by_server());
  Wire old(port_);
  old.send("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_NE(old.receive_to_end().find("GET /x"), std::string::npos);
  EXPECT_TRUE(old.closed_by_server());
  Wire kept(port_);
  kept.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /y HTTP/1.0\r\n\r\n");
  EXPECT_NE(kept.receive_to_end().find("GET /y"), std::string::npos);
}

TEST_F(HttpServer, WhatAHookLetsInGetsAHookToo) {
  // As with a log that is flushed at the end of a turn and whose commit answers at once.
  serve();
  std::atomic<int> answered = 0;
  on_reactor([&] {
    reactor_->at_end_of_turn([&] {
      if (handled_.empty()) return;
      std::vector<Reply> replies;
      replies.swap(handled_);
      for (Reply& reply : replies) {
        ++answered;
        reply.send({.body = "flushed"});
      }
    });
  });
  Wire wire(port_);
  std::string all;
  for (int i = 0; i < 5; ++i) all += "GET /gather HTTP/1.1\r\nHost: h\r\n\r\n";
  wire.send(all + "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(wire.receive_until("GET /last"));
  EXPECT_EQ(answered, 5);
}

TEST_F(HttpServer, AClientThatStopsSendingStillGetsItsAnswer) {
  serve();
  Wire wire(port_);
  wire.send("GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
  wire.finish_sending();
  EXPECT_NE(wire.receive_to_end().find("GET /last"), std::string::npos);
  EXPECT_TRUE(wire.closed_by_server());
}

struct BadRequest {
  std::string name;
  std::string bytes;
  int status;
};
class HttpRefusal : public HttpServer, public testing::WithParamInterface<BadRequest> {};

TEST_P(HttpRefusal, IsAnsweredAndTheConnectionCloses) {
  serve({.header_bytes_max = 4096, .body_bytes_max = 1000});
  Wire wire(port_);
  wire.send(GetParam().bytes);
  const std::string answer = wire.receive_to_end();
  EXPECT_EQ(answer.substr(0, 13), fmt::format("HTTP/1.1 {} ", GetParam().status));
  EXPECT_EQ(count(answer, "HTTP/1.1 "), 1u) << answer;
  EXPECT_TRUE(wire.closed_by_server());
  EXPECT_EQ(requests_, 0);
  auto c = client();
  EXPECT_EQ(c.request("GET", "/well", {}, "").value().body, "GET /well [] |");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, HttpRefusal,
    testing::Values(
        BadRequest{"NotHttp", "hello there\r\n\r\n", 400},
        BadRequest{"Http3", "GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
        BadRequest{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        BadRequest{"FoldedHeader", "GET / HTTP/1.1\r\nHost: h\r\nX-A: one\r\n two\r\n\r\n", 400},
        BadRequest{"Gzip", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        BadRequest{"GzipChunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                   501},
        BadRequest{"LengthAndChunked",
                   "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"ChunkedAndLength",
                   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"TwoLengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                   400},
        BadRequest{"NegativeLength", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabcd", 400},
        BadRequest{"BodyTooLarge",
                   "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'), 413},
        BadRequest{"HugeLength", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n", 413},
        BadRequest{"ChunksTooLarge",
                   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + std::string(0x200, 'x') +
                       "\r\n200\r\n" + std::string(0x200, 'x') + "\r\n0\r\n\r\n",
                   413},
        BadRequest{"BadChunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", 400},
        BadRequest{"EndlessChunkHead",
                   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(10'000, 'x'),
                   431},
        BadRequest{"HeadersTooLarge", "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + std::string(5000, 'x') + "\r\n\r\n", 431},
        BadRequest{"ManyHeaders",
                   [] {
                     std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n";
                     for (int i = 0; i < 1000; ++i) bytes += fmt::format("X-{}: {}\r\n", i, i);
                     return bytes + "\r\n";
                   }(),
                   431},
        BadRequest{"EndlessTarget", "GET /" + std::string(10'000, 'x'), 431}),
    [](const auto& info) { return info.param.name; });

TEST_F(HttpServer, ARefusalHasTheFormThatTheApplicationGivesIt) {
  ServerLimits limits;
  limits.body_bytes_max = 10;
  limits.refusal = [](int status, std::string_view reason) {
    return Response{.content_type = "application/json", .body = fmt::format("{{\"{}\":\"{}\"}}", status, reason)};
  };
  serve(limits);
  auto c = client();
  // Larger than the socket's buffers: the server has to read on for the client to see the answer.
  const auto response = c.request("POST", "/", {}, std::string(20'000'000, 'x')).value();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body, "{\"413\":\"the request's body is too large\"}");
}

TEST_F(HttpServer, ASlowRequestIsAnswered408) {
  serve({.request_ms_max = 50});
  Wire wire(port_);
  wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_EQ(wire.receive_to_end().substr(0, 13), "HTTP/1.1 408 ");
  EXPECT_TRUE(wire.closed_by_server());
}

TEST_F(HttpServer, AnIdleConnectionIsClosed) {
  serve({.idle_ms_max = 50});
  Wire wire(port_);
  wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  wire.receive_to_end();
  EXPECT_TRUE(wire.closed_by_server());
  EXPECT_EQ(count(wire.received(), "HTTP/1.1 200 OK"), 1u);
}

TEST_F(HttpServer, AClientSurvivesThatItsIdleConnectionWasClosed) {
  serve({.idle_ms_max = 50});
  auto c = client();
  EXPECT_EQ(c.request("POST", "/a", {}, "1").value().status, 200);
  Wire(port_).receive_to_end();  // the time of an idle connection
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(c.request("POST", "/b", {}, "2").value().body, "POST /b [] |2");
}

TEST_F(HttpServer, ABigAnswerReachesASlowReader) {
  serve();
  Wire wire(port_);
  wire.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(wire.receive_until("GET /after [] |"));
  EXPECT_EQ(count(wire.received(), std::string(1024, 'x')), big_bytes_ / 1024);
}

TEST_F(HttpServer, AnAnswerMayComeLaterFromAnotherThread) {
  serve();
  Wire wire(port_);
  wire.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n");
  held_promise_.get_future().wait();
  EXPECT_EQ(requests_, 1);  // what is pipelined waits
  held_.send({.body = "at last"});
  EXPECT_TRUE(wire.receive_until("at last"));
  EXPECT_TRUE(wire.receive_until("GET /after"));
}

TEST_F(HttpServer, AnAnswerToAClientThatHasGoneIsDropped) {
  serve();
  Wire wire(port_);
  wire.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  held_promise_.get_future().wait();
  on_reactor([&] { EXPECT_FALSE(held_.client_gone()); });
  wire.close();
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    on_reactor([&] { gone = held_.client_gone(); });
  }
  EXPECT_TRUE(gone);
  held_.send({.body = "nobody"});
  auto c = client();
  EXPECT_EQ(c.request("GET", "/well", {}, "").value().status, 200);
}

TEST_F(HttpServer, AnUnansweredRequestGets500) {
  serve();
  auto c = client();
  EXPECT_EQ(c.request("GET", "/drop", {}, "").value().status, 500);
  EXPECT_EQ(c.request("GET", "/well", {}, "").value().status, 200);
}

TEST_F(HttpServer, ALineBreakInAHeaderMakesNoNewHeader) {
  serve();
  auto c = client();
  EXPECT_EQ(c.request("GET", "/break", {}, "").value().header("x-injected"), "");
}

TEST_F(HttpServer, AStreamGoesOnUntilItIsDropped) {
  serve();
  Wire wire(port_);
  wire.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(wire.receive_until("data: first\n\n"));
  EXPECT_NE(wire.received().find("Content-Type: text/event-stream\r\n"), std::string::npos);
  stream_promise_.get_future().wait();
  EXPECT_TRUE(stream_->write("data: from elsewhere\n\n"));
  ASSERT_TRUE(wire.receive_until("data: from elsewhere\n\n"));
  on_reactor([&] { EXPECT_TRUE(stream_->write("data: from here\n\n")); });
  ASSERT_TRUE(wire.receive_until("data: from here\n\n"));
  stream_.reset();
  ASSERT_TRUE(wire.receive_until("\r\n0\r\n\r\n"));
  wire.send("GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(wire.receive_until("GET /after"));
}

TEST_F(HttpServer, AStreamWhoseReaderIsSlowOrGoneSaysSo) {
  serve({.stream_pending_bytes_max = 100'000});
  {
    Wire wire(port_);
    wire.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(wire.receive_until("data: first\n\n"));
    stream_promise_.get_future().wait();
    int written = 0;
    const std::string chunk(10'000, 'x');
    while (written < 100'000 && stream_->write(chunk)) {
      ++written;
      if (written % 8 == 0) on_reactor([] {});
    }
    EXPECT_LT(written, 100'000);
  }
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    gone = !stream_->write("y");
  }
  EXPECT_TRUE(gone);
}

TEST_F(HttpServer, a_chunk_of_any_size_may_be_written_where_nothing_waits) {
  serve({.stream_pending_bytes_max = 1'000});
  Wire wire(port_);
  wire.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(wire.receive_until("data: first\n\n"));
  stream_promise_.get_future().wait();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(until([&] { return stream_->pending() == 0; }));
    const int moved = moved_;
    EXPECT_TRUE(stream_->write(std::string(big_bytes_, 'x')));
    EXPECT_FALSE(stream_->write(std::string(1'000, 'x'))) << "its reader is slow";
    EXPECT_GT(stream_->pending(), 1'000U);
    EXPECT_FALSE(stream_->gone());
    ASSERT_TRUE(wire.receive_until("xxxx\r\n"));
    wire.received().clear();
    EXPECT_TRUE(until([&] { return moved_ == moved + 1; })) << "who waits for it is told, once";
  }
}

TEST_F(HttpServer, who_leaves_a_stream_is_noticed_without_a_write) {
  serve();
  {
    Wire wire(port_);
    wire.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(wire.receive_until("data: first\n\n"));
    stream_promise_.get_future().wait();
    ASSERT_TRUE(until([&] { return stream_->pending() == 0; }));
    moved_ = 0;
    EXPECT_FALSE(stream_->gone());
  }
  EXPECT_TRUE(until([&] { return stream_->gone(); }));
  EXPECT_TRUE(until([&] { return moved_ == 1; }));
}

TEST_F(HttpServer, an_unread_stream_counts_in_the_budget_of_all_answers) {
  serve({.answer_bytes_max = size_t{4} << 20});
  Wire wire(port_);
  wire.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(wire.receive_until("data: first\n\n"));
  stream_promise_.get_future().wait();
  ASSERT_TRUE(until([&] { return stream_->pending() == 0; }));
  EXPECT_TRUE(stream_->write(std::string(size_t{16} << 20, 'x')));
  on_reactor([] {});
  EXPECT_EQ(client().request("GET", "/a", {}, "").value().status, 503);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(client().request("GET", "/a", {}, "").value().status, 200) << "the slow reader was closed for it";
  EXPECT_TRUE(stream_->gone());
}

TEST_F(HttpServer, ConnectionsBeyondTheLimitAreTurnedAway) {
  serve({.connections_max = 2});
  // Both have begun a request, so none may be closed for another.
  Wire first(port_), second(port_);
  first.send("GET /1 HTTP/1.1\r\n");
  second.send("GET /2 HTTP/1.1\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  Wire third(port_);
  EXPECT_EQ(third.receive_to_end().substr(0, 13), "HTTP/1.1 503 ");
  first.close();
  bool served = false;
  for (int i = 0; i < 500 && !served; ++i) {
    Wire fourth(port_);
    fourth.send("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    served = fourth.receive_until("GET /4");
  }
  EXPECT_TRUE(served);
}

TEST_F(HttpServer, TheConnectionThatHasBeenIdleLongestMakesRoomForANewOne) {
  serve({.connections_max = 2});
  Wire first(port_), second(port_);
  for (Wire* wire : {&first, &second}) {
    wire->send("GET /asked HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(wire->receive_until("GET /asked"));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  first.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(first.receive_until("GET /again"));
  Wire third(port_);
  third.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(third.receive_until("GET /3"));
  second.send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(second.receive_until("GET /gone"));
  first.send("GET /still HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(first.receive_until("GET /still"));
}

TEST_F(HttpServer, AConnectionThatNeverAsksIsClosedSoon) {
  serve({.first_request_ms_max = 50});
  Wire silent(port_);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.receive_to_end(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "not closed, only silent";
}

TEST_F(HttpServer, BytesBeingReceivedAreBoundedOverAllConnections) {
  serve({.buffered_bytes_max = 3'000'000});
  Wire first(port_);
  first.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\nbegin");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.send("more");  // room for the whole body is made when more than its beginning arrives
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  auto c = client();
  EXPECT_EQ(c.request("POST", "/", {}, std::string(2'000'000, 'x')).value().status, 503);
  EXPECT_EQ(c.request("POST", "/small", {}, "x").value().status, 200);
  first.send(std::string(2'000'000 - 9, 'x'));
  EXPECT_TRUE(first.receive_until("|beginmore"));
}

TEST_F(HttpServer, AnswersThatNobodyReadsAreBoundedOverAllConnections) {
  constexpr size_t answer_bytes = 12'000'000;  // more than the sockets' buffers take
  serve({.answer_bytes_max = 15'000'000});
  const std::string request = fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", answer_bytes) +
                              std::string(answer_bytes, 'x');
  Wire first(port_), second(port_), third(port_);
  first.send(request);
  second.send(request);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  third.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(third.receive_until("HTTP/1.1 503 ")) << "both answers are young, and there is no room";
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  Wire fourth(port_);
  fourth.send("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(fourth.receive_until("GET /4")) << "the slowest reader has made room";
  EXPECT_LT(first.receive_to_end().size(), answer_bytes);
  EXPECT_GT(second.receive_to_end().size(), answer_bytes);
}

TEST_F(HttpServer, ATakenPortIsNamed) {
  serve();
  auto other = Reactor::make().value();
  const auto second = Server::listen(*other, "127.0.0.1", port_, [](const Request&, Reply) {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::in_use);
  EXPECT_NE(second.error().message.find(std::to_string(port_)), std::string::npos);
  EXPECT_NE(second.error().message.find("choose another port"), std::string::npos);
}

TEST_F(HttpServer, RandomBytesNeverHarmIt) {
  serve({.header_bytes_max = 2000, .body_bytes_max = 5000});
  const unsigned seed = 20261101;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const std::string_view pieces[] = {"GET ",
                                     "POST / HTTP/1.1\r\n",
                                     "Host: h\r\n",
                                     "\r\n",
                                     "Content-Length: 5\r\n",
                                     "Transfer-Encoding: chunked\r\n",
                                     "5\r\nhello\r\n",
                                     "0\r\n",
                                     "0\r\n\r\n",
                                     "hello",
                                     " ",
                                     "\r",
                                     "\n",
                                     ":",
                                     "X: y\r\n z\r\n",
                                     "Connection: close\r\n",
                                     "\x80\xff",
                                     "ffffffffffffffff\r\n",
                                     "Expect: 100-continue\r\n",
                                     "HTTP/1.1"};
  for (int round = 0; round < 300; ++round) {
    Wire wire(port_);
    std::string bytes = random() % 2 ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" : "";
    for (unsigned i = random() % 30; i > 0; --i) bytes += pieces[random() % std::size(pieces)];
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = 1 + random() % 40;
      wire.send(std::string_view(bytes).substr(at, size));
      at += size;
    }
  }
  auto c = client();
  EXPECT_EQ(c.request("GET", "/well", {}, "").value().body, "GET /well [] |");
}

TEST(HttpClient, SaysThatNobodyListens) {
  auto reactor = Reactor::make().value();
  uint16_t port;
  {
    const auto server = Server::listen(*reactor, "127.0.0.1", 0, [](const Request&, Reply) {}).value();
    port = server->port();
  }
  Client client("127.0.0.1", port, 1000);
  const auto response = client.request("GET", "/", {}, "");
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
}

TEST_F(HttpServer, AClientGivesUpAfterItsTimeout) {
  serve();
  auto c = client(50);
  const auto response = c.request("GET", "/hold", {}, "");
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(requests_, 1);
}

TEST(Reactor, RunsTasksTimersAndHooksInTheirTurn) {
  auto reactor = Reactor::make().value();
  std::vector<std::string> order;
  reactor->at_end_of_turn([&] { order.push_back("hook"); });
  reactor->post([&] {
    EXPECT_TRUE(reactor->on_thread());
    order.push_back("first");
    reactor->post([&] { order.push_back("second"); });
    const uint64_t cancelled = reactor->after_ms(1, [&] { order.push_back("never"); });
    reactor->after_ms(20, [&] {
      order.push_back("timer");
      reactor->post([&] { reactor->stop(); });
    });
    reactor->cancel(cancelled);
  });
  EXPECT_FALSE(reactor->on_thread());
  reactor->run();
  EXPECT_EQ(order, (std::vector<std::string>{"first", "hook", "second", "hook", "timer", "hook", "hook"}));
}

TEST(Reactor, TasksFromManyThreadsAllRun) {
  auto reactor = Reactor::make().value();
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        reactor->post([&] {
          if (++ran == 4000) reactor->stop();
        });
      }
    });
  }
  reactor->run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, 4000);
}

TEST(Reactor, WatchesAFileUntilToldNotTo) {
  auto reactor = Reactor::make().value();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  int ready = 0;
  reactor->watch(ends[0], [&] {
    char byte;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    if (++ready == 2) {
      reactor->unwatch(ends[0]);
      reactor->after_ms(5, [&] { reactor->stop(); });
    }
  });
  ASSERT_EQ(::write(ends[1], "abc", 3), 3);
  reactor->run();
  EXPECT_EQ(ready, 2);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace millrace::http
