// Goal: HTTP/2 on the port of HTTP/1.1 serves the same handler, many requests at once, and keeps its bounds whatever a
// client sends.
// Method: nghttp2 as a client over a real socket; frames by hand where no library would send them.

#include "http/http2_connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <map>
#include <thread>

#include "http/client.h"
#include "http/server.h"

namespace millrace::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  std::vector<int> statuses;  // 1xx, too
  std::map<std::string, std::string> headers;
  std::string body;
  bool closed = false;
  uint32_t error = 0;
  int status() const { return statuses.empty() ? 0 : statuses.back(); }
};

// A client's side of a connection.
class Peer {
 public:
  static constexpr int patience_ms = 5'000;

  explicit Peer(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
          Answer& answer = static_cast<Peer*>(user)->answers[frame->hd.stream_id];
          const std::string key(name, name + name_size);
          const std::string text(value, value + value_size);
          if (key == ":status") {
            answer.statuses.push_back(std::stoi(text));
          } else {
            answer.headers[key] = text;
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes, size_t size, void* user) {
          static_cast<Peer*>(user)->answers[stream].body.append(reinterpret_cast<const char*>(bytes), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t stream, uint32_t error, void* user) {
          Answer& answer = static_cast<Peer*>(user)->answers[stream];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          if (frame->hd.type == NGHTTP2_GOAWAY) static_cast<Peer*>(user)->goodbye = frame->goaway.error_code;
          return 0;
        });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    // What the server allows is not to be kept here.
    nghttp2_option_set_peer_max_concurrent_streams(options, 1'000'000);
    nghttp2_session_client_new2(&session_, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
  }
  ~Peer() {
    nghttp2_session_del(session_);
    ::close(fd_);
  }

  void greet(uint32_t window = 65'535) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
    greeted_ = true;
  }

  int32_t ask(const std::string& method, const std::string& path, const Headers& headers = {}, std::string body = {},
              bool ends = true) {
    std::vector<nghttp2_nv> fields;
    const auto add = [&](const std::string& name, const std::string& value) {
      fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NO_INDEX});
    };
    const Headers pseudo = {{":method", method}, {":scheme", "http"}, {":authority", "server:1"}, {":path", path}};
    for (const auto& [name, value] : pseudo) add(name, value);
    for (const auto& [name, value] : headers) add(name, value);
    nghttp2_data_provider provider{};
    auto sent = std::make_unique<Sent>(std::move(body), ends);
    provider.source.ptr = sent.get();
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* to, size_t room, uint32_t* flags,
                                nghttp2_data_source* source, void*) -> ssize_t {
      Sent& from = *static_cast<Sent*>(source->ptr);
      const size_t bytes = std::min(room, from.body.size() - from.at);
      if (bytes == 0) return NGHTTP2_ERR_DEFERRED;
      std::copy_n(from.body.data() + from.at, bytes, to);
      from.at += bytes;
      if (from.ends && from.at == from.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(bytes);
    };
    const bool with_body = !sent->body.empty();
    sent_.push_back(std::move(sent));
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), with_body ? &provider : nullptr,
                                  nullptr);
  }

  // Lets that many more bytes of an answer come.
  void widen(int32_t stream, int32_t bytes) {
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, stream, bytes);
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, 0, bytes);
  }
  void reset(int32_t stream) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL); }

  // Sends and receives until that is so (true), the server has closed, or time is up (false).
  bool until(const std::function<bool()>& done) {
    const auto begin = std::chrono::steady_clock::now();
    while (!done()) {
      send_out();
      if (done()) break;
      if (std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(patience_ms)) return false;
      const bool more = unsent_at_ < unsent_.size();
      pollfd waiting{fd_, static_cast<short>(POLLIN | (more ? POLLOUT : 0)), 0};
      if (::poll(&waiting, 1, 50) <= 0 || (waiting.revents & (POLLIN | POLLHUP)) == 0) continue;
      char bytes[65'536];
      const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (n <= 0) {
        closed_by_server = true;
        return done();
      }
      nghttp2_session_mem_recv(session_, reinterpret_cast<uint8_t*>(bytes), static_cast<size_t>(n));
    }
    return true;
  }
  bool until_closed(int32_t stream) {
    return until([&] { return answers[stream].closed; });
  }
  const Answer& fetch(const std::string& method, const std::string& path, const Headers& headers = {},
                      std::string body = {}) {
    const int32_t stream = ask(method, path, headers, std::move(body));
    EXPECT_TRUE(until_closed(stream)) << path;
    return answers[stream];
  }

  // Bytes of the test's own, all of them or until the server closes.
  void send_raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  bool until_server_closes() {
    until([] { return false; });
    return closed_by_server;
  }
  // The preface and SETTINGS, to go on by hand.
  void greet_raw() {
    greet();
    send_out();
  }

  std::map<int32_t, Answer> answers;
  std::optional<uint32_t> goodbye;
  bool closed_by_server = false;

 private:
  struct Sent {
    std::string body;
    bool ends;
    size_t at = 0;
  };

  void send_out() {
    while (greeted_) {
      if (unsent_at_ == unsent_.size()) {
        const uint8_t* bytes = nullptr;
        const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
        if (n <= 0) return;
        unsent_.assign(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
        unsent_at_ = 0;
      }
      const ssize_t n =
          ::send(fd_, unsent_.data() + unsent_at_, unsent_.size() - unsent_at_, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) return;
      unsent_at_ += static_cast<size_t>(n);
    }
  }

  int fd_;
  nghttp2_session* session_ = nullptr;
  bool greeted_ = false;
  std::vector<std::unique_ptr<Sent>> sent_;
  std::string unsent_;
  size_t unsent_at_ = 0;
};

// RFC 9113, 4.1.
std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  out += payload;
  return out;
}

