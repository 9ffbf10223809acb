#pragma once
// What the connections of a server have in common, whatever they speak: what they share, their place in the list, and
// what the server asks of them. A connection is an Opening (opening.h) until its first bytes have said what it speaks,
// and then an Http1Connection or an Http2Connection. Private to this folder; the reactor's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/epoll_reactor.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/tls.h"
#include "http/transport.h"

namespace millrace::http {

class Connection;

// From any thread; what has to happen on the reactor's is posted.
class Reply::Target {
 public:
  virtual ~Target() = default;
  virtual void send(Response response) = 0;
  virtual void drop() = 0;
  virtual bool gone() const = 0;
  virtual std::shared_ptr<Stream> stream(Response head, std::function<void()> moved) = 0;
};

// What the connections of a server share; lives in the server, and is null in a connection that is closed.
struct ConnectionHost {
  EpollReactor& reactor;
  Handler handler;
  ServerLimits limits;
  ParserLimits parser_limits;
  std::shared_ptr<const TlsIdentity> tls;  // null: TLS is not spoken yet
  std::vector<Header> headers;             // of the request being handled
  std::vector<std::shared_ptr<Connection>> connections;
  size_t buffered_bytes = 0;  // capacity of all buffers
  size_t answer_bytes = 0;    // bodies of answers that are not written yet

  static constexpr int64_t slow_reader_ms = 1'000;

  // After slow readers were closed for it, perhaps the one that asks.
  bool has_room_for_answers();
  // What a request that never reaches the handler is answered with.
  Response refusal(int status, std::string_view reason) const;
};

constexpr std::string_view buffers_are_full = "too many bytes of requests are being received; try again";
constexpr std::string_view answers_are_unread = "too many answers wait to be read; try again";
Response not_answered();

// What a connection takes over from the one whose place it takes.
struct Handover {
  ConnectionHost* host;
  std::unique_ptr<Transport> transport;
  std::string peer;
  size_t index;
};

class Connection : public EventSink, public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() = default;

  virtual void close() = 0;
  // Closes what has waited too long, and gives back memory that is not in use.
  virtual void sweep(int64_t now_ms) = 0;
  // Since when a client has read nothing of an answer; nullopt: none waits to be read.
  virtual std::optional<int64_t> unread_since_ms() const = 0;
  // Since when nothing has been asked; nullopt: a request is under way.
  virtual std::optional<int64_t> idle_since_ms() const = 0;

 protected:
  Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer);
  // In the place of another.
  explicit Connection(Handover from);
  // What another takes the place of this with, which is over.
  Handover hand_over();
  // The end: out of the host's list, the transport closed, host_ null. `this` must be held meanwhile.
  void leave();

  ConnectionHost* host_;
  const EpollReactor* reactor_;
  const std::shared_ptr<TaskQueue> tasks_;
  std::unique_ptr<Transport> transport_;
  std::string peer_;
  int64_t deadline_ms_ = 0;  // 0: none
  int64_t active_ms_ = 0;

 private:
  friend class Opening;
  size_t index_;  // in host_->connections
};

}  // namespace millrace::http
