#pragma once
// HTTP/2 over one accepted connection, by nghttp2: requests at once, each handed to the same handler as HTTP/1.1's, and
// answered in any order. A client that closes its side of the connection gets nothing more.
// Private to this folder. https://www.rfc-editor.org/rfc/rfc9113
//
// Threads: everything on the reactor's thread, except the members of Reply::Target (Exchange), which may be called from
// any thread and then post.
//
// Bounds: ServerLimits' for each request, and the host's for all; of one connection those below. nghttp2 itself answers
// more streams than are allowed (RST_STREAM), and ends the connection of a client that makes it queue acknowledgements,
// sends too many CONTINUATION frames or settings, or resets streams faster than 33 a second (CVE-2023-44487, after 1000
// at once).

#include <deque>

#include "http/connection.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace millrace::http {

class Http2Connection final : public Connection {
 public:
  // Requests at once, open or still being handled after the client has given them up.
  static constexpr uint32_t streams_max = 256;
  // What a client may send before it hears that it may go on: of one request, and of all.
  static constexpr int32_t stream_window_bytes = 1 << 20;
  static constexpr int32_t connection_window_bytes = 16 << 20;
  // Bodies being received: beyond it a request is answered 503.
  static constexpr size_t body_bytes_max = size_t{64} << 20;
  // Bodies that the client has not read: beyond it the next requests wait.
  static constexpr size_t unsent_bytes_max = size_t{32} << 20;
  // Headers of more than header_bytes_max are answered 431, of more than this many times as much end the connection.
  static constexpr size_t header_bytes_factor = 8;
  // Frames that ask for nothing (PING, SETTINGS, PRIORITY, RST_STREAM, DATA without data): so many at once and so many
  // a second, then the connection ends.
  static constexpr int64_t idle_frames_max = 2'000;
  static constexpr int64_t idle_frames_per_second = 200;

  // Takes over a connection that has begun elsewhere.
  explicit Http2Connection(Handover from);
  ~Http2Connection() override;

  // Goes on after these bytes, the beginning of the preface. Once the connection is in the host's list.
  void begin(std::string_view received);

  void close() override;
  void sweep(int64_t now_ms) override;
  std::optional<int64_t> unread_since_ms() const override;
  std::optional<int64_t> idle_since_ms() const override;
  void on_events(uint32_t events) override;

 private:
  class Exchange;
  struct Callbacks;
  friend struct Callbacks;

  static constexpr size_t in_bytes = size_t{64} * 1024;   // received at once
  static constexpr size_t out_bytes = size_t{64} * 1024;  // written at once, and a frame
  static constexpr size_t out_bytes_kept = size_t{4} * 1024;
  static constexpr size_t queued_frames_max =
      1'000;  // of the answers' heads and nghttp2's own; then nothing is received
  static constexpr int rounds_per_turn_max = 4;
  static constexpr int requests_per_round_max = 64;
  static constexpr int64_t drain_ms_max = 2'000;
  static constexpr size_t drain_bytes_max = size_t{64} << 20;

  void advance();
  bool receive();  // false: nothing came, or the connection is over
  void take(std::string_view bytes);
  bool may_dispatch() const;
  void dispatch_ready();
  bool write_out();  // false: the socket is full, or the connection is closed
  bool drain();
  void finish();  // says goodbye, then drains
  void advance_soon();
  void account();
  void remove(Exchange& exchange);
  bool note_idle_frame();  // false: too many

  std::shared_ptr<Http2Connection> self() { return std::static_pointer_cast<Http2Connection>(shared_from_this()); }

  nghttp2_session* session_ = nullptr;
  std::vector<std::shared_ptr<Exchange>> exchanges_;
  std::deque<std::shared_ptr<Exchange>> ready_;  // received, and not handed to the handler
  size_t handling_ = 0;                          // handed to the handler, and not answered
  size_t buffered_bytes_ = 0;                    // of the exchanges, in host_->buffered_bytes
  size_t unsent_bytes_ = 0;                      // of the exchanges' answers
  size_t accounted_ = 0;                         // in host_->answer_bytes
  std::string out_;
  size_t out_sent_ = 0;
  int64_t sent_ms_ = 0;
  int64_t idle_frames_ = idle_frames_max;  // left
  int64_t idle_frames_ms_ = 0;             // when they were counted
  bool greeted_ = false;                   // its SETTINGS have come
  bool advancing_ = false;
  bool posted_ = false;
  bool failed_ = false;  // nghttp2 gave up: what it has to say is written, then the connection ends
  bool draining_ = false;
  size_t drained_ = 0;
};

}  // namespace millrace::http