// HPACK: POST, http, "/" by the static table, and an authority.
const std::string post = "\x83\x86\x84\x41\x01h";
const std::string get = "\x82\x86\x84\x41\x01h";

class Http2Test : public testing::Test {
 protected:
  ~Http2Test() override { stop(); }

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
    held_.clear();
    stream_.reset();
    server_.reset();
    reactor_.reset();
  }

  // On the reactor's thread.
  void handle(const Request& request, Reply reply) {
    ++requests_;
    if (request.path == "/hold") {
      held_.push_back(std::move(reply));
    } else if (request.path == "/stream") {
      stream_ = reply.stream({.content_type = "text/event-stream", .body = "head "}, [this] { ++moved_; });
      stream_->write("first ");
    } else if (request.path == "/nothing") {
      reply.send({.status = 204});
    } else if (request.path == "/big") {
      reply.send({.content_type = "text/plain", .body = std::string(big_bytes, 'x')});
    } else if (request.path == "/break") {
      reply.send({.headers = {{"X-Value", "a\r\nb"}}, .body = ""});
    } else {
      std::string body = fmt::format("{} {} [{}] {} {}|", request.method, request.path, request.query,
                                     request.header("host"), request.header("x-word"));
      body += request.body;
      reply.send({.content_type = "text/plain", .headers = {{"X-Echo", "yes"}}, .body = std::move(body)});
    }
  }

  void on_reactor(const std::function<void()>& task) {
    std::promise<void> done;
    reactor_->post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  template <class Value>
  Value of_reactor(const std::function<Value()>& task) {
    Value value{};
    on_reactor([&] { value = task(); });
    return value;
  }
  bool until_requests(int count) {
    for (int i = 0; i < 500 && requests_ < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return requests_ >= count;
  }
  bool others_are_served() {
    Client client("127.0.0.1", port_, 5'000);
    const auto response = client.request("GET", "/well", {}, "");
    return response && response->status == 200;
  }

  static constexpr size_t big_bytes = size_t{8} << 20;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<int> requests_ = 0;
  std::vector<Reply> held_;
  std::shared_ptr<Reply::Stream> stream_;
  std::atomic<int> moved_ = 0;
};

TEST_F(Http2Test, serves_the_same_handler_on_the_same_port) {
  serve();
  Peer peer(port_);
  peer.greet();
  const Answer& answer = peer.fetch("POST", "/a%20b?x=1&y=2", {{"x-word", "hello"}}, "the body");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "POST /a%20b [x=1&y=2] server:1 hello|the body");
  EXPECT_EQ(answer.headers.at("x-echo"), "yes");
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain");
  EXPECT_EQ(answer.headers.at("content-length"), std::to_string(answer.body.size()));
  EXPECT_FALSE(answer.headers.at("date").empty());
  EXPECT_EQ(peer.fetch("GET", "/break").headers.at("x-value"), "a  b");
  EXPECT_TRUE(others_are_served()) << "in HTTP/1.1";
}

TEST_F(Http2Test, is_recognised_byte_by_byte) {
  serve();
  Peer peer(port_);
  const std::string bytes = std::string(NGHTTP2_CLIENT_MAGIC) + frame(NGHTTP2_SETTINGS, 0, 0, "") +
                            frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, get);
  for (const char c : bytes) {
    peer.send_raw({&c, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_TRUE(until_requests(1));
}

TEST_F(Http2Test, answers_many_requests_at_once_in_any_order) {
  serve();
  Peer peer(port_);
  peer.greet();
  const int32_t held = peer.ask("GET", "/hold");
  std::vector<int32_t> streams;
  for (int i = 0; i < 200; ++i) streams.push_back(peer.ask("POST", fmt::format("/{}", i), {}, std::to_string(i)));
  for (int i = 0; i < 200; ++i) {
    const int32_t stream = streams[static_cast<size_t>(i)];
    ASSERT_TRUE(peer.until_closed(stream));
    EXPECT_EQ(peer.answers[stream].body, fmt::format("POST /{} [] server:1 |{}", i, i));
  }
  EXPECT_FALSE(peer.answers[held].closed);
  std::thread elsewhere([&] { held_.at(0).send({.body = "at last"}); });
  elsewhere.join();
  EXPECT_TRUE(peer.until_closed(held));
  EXPECT_EQ(peer.answers[held].body, "at last");
}

TEST_F(Http2Test, bodies_of_all_sizes_arrive_whole) {
  serve();
  Peer peer(port_);
  peer.greet();
  for (const size_t size : {1u, 16'384u, 65'536u, 1'000'000u, 15'000'000u}) {
    std::string body(size, 'b');
    for (size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
    for (const bool with_length : {false, true}) {
      const Headers headers = with_length ? Headers{{"content-length", std::to_string(size)}} : Headers{};
      const Answer& answer = peer.fetch("POST", "/", headers, body);
      EXPECT_TRUE(answer.body == "POST / [] server:1 |" + body) << size;
    }
  }
}

TEST_F(Http2Test, a_large_answer_does_not_delay_a_small_one) {
  serve();
  Peer peer(port_);
  peer.greet(1 << 30);
  const int32_t large = peer.ask("GET", "/big");
  const int32_t small = peer.ask("GET", "/small");
  ASSERT_TRUE(peer.until_closed(small));
  EXPECT_LT(peer.answers[large].body.size(), big_bytes);
  ASSERT_TRUE(peer.until_closed(large));
  EXPECT_EQ(peer.answers[large].body.size(), big_bytes);
}

TEST_F(Http2Test, head_and_no_content_have_no_body) {
  serve();
  Peer peer(port_);
  peer.greet();
  const Answer& head = peer.fetch("HEAD", "/x");
  EXPECT_EQ(head.headers.at("content-length"), "21");
  EXPECT_EQ(head.body, "");
  const Answer& nothing = peer.fetch("GET", "/nothing");
  EXPECT_EQ(nothing.status(), 204);
  EXPECT_FALSE(nothing.headers.contains("content-length"));
}

TEST_F(Http2Test, a_streamed_answer_comes_in_parts_and_ends) {
  serve();
  Peer peer(port_);
  peer.greet();
  const int32_t stream = peer.ask("GET", "/stream");
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].body == "head first "; }));
  EXPECT_EQ(peer.answers[stream].headers.at("content-type"), "text/event-stream");
  EXPECT_TRUE(stream_->write("second ")) << "from another thread";
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].body == "head first second "; }));
  on_reactor([&] {
    EXPECT_TRUE(stream_->write("third"));
    stream_.reset();
  });
  ASSERT_TRUE(peer.until_closed(stream));
  EXPECT_EQ(peer.answers[stream].body, "head first second third");
  EXPECT_EQ(peer.answers[stream].error, 0U);
}

