// What a client sends after the preface of HTTP/2, by a whole connection: frames in one piece and byte by byte, to a
// client that reads, or hardly does. Whatever comes, no request is beyond its bounds, and in the end nothing is held
// and nothing is counted any more.

#include <sys/epoll.h>

#include <algorithm>

#include "http/opening.h"
#include "input.h"

namespace millrace::http {
namespace {

constexpr size_t header_bytes_max = 4'096;
constexpr size_t body_bytes_max = 16'384;

// The other end is the test: it gives what is received and takes what is sent.
class FakeTransport final : public Transport {
 public:
  FakeTransport(std::string_view input, size_t piece, size_t reads) : input_(input), piece_(piece), reads_(reads) {}

  Result<void> start(EpollReactor&) override { return {}; }
  void close() override {}
  void on_events(uint32_t events) override { pass_on(events); }
  bool may_receive() const override { return !input_.empty() || finished_; }
  Moved receive(char* to, size_t room) override {
    if (input_.empty()) return {finished_ ? State::ended : State::blocked};
    const size_t bytes = std::min({piece_, room, input_.size()});
    std::copy_n(input_.data(), bytes, to);
    input_.remove_prefix(bytes);
    return {State::moved, bytes};
  }
  Moved send(std::span<const iovec> parts) override {
    if (reads_ == 0) return {State::blocked};
    size_t bytes = 0;
    for (const iovec& part : parts) bytes += part.iov_len;
    bytes = std::min(bytes, reads_);
    reads_ -= bytes;
    return {State::moved, bytes};
  }
  void finish() override { finished_ = true; }
  bool peer_finished() const override { return false; }

 private:
  std::string_view input_;
  size_t piece_;
  size_t reads_;
  bool finished_ = false;
};

void serve(EpollReactor& reactor, std::string_view input, size_t piece, size_t reads) {
  std::vector<Reply> held;
  std::vector<std::shared_ptr<Reply::Stream>> streams;
  const auto handle = [&](const Request& request, Reply reply) {
    size_t header_bytes = 0;
    for (const Header& header : request.headers) header_bytes += header.name.size() + header.value.size();
    CHECK(header_bytes <= 2 * header_bytes_max && request.body.size() <= body_bytes_max);
    CHECK(!request.method.empty() && !request.target.empty());
    const size_t kind = request.target.size() % 4;
    if (kind == 0) {
      held.push_back(std::move(reply));
    } else if (kind == 1) {
      streams.push_back(reply.stream({.content_type = "text/plain", .headers = {}, .body = "begun"}));
      streams.back()->write(request.body);
    } else {
      reply.send({.content_type = "text/plain",
                  .headers = {{"X-Path", std::string(request.path)}},
                  .body = std::string(request.body)});
    }
  };
  ConnectionHost host{.reactor = reactor,
                      .handler = handle,
                      .limits = {.header_bytes_max = header_bytes_max, .body_bytes_max = body_bytes_max},
                      .parser_limits = {header_bytes_max, body_bytes_max},
                      .headers = {},
                      .connections = {}};
  auto owned = std::make_unique<FakeTransport>(input, piece, reads);
  FakeTransport& transport = *owned;
  const auto opening = std::make_shared<Opening>(host, std::move(owned), "peer");
  host.connections.push_back(opening);
  // Each event lets a connection do a turn's work, and takes at least a piece.
  constexpr int64_t late_ms = 3'600'000;
  for (size_t taken = 0; taken <= input.size() && !host.connections.empty() && transport.may_receive();
       taken += piece) {
    transport.on_events(EPOLLIN | EPOLLOUT);
  }
  CHECK(host.answer_bytes <= host.limits.answer_bytes_max);
  for (Reply& reply : held) reply.send({.body = "held"});
  held.clear();
  if (!streams.empty()) streams.front()->write("more");
  streams.clear();
  if (!host.connections.empty()) transport.on_events(EPOLLOUT);
  if (!host.connections.empty()) host.connections.back()->sweep(reactor.now_ms() + late_ms);
  if (!host.connections.empty()) host.connections.back()->close();
  CHECK(host.connections.empty() && host.buffered_bytes == 0 && host.answer_bytes == 0);
}

}  // namespace
}  // namespace millrace::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::http;
  // The preface and empty settings; the first byte says how much the client reads.
  static constexpr std::string_view begins{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33};
  if (size == 0) return 0;
  const size_t reads = data[0] % 2 == 0 ? size_t{1} << 30 : size_t{data[0]} * 16;
  std::string input(begins);
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto reactor = std::move(EpollReactor::make().value());
  reactor->post([&] {
    serve(*reactor, input, input.size(), reads);
    serve(*reactor, input, 1, reads);
    reactor->stop();
  });
  reactor->run();
  return 0;
}
