#pragma once
// HTTP/1.1 over one accepted connection: reads a request, hands it to the handler, writes the answer, and so on.
// Private to this folder.
//
// Threads: everything on the reactor's thread, except the members of Reply::Target, which may be called from
// any thread and then post.
//
// Bounds: the buffer holds one request's head (header_bytes_max) and body (body_bytes_max); what is pipelined
// after it waits in the socket.

#include "http/connection.h"
#include "http/reply_stream.h"
#include "http/request_parser.h"

namespace millrace::http {

class Http1Connection final : public Connection, public Reply::Target, public StreamSink {
 public:
  // Takes over a connection that has begun elsewhere.
  explicit Http1Connection(Handover from);

  // Goes on after these bytes, which have been received. Once the connection is in the host's list.
  void begin(std::string_view received);

  void close() override;
  // Closes what has waited too long; frees a large buffer that is not in use.
  void sweep(int64_t now_ms) override;
  std::optional<int64_t> unread_since_ms() const override {
    return answer_accounted_ > 0 ? std::optional(active_ms_) : std::nullopt;
  }
  std::optional<int64_t> idle_since_ms() const override {
    return state_ == State::receiving && begin_ == end_ ? std::optional(active_ms_) : std::nullopt;
  }

  void on_events(uint32_t events) override;
  void send(Response response) override;
  void drop() override;
  bool gone() const override;
  std::shared_ptr<Reply::Stream> stream(Response head, std::function<void()> moved) override;
  void write_chunk(std::string_view chunk) override;
  void end_stream() override;

 private:
  enum class State { receiving, handling, writing, streaming, draining };
  enum class Parsed { need_more, complete, refused };

  static constexpr size_t buffer_bytes_initial = 16 * 1024;
  static constexpr size_t buffer_bytes_kept = 64 * 1024;  // beyond it, an idle connection gives its buffer back
  static constexpr size_t padding_bytes = 64;
  static constexpr size_t drain_bytes_max = size_t{64} << 20;
  static constexpr int64_t drain_ms_max = 5'000;
  static constexpr int64_t shrink_after_ms = 1'000;
  static constexpr int requests_per_turn_max = 32;

  void advance();
  bool fill();
  bool reserve(size_t bytes);  // capacity for that many and the padding; false: over buffered_bytes_max
  void release_buffer();
  Parsed parse();
  Parsed parse_body();
  void dispatch();
  void next_request();
  void refuse(int status, std::string_view reason);
  void answer(Response response);
  void send_here(Response response);
  void account_chunked();
  void account_answer(size_t bytes);
  void begin_stream(Response head, std::shared_ptr<StreamState> stream);
  void note_unsent();  // of the stream
  void write_head(const Response& response, bool chunked);
  bool write_out();  // false: the socket is full, or the connection is closed
  void after_answer();
  bool drain();

  std::shared_ptr<Http1Connection> self() { return std::static_pointer_cast<Http1Connection>(shared_from_this()); }

  const size_t stream_pending_bytes_max_;
  State state_ = State::receiving;
  bool advancing_ = false;
  bool keep_alive_ = true;
  bool continue_sent_ = false;
  bool head_done_ = false;
  bool discard_body_ = false;  // HEAD: the answer's body is not sent
  bool chunked_out_ = false;
  bool stream_ended_ = false;

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;  // without the padding
  size_t begin_ = 0;     // of the request, in the buffer
  size_t end_ = 0;
  size_t parsed_ = 0;      // of the request's bytes
  size_t body_begin_ = 0;  // from the request's first byte
  size_t body_size_ = 0;
  bool chunked_in_ = false;
  std::optional<RequestParser> parser_;
  std::vector<HeaderSpan> headers_;
  size_t chunked_accounted_ = 0;  // of chunked_body(), in host_->buffered_bytes
  size_t drained_ = 0;

  size_t answer_accounted_ = 0;  // in host_->answer_bytes
  std::string out_head_;
  std::string out_body_;
  size_t out_sent_ = 0;  // of both
  std::shared_ptr<StreamState> stream_;
};

}  // namespace millrace::http