TEST_F(Http2Test, who_reads_nothing_of_a_stream_is_given_no_more) {
  serve({.stream_pending_bytes_max = 100'000});
  Peer peer(port_);
  peer.greet(0);
  const int32_t stream = peer.ask("GET", "/stream");
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].status() == 200; }));
  const std::string chunk(10'000, 'c');
  int taken = 0;
  on_reactor([&] {
    while (taken < 100 && stream_->write(chunk)) ++taken;
  });
  EXPECT_EQ(taken, 9);
  EXPECT_EQ(peer.fetch("HEAD", "/other").status(), 200);
}

TEST_F(Http2Test, an_endless_answer_is_read_as_fast_as_its_reader_likes) {
  serve({.request_ms_max = 100, .stream_pending_bytes_max = 1'000});
  Peer peer(port_);
  peer.greet(11);
  const int32_t stream = peer.ask("GET", "/stream");
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].body == "head first "; }));
  const std::string chunk(100'000, 'c');
  EXPECT_TRUE(stream_->write(chunk)) << "nothing waits, so it may be of any size";
  EXPECT_FALSE(stream_->write("more"));
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(400)); };
  pause();
  EXPECT_EQ(stream_->pending(), chunk.size());
  EXPECT_FALSE(stream_->gone());
  moved_ = 0;
  peer.widen(stream, static_cast<int32_t>(chunk.size()));
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].body == "head first " + chunk; }));
  EXPECT_EQ(stream_->pending(), 0U);
  EXPECT_EQ(moved_, 1);
  peer.reset(stream);
  EXPECT_EQ(peer.fetch("HEAD", "/after").status(), 200);
  EXPECT_TRUE(stream_->gone());
  EXPECT_EQ(moved_, 2);
}

