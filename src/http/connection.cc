#include "http/connection.h"

#include <utility>

namespace millrace::http {

bool ConnectionHost::has_room_for_answers() {
  while (answer_bytes > limits.answer_bytes_max) {
    std::shared_ptr<Connection> slowest;
    std::optional<int64_t> since;
    for (const auto& connection : connections) {
      const auto unread = connection->unread_since_ms();
      if (!unread || (since && *since <= *unread)) continue;
      slowest = connection;
      since = unread;
    }
    if (!slowest || reactor.now_ms() - *since < slow_reader_ms) return false;
    slowest->close();
  }
  return true;
}

Response ConnectionHost::refusal(int status, std::string_view reason) const {
  if (!limits.refusal) {
    return {.status = status, .content_type = "text/plain", .headers = {}, .body = std::string(reason) + "\n"};
  }
  Response response = limits.refusal(status, reason);
  response.status = status;
  return response;
}

Response not_answered() {
  return {.status = 500, .content_type = "text/plain", .headers = {}, .body = "the request was not answered\n"};
}

Connection::Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer)
    : host_(&host),
      reactor_(&host.reactor),
      tasks_(host.reactor.tasks()),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      active_ms_(host.reactor.now_ms()),
      index_(host.connections.size()) {
  transport_->tell(this);
}

Connection::Connection(Handover from)
    : host_(from.host),
      reactor_(&host_->reactor),
      tasks_(host_->reactor.tasks()),
      transport_(std::move(from.transport)),
      peer_(std::move(from.peer)),
      active_ms_(host_->reactor.now_ms()),
      index_(from.index) {
  transport_->tell(this);
}

Handover Connection::hand_over() {
  return {std::exchange(host_, nullptr), std::move(transport_), std::move(peer_), index_};
}

void Connection::leave() {
  transport_->close();
  auto& connections = host_->connections;
  connections.back()->index_ = index_;
  std::swap(connections[index_], connections.back());
  connections.pop_back();
  host_ = nullptr;
}

}  // namespace millrace::http
