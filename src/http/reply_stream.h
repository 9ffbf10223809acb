#pragma once
// An open-ended answer between whoever writes it, on any thread, and the connection that sends it, on the reactor's.
// Private to this folder.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "http/epoll_reactor.h"
#include "http/server.h"

namespace millrace::http {

// How much of the answer waits, as both sides see it.
struct StreamState {
  explicit StreamState(std::function<void()> moved) : moved(std::move(moved)) {}

  // For the connection, on the reactor's thread.
  void set_unsent(size_t bytes);
  void set_gone();

  size_t pending() const { return posted + unsent; }

  const std::function<void()> moved;
  std::atomic<bool> gone = false;
  std::atomic<size_t> posted = 0;  // bytes on the way to the reactor's thread
  std::atomic<size_t> unsent = 0;  // bytes in the connection's queue
};

// The connection's side; on the reactor's thread.
class StreamSink {
 public:
  virtual void write_chunk(std::string_view chunk) = 0;
  virtual void end_stream() = 0;

 protected:
  ~StreamSink() = default;
};

// `reactor` may be gone before the writer is.
std::shared_ptr<Reply::Stream> make_reply_stream(std::shared_ptr<StreamSink> sink, std::shared_ptr<StreamState> state,
                                                 size_t pending_bytes_max, const EpollReactor* reactor,
                                                 std::shared_ptr<TaskQueue> tasks);

}  // namespace millrace::http