TEST_F(Http2Test, a_client_that_gives_up_is_gone) {
  serve();
  Peer peer(port_);
  peer.greet();
  const int32_t held = peer.ask("GET", "/hold");
  const int32_t streamed = peer.ask("GET", "/stream");
  ASSERT_TRUE(peer.until([&] { return peer.answers[streamed].status() == 200; }));
  ASSERT_TRUE(until_requests(2));
  EXPECT_FALSE(of_reactor<bool>([&] { return held_.at(0).client_gone(); }));
  peer.reset(held);
  peer.reset(streamed);
  EXPECT_EQ(peer.fetch("HEAD", "/after").status(), 200);
  EXPECT_TRUE(of_reactor<bool>([&] { return held_.at(0).client_gone(); }));
  EXPECT_FALSE(of_reactor<bool>([&] { return stream_->write("more"); }));
  on_reactor([&] { held_.at(0).send({.body = "too late"}); });
  EXPECT_EQ(peer.fetch("HEAD", "/after").status(), 200);
}

TEST_F(Http2Test, refuses_a_request_and_goes_on_with_the_connection) {
  serve({.header_bytes_max = 4'096, .body_bytes_max = 1'000});
  Peer peer(port_);
  peer.greet();
  EXPECT_EQ(peer.fetch("POST", "/", {{"content-length", "1001"}}, std::string(1'001, 'x')).status(), 413);
  EXPECT_EQ(peer.fetch("POST", "/", {}, std::string(5'000'000, 'x')).status(), 413) << "no length is said";
  EXPECT_EQ(peer.fetch("GET", "/", {{"x-a", std::string(5'000, 'x')}}).status(), 431);
  Headers many;
  for (int i = 0; i < 200; ++i) many.emplace_back(fmt::format("x-{}", i), "v");
  EXPECT_EQ(peer.fetch("GET", "/", many).status(), 431);
  EXPECT_EQ(peer.fetch("GET", "/" + std::string(5'000, 'x')).status(), 431);
  EXPECT_EQ(requests_, 0);
  EXPECT_EQ(peer.fetch("POST", "/", {}, std::string(1'000, 'x')).status(), 200);
}

TEST_F(Http2Test, headers_of_requests_that_do_not_end_are_bounded_together) {
  serve({.buffered_bytes_max = 200'000});
  Peer peer(port_);
  peer.greet();
  std::vector<int32_t> streams;
  for (int i = 0; i < 10; ++i) {
    streams.push_back(peer.ask("POST", "/", {{"x-a", std::string(30'000, 'x')}}, "body", false));
  }
  ASSERT_TRUE(peer.until_closed(streams.back()));
  EXPECT_EQ(peer.answers[streams.back()].status(), 503);
  EXPECT_EQ(requests_, 0);
  for (const int32_t stream : streams) peer.reset(stream);
  EXPECT_EQ(peer.fetch("POST", "/", {{"x-a", std::string(30'000, 'x')}}, "body").status(), 200) << "they are gone";
}

TEST_F(Http2Test, says_that_a_body_may_come) {
  serve();
  Peer peer(port_);
  peer.greet();
  const Answer& answer = peer.fetch("POST", "/", {{"expect", "100-continue"}}, "body");
  EXPECT_EQ(answer.statuses, (std::vector<int>{100, 200}));
}

TEST_F(Http2Test, more_streams_than_allowed_are_refused) {
  serve();
  Peer peer(port_);
  peer.greet();
  std::vector<int32_t> streams;
  for (int i = 0; i < 300; ++i) streams.push_back(peer.ask("GET", "/hold"));
  const auto refused = [&] {
    return std::ranges::count_if(streams, [&](int32_t id) {
      return peer.answers[id].closed && peer.answers[id].error == NGHTTP2_REFUSED_STREAM;
    });
  };
  EXPECT_TRUE(peer.until([&] { return refused() == 300 - Http2Connection::streams_max; }));
  EXPECT_TRUE(until_requests(Http2Connection::streams_max));
  on_reactor([&] { held_.clear(); });
  EXPECT_TRUE(peer.until_closed(streams[0]));
  EXPECT_EQ(peer.answers[streams[0]].status(), 500) << "what nobody answers";
}

// CVE-2023-44487.
TEST_F(Http2Test, rapid_resets_do_not_pile_up_work) {
  serve();
  Peer peer(port_);
  peer.greet_raw();
  std::string all;
  for (uint32_t i = 0; i < 20'000; ++i) {
    const std::string path = "\x44\x05/hold";  // instead of "/"
    all += frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 2 * i + 1,
                 "\x82\x86" + path + "\x41\x01h");
    all += frame(NGHTTP2_RST_STREAM, 0, 2 * i + 1, std::string_view("\0\0\0\x08", 4));
  }
  peer.send_raw(all);
  EXPECT_TRUE(peer.until_server_closes());
  EXPECT_LE(requests_, static_cast<int>(Http2Connection::streams_max));
  EXPECT_TRUE(others_are_served());
}

struct Flood {
  std::string name;
  std::string bytes;  // sent again and again
};
class Http2Flood : public Http2Test, public testing::WithParamInterface<Flood> {};

TEST_P(Http2Flood, ends_the_connection) {
  serve();
  Peer peer(port_);
  peer.greet_raw();
  peer.send_raw(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, post));
  std::string all;
  while (all.size() < size_t{2} << 20) all += GetParam().bytes;
  peer.send_raw(all);
  EXPECT_TRUE(peer.until_server_closes());
  EXPECT_TRUE(others_are_served());
}

// A header of 4,000 bytes into the table, then one byte for each time that it is meant again.
std::string header_bomb() {
  std::string block = get;
  block += std::string("\x40\x01") + 'x' + std::string("\x7f\xa1\x1e") + std::string(4'000, 'v');
  block += std::string(10'000, '\xbe');
  return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3, block);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Http2Flood,
    testing::Values(
        Flood{"Ping", frame(NGHTTP2_PING, 0, 0, "12345678")}, Flood{"Settings", frame(NGHTTP2_SETTINGS, 0, 0, "")},
        Flood{"Priority", frame(NGHTTP2_PRIORITY, 0, 1, std::string_view("\0\0\0\0\x10", 5))},
        Flood{"EmptyData", frame(NGHTTP2_DATA, 0, 1, "")},
        Flood{"Continuation", frame(NGHTTP2_HEADERS, 0, 3, get) + frame(NGHTTP2_CONTINUATION, 0, 3, "\x40\x01x\x01y")},
        Flood{"EmptyContinuation", frame(NGHTTP2_HEADERS, 0, 3, get) + frame(NGHTTP2_CONTINUATION, 0, 3, "") +
                                       frame(NGHTTP2_CONTINUATION, 0, 3, "") + frame(NGHTTP2_CONTINUATION, 0, 3, "")},
        Flood{"HeaderBomb", header_bomb()}, Flood{"Garbage", "what is no frame "},
        Flood{"TooLongFrame", frame(NGHTTP2_DATA, 0, 1, std::string(100'000, 'x'))}),
    [](const auto& info) { return info.param.name; });

TEST_F(Http2Test, an_endless_header_block_ends_the_connection) {
  serve();
  Peer peer(port_);
  peer.greet_raw();
  peer.send_raw(frame(NGHTTP2_HEADERS, 0, 1, get));
  for (int i = 0; i < 1'000; ++i) peer.send_raw(frame(NGHTTP2_CONTINUATION, 0, 1, std::string("\x00\x01x\x01y", 5)));
  EXPECT_TRUE(peer.until_server_closes());
  EXPECT_TRUE(others_are_served());
}

TEST_F(Http2Test, says_goodbye_to_who_is_idle) {
  serve({.idle_ms_max = 100});
  Peer peer(port_);
  peer.greet();
  EXPECT_EQ(peer.fetch("GET", "/x").status(), 200);
  EXPECT_TRUE(peer.until_server_closes());
  EXPECT_EQ(peer.goodbye, std::optional<uint32_t>(NGHTTP2_NO_ERROR));
}

TEST_F(Http2Test, a_preface_alone_does_not_keep_a_connection) {
  serve({.first_request_ms_max = 100, .idle_ms_max = 10'000});
  Peer peer(port_);
  peer.send_raw("PRI * HTTP/2.0\r\n");
  EXPECT_TRUE(peer.until_server_closes());
  Peer undecided(port_);
  undecided.send_raw("PR");
  EXPECT_TRUE(undecided.until_server_closes());
}

TEST_F(Http2Test, a_request_that_takes_too_long_is_answered_408) {
  serve({.request_ms_max = 100});
  Peer peer(port_);
  peer.greet();
  const int32_t stream = peer.ask("POST", "/", {}, "a part", false);
  EXPECT_TRUE(peer.until([&] { return peer.answers[stream].status() == 408; }));
  EXPECT_EQ(requests_, 0);
  peer.send_raw(frame(NGHTTP2_HEADERS, 0, 3, get));
  EXPECT_TRUE(peer.until_server_closes()) << "in the midst of the headers";
}

TEST_F(Http2Test, an_answer_that_nobody_reads_is_given_up) {
  serve({.request_ms_max = 100});
  Peer peer(port_);
  peer.greet(1'000);
  const int32_t stream = peer.ask("GET", "/big");
  ASSERT_TRUE(peer.until([&] { return peer.answers[stream].status() == 200; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  peer.until_closed(stream);
  EXPECT_LT(peer.answers[stream].body.size(), big_bytes);
}

TEST_F(Http2Test, unread_answers_count_in_the_budget_of_all) {
  serve({.answer_bytes_max = size_t{12} << 20});
  Peer first(port_);
  first.greet(0);
  const int32_t stream = first.ask("GET", "/big");
  ASSERT_TRUE(first.until([&] { return first.answers[stream].status() == 200; }));
  Peer second(port_);
  second.greet(0);
  second.ask("GET", "/big");
  ASSERT_TRUE(second.until([&] { return requests_ == 2; }));
  // 16 MiB are unread, but not for a second yet.
  Peer third(port_);
  third.greet();
  EXPECT_EQ(third.fetch("GET", "/x").status(), 503);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(third.fetch("GET", "/x").status(), 200) << "the slowest was closed for it";
  EXPECT_TRUE(first.until_server_closes());
  EXPECT_FALSE(second.closed_by_server);
}

TEST_F(Http2Test, endless_answers_keep_to_the_budget_without_a_request) {
  serve({.stream_pending_bytes_max = size_t{64} << 20, .answer_bytes_max = size_t{12} << 20});
  const std::string chunk(size_t{8} << 20, 'c');
  const auto stream_to = [&](Peer& peer) {
    peer.greet(11);
    const int32_t stream = peer.ask("GET", "/stream");
    EXPECT_TRUE(peer.until([&] { return peer.answers[stream].body == "head first "; }));
    return of_reactor<std::shared_ptr<Reply::Stream>>([&] { return std::move(stream_); });
  };
  Peer slow(port_), slower(port_);
  const auto first = stream_to(slower);
  EXPECT_TRUE(first->write(chunk));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  const auto second = stream_to(slow);
  EXPECT_TRUE(second->write(chunk));
  on_reactor([] {});
  EXPECT_TRUE(first->gone());
  EXPECT_FALSE(second->gone());
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  on_reactor([&] { EXPECT_FALSE(second->write(chunk)) << "its own reader is the slowest now"; });
  EXPECT_TRUE(second->gone());
}

// What a connection has not read holds its next requests, not the others'.
TEST_F(Http2Test, a_connection_with_much_unread_waits_with_its_next_requests) {
  serve();
  Peer peer(port_);
  peer.greet(0);
  for (int i = 0; i < 10; ++i) peer.ask("GET", "/big");
  peer.until([&] { return requests_ >= 5; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(requests_, 5) << "32 MiB and a little more";
  EXPECT_TRUE(others_are_served());
}

TEST_F(Http2Test, the_longest_idle_makes_room) {
  serve({.connections_max = 1});
  Peer first(port_);
  first.greet();
  EXPECT_EQ(first.fetch("GET", "/x").status(), 200);
  Peer second(port_);
  second.greet();
  EXPECT_EQ(second.fetch("GET", "/x").status(), 200);
  EXPECT_TRUE(first.until_server_closes());
}

TEST_F(Http2Test, the_server_may_go_while_requests_are_under_way) {
  serve();
  Peer peer(port_);
  peer.greet();
  peer.ask("GET", "/hold");
  peer.ask("GET", "/stream");
  peer.ask("GET", "/big");
  ASSERT_TRUE(peer.until([&] { return requests_ == 3; }));
  on_reactor([&] { server_.reset(); });
  EXPECT_FALSE(stream_->write("nobody"));
  held_.at(0).send({.body = "nobody"});
  EXPECT_TRUE(peer.until_server_closes());
}

}  // namespace
}  // namespace millrace::http
