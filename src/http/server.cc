#include "http/server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "http/opening.h"
#include "http/tls.h"

namespace millrace::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

const Header* find_header(std::span<const Header> headers, std::string_view name) {
  for (const Header& header : headers) {
    if (same_name(header.name, name)) return &header;
  }
  return nullptr;
}

std::string describe(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
  return fmt::format("{}:{}", text, ntohs(v4.sin_port));
}

// A socket that listens, and its port.
Result<std::pair<int, uint16_t>> open_listener(std::string_view host, uint16_t port) {
  std::string name(host);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int lookup = ::getaddrinfo(name.empty() ? nullptr : name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (lookup != 0) {
    return fail(ErrorKind::invalid_argument,
                "cannot listen on \"{}\": {}; use an address of this machine, for example 127.0.0.1", host,
                ::gai_strerror(lookup));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno("socket", errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, 1024) != 0) {
    const int error = errno;
    ::close(fd);
    if (error == EADDRINUSE) {
      return fail(ErrorKind::in_use,
                  "port {} of {} is taken by another program; stop it, or choose another port (0 takes any free one)",
                  port, host);
    }
    if (error == EACCES) {
      return fail(ErrorKind::denied, "port {} of {} is not allowed to this user; choose one above 1023", port, host);
    }
    if (error == EADDRNOTAVAIL) {
      return fail(ErrorKind::invalid_argument,
                  "{} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all of them", host);
    }
    return fail_errno(fmt::format("cannot listen on {}:{}", host, port), error);
  }
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const uint16_t bound = address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port)
                                                       : ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  return std::pair(fd, bound);
}

class SocketServer final : public Server, private EventSink {
 public:
  SocketServer(EpollReactor& reactor, int fd, uint16_t port, Handler handler, const ServerLimits& limits)
      : host_{.reactor = reactor,
              .handler = std::move(handler),
              .limits = limits,
              .parser_limits = {limits.header_bytes_max, limits.body_bytes_max},
              .tls = nullptr,
              .headers = {},
              .connections = {},
              .buffered_bytes = 0,
              .answer_bytes = 0},
        fd_(fd),
        port_(port),
        sweep_ms_(std::clamp<int64_t>(std::min(limits.request_ms_max, limits.idle_ms_max) / 4, 5, 500)) {}

  ~SocketServer() override {
    host_.reactor.cancel(sweep_timer_);
    host_.reactor.cancel(accept_timer_);
    host_.reactor.remove(fd_, this);
    ::close(fd_);
    while (!host_.connections.empty()) host_.connections.back()->close();
  }

  Result<void> start() { return host_.reactor.add(fd_, EPOLLIN, this); }

  void serve_tls(std::shared_ptr<const TlsIdentity> identity) { host_.tls = std::move(identity); }

  uint16_t port() const override { return port_; }
  size_t connections() const override { return host_.connections.size(); }

 private:
  static constexpr int accepts_per_turn_max = 64;
  static constexpr int64_t accept_pause_ms = 100;

  void on_events(uint32_t) override {
    for (int i = 0; i < accepts_per_turn_max; ++i) {
      sockaddr_storage address{};
      socklen_t size = sizeof(address);
      const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        accept_connection(fd, address);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of file descriptors or memory: what waits in the backlog would wake us for ever.
      if (errno != EAGAIN && errno != EWOULDBLOCK) pause_accepting();
      return;
    }
  }

  // Whether there is room for one more, after the one that has been idle longest was closed for it.
  bool make_room() {
    if (host_.connections.size() < host_.limits.connections_max) return true;
    std::shared_ptr<Connection> longest;
    for (const auto& connection : host_.connections) {
      const auto idle = connection->idle_since_ms();
      if (idle && (!longest || *idle < *longest->idle_since_ms())) longest = connection;
    }
    if (longest) longest->close();
    return longest != nullptr;
  }

  void accept_connection(int fd, const sockaddr_storage& address) {
    if (!make_room()) {
      constexpr std::string_view answer =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
      [[maybe_unused]] const ssize_t sent = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::shutdown(fd, SHUT_WR);
      ::close(fd);
      return;
    }
    if (host_.limits.admit && !host_.limits.admit(describe(address))) {
      ::close(fd);
      return;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    auto connection = std::make_shared<Opening>(host_, make_socket_transport(fd), describe(address));
    host_.connections.push_back(connection);
    if (!connection->start()) connection->close();
    if (sweep_timer_ == 0) start_sweep();
  }

  void pause_accepting() {
    host_.reactor.modify(fd_, 0, this);
    accept_timer_ = host_.reactor.after_ms(accept_pause_ms, [this] { host_.reactor.modify(fd_, EPOLLIN, this); });
  }

  // One pass over all connections instead of a timer for each; none runs while there are no connections.
  void start_sweep() {
    sweep_timer_ = host_.reactor.after_ms(sweep_ms_, [this] {
      sweep_timer_ = 0;
      const auto connections = host_.connections;  // a sweep may close some
      for (const auto& connection : connections) connection->sweep(host_.reactor.now_ms());
      if (!host_.connections.empty()) start_sweep();
    });
  }

  ConnectionHost host_;
  int fd_;
  uint16_t port_;
  int64_t sweep_ms_;
  uint64_t sweep_timer_ = 0;
  uint64_t accept_timer_ = 0;
};

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const Header* header = find_header(headers, name);
  return header == nullptr ? std::string_view() : header->value;
}

bool Request::has_header(std::string_view name) const {
  return find_header(headers, name) != nullptr;
}

Reply::Reply(std::shared_ptr<Target> target) : target_(std::move(target)) {}

Reply& Reply::operator=(Reply&& other) noexcept {
  if (this != &other) {
    if (target_) target_->drop();
    target_ = std::move(other.target_);
  }
  return *this;
}

Reply::~Reply() {
  if (target_) target_->drop();
}

void Reply::send(Response response) {
  CHECK(target_ != nullptr, "an answer was sent twice");
  // The reply is used up before anything of the answer runs.
  const auto target = std::move(target_);
  target_ = nullptr;
  target->send(std::move(response));
}

bool Reply::client_gone() const {
  return target_ == nullptr || target_->gone();
}

std::shared_ptr<Reply::Stream> Reply::stream(Response head, std::function<void()> moved) {
  CHECK(target_ != nullptr, "an answer was sent twice");
  const auto target = std::move(target_);
  target_ = nullptr;
  return target->stream(std::move(head), std::move(moved));
}

Result<std::unique_ptr<Server>> Server::listen(Reactor& reactor, std::string_view host, uint16_t port, Handler handler,
                                               const ServerLimits& limits) {
  TRY_ASSIGN(const auto listener, open_listener(host, port));
  auto& epoll = static_cast<EpollReactor&>(reactor);  // there is no other kind
  auto server = std::make_unique<SocketServer>(epoll, listener.first, listener.second, std::move(handler), limits);
  TRY(server->start());
  return std::unique_ptr<Server>(std::move(server));
}

void serve_tls(Server& server, std::shared_ptr<const TlsIdentity> identity) {
  static_cast<SocketServer&>(server).serve_tls(std::move(identity));  // there is no other kind
}

}  // namespace millrace::http
