#include "http/transport.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::http {

namespace {

// Registered once, edge-triggered: `readable_` and `writable_` remember what epoll has said until a call would block.
class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(int fd) : fd_(fd) {}
  ~SocketTransport() override {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<void> start(EpollReactor& reactor) override {
    reactor_ = &reactor;
    return reactor.add(fd_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this);
  }

  void close() override {
    if (fd_ < 0) return;
    if (reactor_ != nullptr) reactor_->remove(fd_, this);
    ::close(fd_);
    fd_ = -1;
  }

  void on_events(uint32_t events) override {
    readable_ |= (events & (EPOLLIN | EPOLLRDHUP)) != 0;
    writable_ |= (events & EPOLLOUT) != 0;
    peer_finished_ |= (events & EPOLLRDHUP) != 0;
    pass_on(events);
  }

  bool may_receive() const override { return readable_; }

  Moved receive(char* to, size_t room) override {
    if (!readable_) return {State::blocked};
    ssize_t n;
    do {
      n = ::recv(fd_, to, room, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
      // Less than there was room for: all is taken, unless the end is still to be seen.
      if (static_cast<size_t>(n) < room && !peer_finished_) readable_ = false;
      return {State::moved, static_cast<size_t>(n)};
    }
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return {State::ended};
    readable_ = false;
    return {State::blocked};
  }

  Moved send(std::span<const iovec> parts) override {
    if (!writable_) return {State::blocked};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    ssize_t n;
    do {
      n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) return {State::moved, static_cast<size_t>(n)};
    if (errno != EAGAIN && errno != EWOULDBLOCK) return {State::ended};
    writable_ = false;
    return {State::blocked};
  }

  void finish() override {
    ::shutdown(fd_, SHUT_WR);
    readable_ = true;
  }

  bool peer_finished() const override { return peer_finished_; }

 private:
  int fd_;
  EpollReactor* reactor_ = nullptr;
  bool readable_ = false;
  bool writable_ = true;
  bool peer_finished_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_socket_transport(int fd) {
  return std::make_unique<SocketTransport>(fd);
}

}  // namespace millrace::http
