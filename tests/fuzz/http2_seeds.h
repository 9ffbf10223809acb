#pragma once
// What a client of HTTP/2 sends, by nghttp2, for the corpus of http2_frames.

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::fuzz {

class Http2Client {
 public:
  Http2Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;
  ~Http2Client() { nghttp2_session_del(session_); }

  int32_t ask(std::string_view method, std::string_view path,
              const std::vector<std::pair<std::string, std::string>>& headers = {}, std::string_view body = {}) {
    std::vector<nghttp2_nv> fields;
    const auto add = [&](std::string_view name, std::string_view value) {
      fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0});
    };
    add(":method", method);
    add(":scheme", "http");
    add(":authority", "127.0.0.1:4566");
    add(":path", path);
    for (const auto& [name, value] : headers) add(name, value);
    nghttp2_data_provider provider{};
    body_ = body;
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* to, size_t room, uint32_t* flags,
                                nghttp2_data_source*, void* user) -> ssize_t {
      std::string& left = static_cast<Http2Client*>(user)->body_;
      const size_t bytes = std::min(room, left.size());
      std::copy_n(left.data(), bytes, to);
      left.erase(0, bytes);
      if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(bytes);
    };
    const int32_t stream = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                                  body.empty() ? nullptr : &provider, nullptr);
    send();
    return stream;
  }
  void reset(int32_t stream) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    send();
  }
  void ping() {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    send();
  }
  void allow(int32_t bytes) {
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, 0, bytes);
    send();
  }
  void say_goodbye() {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    send();
  }

  // After the preface; the first byte says whether the client reads.
  std::string sent(bool reads) const { return (reads ? "r" : "q") + bytes_.substr(NGHTTP2_CLIENT_MAGIC_LEN); }

 private:
  void send() {
    const uint8_t* frames = nullptr;
    ssize_t size = 0;
    while ((size = nghttp2_session_mem_send(session_, &frames)) > 0) {
      bytes_.append(reinterpret_cast<const char*>(frames), static_cast<size_t>(size));
    }
  }

  nghttp2_session* session_ = nullptr;
  std::string body_;
  std::string bytes_;
};

// Name and bytes.
inline std::vector<std::pair<std::string, std::string>> http2_seeds() {
  std::vector<std::pair<std::string, std::string>> seeds;
  const auto seed = [&](const std::string& name, bool reads, const auto& act) {
    Http2Client client;
    act(client);
    seeds.emplace_back(name, client.sent(reads));
  };
  seed("requests", true, [](Http2Client& client) {
    client.ask("GET", "/health");
    client.ask("POST", "/", {{"x-amz-target", "Kinesis_20131202.ListStreams"}, {"content-length", "2"}}, "{}");
    client.ask("HEAD", "/abcdef?x=1");
  });
  seed("held", true, [](Http2Client& client) {
    const int32_t held = client.ask("GET", "/123");
    client.ask("GET", "/234", {{"expect", "100-continue"}}, "body");
    client.reset(held);
    client.say_goodbye();
  });
  seed("streamed", true, [](Http2Client& client) {
    const int32_t streamed = client.ask("POST", "/1234", {}, "chunk");
    client.allow(1'000);
    client.ask("HEAD", "/5678");
    client.reset(streamed);
  });
  seed("unread", false, [](Http2Client& client) {
    for (int i = 0; i < 3; ++i) client.ask("POST", "/a", {}, std::string(1'000, 'u'));
    client.ping();
  });
  seed("too_large", true, [](Http2Client& client) {
    client.ask("POST", "/a", {{"content-length", "20000"}}, "a part");
    client.ask("POST", "/a", {}, std::string(17'000, 'l'));
    client.ask("GET", "/a", {{"x-a", std::string(5'000, 'h')}});
  });
  seed("odd_headers", true, [](Http2Client& client) {
    client.ask("CONNECT", "/a", {{"host", "other"}, {"te", "trailers"}});
    client.ask("OPTIONS", "*", {{"cookie", "a=b"}, {"cookie", "c=d"}, {"authorization", "AWS4-HMAC-SHA256"}});
    client.ping();
  });
  return seeds;
}

}  // namespace millrace::fuzz
