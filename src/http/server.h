#pragma once
// HTTP/1.1 and HTTP/2 in, on one port: requests as views, replies whenever they are ready. HTTP/1.1 is parsed by
// Boost.Beast's basic_parser with a sink of our own, one request at a time per connection; what a client pipelines
// waits in the socket. HTTP/2 (by prior knowledge) is nghttp2's, many requests at once.
//
// Threads: handlers run on the reactor's thread and must not block. A Reply may be sent from any thread,
// once.
//
// Failure: malformed requests, oversized headers (431) and bodies (413), folded headers and any
// Transfer-Encoding but chunked (400/501), slow requests (408) are answered here and never reach a handler;
// the connection then closes, that of HTTP/2 only if it cannot go on.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/reactor.h"

namespace millrace::http {

struct Header {
  std::string_view name;
  std::string_view value;
};

// Valid during the handler's call only, the body too.
struct Request {
  std::string_view method;
  std::string_view target;  // as sent: path and query
  std::string_view path;    // before '?', still percent-encoded
  std::string_view query;   // after '?', or empty
  // HTTP/2's authority is here twice: as Host, and under the name that it has there.
  std::span<const Header> headers;
  // Followed by at least 64 readable bytes, so simdjson parses in place.
  std::string_view body;
  std::string_view peer;  // "127.0.0.1:51234"

  // The first header of that name, whatever its case; empty if absent.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string_view content_type;                             // must be a literal; empty: no header
  std::vector<std::pair<std::string, std::string>> headers;  // besides Content-Length, Content-Type, Connection
  std::string body;
};

// The right to answer one request. Movable; destroyed unused, it answers 500. If the client has gone, sending
// does nothing. send() from the reactor's thread writes at once; from another it is posted.
class Reply {
 public:
  class Target;  // the connection, seen from here
  Reply() = default;
  explicit Reply(std::shared_ptr<Target> target);
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  void send(Response response);

  // Whether the client is known to have closed its side; on the reactor's thread. For long polls, which
  // should not be given work once nobody waits.
  bool client_gone() const;

  // An open-ended answer (server-sent events, event streams): headers now, then chunks until close. Any thread, one at
  // a time.
  class Stream {
   public:
    virtual ~Stream() = default;  // ends the answer
    // False: the client has gone, or more than `stream_pending_bytes_max` would be unread; nothing was taken then.
    // Where nothing is unread, a chunk may be as large as it likes.
    virtual bool write(std::string_view chunk) = 0;
    virtual size_t pending() const = 0;  // bytes that the client's socket has not taken yet
    virtual bool gone() const = 0;       // nobody reads it any more
  };
  // `moved` is called on the reactor's thread whenever nothing is pending any more, and when the client has gone; it
  // may come before this returns, and must not write.
  std::shared_ptr<Stream> stream(Response head, std::function<void()> moved = {});

 private:
  std::shared_ptr<Target> target_;
};

using Handler = std::function<void(const Request&, Reply)>;

struct ServerLimits {
  size_t header_bytes_max = 32 * 1024;
  size_t body_bytes_max = size_t{16} << 20;
  // Beyond it, the one that has been idle longest is closed for a new one; where none is idle, the new one is answered
  // 503 and closed.
  size_t connections_max = 4096;
  int64_t first_request_ms_max = 10'000;  // until the first byte
  int64_t request_ms_max = 30'000;        // from the first byte to the last
  int64_t idle_ms_max = 120'000;          // between requests
  size_t stream_pending_bytes_max = size_t{1} << 20;
  size_t buffered_bytes_max = size_t{1} << 30;  // of requests being received, over all connections: then 503
  // Answers that clients have not read yet, over all connections. Beyond it those go first that have read nothing for a
  // second, the slowest first; where that makes no room, new requests are answered 503.
  size_t answer_bytes_max = size_t{256} << 20;
  // Asked once for each new connection, with its other end, "127.0.0.1:51234": false closes it without an answer.
  // Unset: everybody is served.
  std::function<bool(std::string_view peer)> admit;
  // What a request that is refused here is answered with (400, 408, 413, 417, 431, 501, 503); unset: text.
  std::function<Response(int status, std::string_view reason)> refusal;
};

class Server {
 public:
  // Listens on host:port (port 0: any free one). in_use: the port is taken; the message names it and says how
  // to choose another. The reactor outlives the server.
  static Result<std::unique_ptr<Server>> listen(Reactor& reactor, std::string_view host, uint16_t port, Handler handler,
                                                const ServerLimits& limits = {});
  virtual ~Server() = default;  // on the reactor's thread, or when it does not run: closes everything
  virtual uint16_t port() const = 0;
  virtual size_t connections() const = 0;
};

}  // namespace millrace::http
