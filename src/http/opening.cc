#include "http/opening.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "http/http1_connection.h"
#include "http/http2_connection.h"
#include "http/tls_transport.h"

namespace millrace::http {

namespace {

// "PRI * HTTP/2.0": no other method begins so.
constexpr std::string_view http2_begins = "PRI";

}  // namespace

Opening::Opening(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer)
    : Connection(host, std::move(transport), std::move(peer)) {
  deadline_ms_ = active_ms_ + std::min(host.limits.first_request_ms_max, host.limits.idle_ms_max);
}

void Opening::close() {
  if (host_ == nullptr) return;
  const auto self = shared_from_this();
  leave();
}

void Opening::sweep(int64_t now_ms) {
  if (now_ms >= deadline_ms_) close();
}

void Opening::on_events(uint32_t events) {
  const auto self = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  std::array<char, first_bytes_max> bytes;
  std::copy_n(held_.data(), held_bytes_, bytes.data());
  while (transport_->may_receive()) {
    const Transport::Moved received = transport_->receive(bytes.data() + held_bytes_, bytes.size() - held_bytes_);
    if (received.state == Transport::State::ended) return close();
    if (received.state == Transport::State::blocked) return;
    const std::string_view first(bytes.data(), held_bytes_ + received.bytes);
    if (first.front() == tls_begins && !encrypted_) {
      if (!host_->tls) return close();
      transport_ = make_tls_transport(std::move(transport_), first, *host_->tls);
      transport_->tell(this);
      encrypted_ = true;
      continue;
    }
    if (first.starts_with(http2_begins)) return become<Http2Connection>(first);
    if (!http2_begins.starts_with(first)) return become<Http1Connection>(first);
    held_bytes_ = first.size();
    std::copy_n(bytes.data(), held_bytes_, held_.data());
  }
}

template <class Kind>
void Opening::become(std::string_view received) {
  auto& place = host_->connections[index_];
  const auto connection = std::make_shared<Kind>(hand_over());
  place = connection;
  connection->begin(received);
}

}  // namespace millrace::http
