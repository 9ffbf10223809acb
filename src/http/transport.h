#pragma once
// The bytes of one accepted connection, on their way between the client and what parses them (connection.h): a socket
// as it is. What stands between a socket and HTTP, such as TLS, is another kind. Private to this folder. The reactor's
// thread; nothing blocks.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "http/epoll_reactor.h"

namespace millrace::http {

class Transport : public EventSink {
 public:
  enum class State {
    moved,    // at least a byte
    blocked,  // nothing can be moved before the next event
    ended,    // the peer has closed, or the connection broke
  };
  struct Moved {
    State state = State::blocked;
    size_t bytes = 0;
  };

  virtual ~Transport() = default;  // closes

  // Events come in from now on, until close().
  virtual Result<void> start(EpollReactor& reactor) = 0;
  virtual void close() = 0;
  // Who is told of each event, after the transport has taken note of it; may close and destroy the transport meanwhile.
  void tell(EventSink* sink) { sink_ = sink; }

  // False: receive() would be blocked.
  virtual bool may_receive() const = 0;
  virtual Moved receive(char* to, size_t room) = 0;
  // Of the parts' bytes those that fit, in order. What was not taken comes again, as it was; more may follow it.
  virtual Moved send(std::span<const iovec> parts) = 0;
  // Nothing is sent any more; the peer sees the end after all that was. Receiving goes on.
  virtual void finish() = 0;
  // The peer sends no more; what it has sent may still be waiting.
  virtual bool peer_finished() const = 0;

 protected:
  // The last thing that on_events() does.
  void pass_on(uint32_t events) {
    if (sink_ != nullptr) sink_->on_events(events);
  }

 private:
  EventSink* sink_ = nullptr;
};

// Takes the descriptor of a socket that does not block.
std::unique_ptr<Transport> make_socket_transport(int fd);

}  // namespace millrace::http
