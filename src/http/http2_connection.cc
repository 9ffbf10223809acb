#include "http/http2_connection.h"

#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "http/reply_stream.h"
#include "http/status.h"

namespace millrace::http {

namespace {

constexpr size_t padding_bytes = 64;
constexpr size_t first_body_bytes = size_t{256} * 1024;  // a length that is only promised reserves no more
constexpr size_t header_overhead_bytes = 32;             // RFC 9113, 6.5.2
constexpr size_t reset_burst = 1'000;
constexpr size_t resets_per_second = 33;
constexpr size_t unsent_acknowledgements_max = 1'000;

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// The bytes are copied by nghttp2, but for a name that is a literal.
nghttp2_nv field(std::string_view name, std::string_view value, uint8_t flags) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), flags};
}

}  // namespace

// One request and its answer.
class Http2Connection::Exchange final : public Reply::Target,
                                        public StreamSink,
                                        public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Http2Connection& connection, int32_t id, int64_t now_ms)
      : connection_(&connection),
        reactor_(connection.reactor_),
        tasks_(connection.tasks_),
        stream_pending_bytes_max_(connection.host_->limits.stream_pending_bytes_max),
        id_(id),
        progress_ms_(now_ms) {}

  // From here the request.
  void add_header(std::string_view name, std::string_view value);
  size_t header_bytes() const { return header_bytes_; }
  void head_complete();
  void add_body(std::string_view bytes);
  void refuse(int status, std::string_view reason);  // to be answered so, instead of being handled
  void set_ready();
  void dispatch();

  // From here the answer.
  void send(Response response) override;
  void drop() override { send(not_answered()); }
  bool gone() const override { return connection_ == nullptr || closed_ || connection_->transport_->peer_finished(); }
  std::shared_ptr<Reply::Stream> stream(Response head, std::function<void()> moved) override;
  void write_chunk(std::string_view chunk) override;
  void end_stream() override;
  // What nghttp2 may send next, up to `room` bytes, and whether it is the last.
  ssize_t offer(size_t room, uint32_t* flags) const;
  void take_out(std::string& out, size_t bytes);

  // The client or the connection is through with it. It stays in the list while it is being handled.
  void close_stream();
  void detach();
  // Ends what has waited too long; false: the connection has to end for it.
  bool sweep(int64_t now_ms);

  bool waits_to_be_read() const { return state_ == State::answering && unsent() > 0; }
  int64_t progress_ms() const { return progress_ms_; }
  bool closed() const { return closed_; }
  size_t unsent() const { return out_.size() - out_sent_; }

 private:
  friend class Http2Connection;
  enum class State { receiving, ready, handling, answering };

  void account_request();
  void drop_request();
  bool begin_answer();  // false: nobody waits for it any more
  void submit(const Response& head, bool with_length, bool with_body);
  void send_here(Response response);
  void begin_stream(Response head, std::shared_ptr<StreamState> stream);
  void append(std::string_view bytes);
  void drop_answer();

  Http2Connection* connection_;  // null: it is closed
  const EpollReactor* const reactor_;
  const std::shared_ptr<TaskQueue> tasks_;
  const size_t stream_pending_bytes_max_;
  const int32_t id_;
  size_t index_ = 0;  // in connection_->exchanges_
  State state_ = State::receiving;
  bool closed_ = false;
  int64_t progress_ms_;  // begun, or a part of the answer was taken

  std::string head_;              // names and values, one after another
  size_t header_bytes_ = 0;       // that came
  size_t kept_header_bytes_ = 0;  // of them, those in head_ and headers_
  std::vector<HeaderSpan> headers_;
  Span method_, path_, authority_;
  std::optional<size_t> length_;
  bool expects_continue_ = false;
  bool head_complete_ = false;
  std::string body_;
  size_t accounted_bytes_ = 0;
  int refusal_status_ = 0;
  std::string_view refusal_reason_;

  std::string out_;
  size_t out_sent_ = 0;
  bool complete_ = false;  // out_ has the answer's last byte
  bool discard_body_ = false;
  std::shared_ptr<StreamState> stream_;
};

struct Http2Connection::Callbacks {
  static Http2Connection& connection(void* user) { return *static_cast<Http2Connection*>(user); }
  static Exchange* exchange(nghttp2_session* session, int32_t stream) {
    return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Connection& to = connection(user);
    auto exchange = std::make_shared<Exchange>(to, frame->hd.stream_id, to.host_->reactor.now_ms());
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange.get());
    exchange->index_ = to.exchanges_.size();
    to.exchanges_.push_back(std::move(exchange));
    return 0;
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                    const uint8_t* value, size_t value_bytes, uint8_t, void* user) {
    Exchange* const to = exchange(session, frame->hd.stream_id);
    if (to == nullptr || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    to->add_header(text_of(name, name_bytes), text_of(value, value_bytes));
    const size_t most = connection(user).host_->limits.header_bytes_max;
    if (to->header_bytes() > most) to->refuse(431, "the request's headers are too large");
    return to->header_bytes() > most * header_bytes_factor ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int data(nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* bytes, size_t size, void*) {
    if (Exchange* const to = exchange(session, stream)) to->add_body(text_of(bytes, size));
    return 0;
  }

  static int frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const nghttp2_frame_hd& head = frame->hd;
    const bool last = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (head.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        if (Exchange* const to = exchange(session, head.stream_id)) {
          if (head.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) to->head_complete();
          if (last) to->set_ready();
        }
        if (head.type == NGHTTP2_HEADERS || head.length > 0 || last) return 0;
        break;
      case NGHTTP2_SETTINGS:
        connection(user).greeted_ = true;
        break;
      case NGHTTP2_PING:
      case NGHTTP2_PRIORITY:
      case NGHTTP2_RST_STREAM:
        break;
      default:
        return 0;
    }
    return connection(user).note_idle_frame() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  // The answer is out and the request is not in, as it was refused: nobody wants the rest.
  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    const bool answers = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!answers || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session, int32_t stream, uint32_t, void*) {
    if (Exchange* const to = exchange(session, stream)) {
      nghttp2_session_set_stream_user_data(session, stream, nullptr);
      to->close_stream();
    }
    return 0;
  }

  static ssize_t offer(nghttp2_session* session, int32_t stream, uint8_t*, size_t room, uint32_t* flags,
                       nghttp2_data_source*, void*) {
    const Exchange* const from = exchange(session, stream);
    if (from == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return from->offer(room, flags);
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head, size_t bytes,
                       nghttp2_data_source*, void* user) {
    constexpr size_t head_bytes = 9;
    Http2Connection& to = connection(user);
    if (to.out_.size() >= out_bytes) return NGHTTP2_ERR_WOULDBLOCK;
    Exchange* const from = exchange(session, frame->hd.stream_id);
    if (from == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    to.out_.append(text_of(head, head_bytes));
    from->take_out(to.out_, bytes);
    return 0;
  }

  // Made once for all connections.
  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      CHECK(nghttp2_session_callbacks_new(&made) == 0);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_closed);
      nghttp2_session_callbacks_set_send_data_callback(made, send_data);
      return made;
    }();
    return callbacks;
  }
  static const nghttp2_option* options() {
    static const nghttp2_option* const options = [] {
      nghttp2_option* made = nullptr;
      CHECK(nghttp2_option_new(&made) == 0);
      nghttp2_option_set_max_outbound_ack(made, unsent_acknowledgements_max);
      nghttp2_option_set_stream_reset_rate_limit(made, reset_burst, resets_per_second);
      nghttp2_option_set_no_closed_streams(made, 1);
      return made;
    }();
    return options;
  }
};

void Http2Connection::Exchange::add_header(std::string_view name, std::string_view value) {
  header_bytes_ += name.size() + value.size() + header_overhead_bytes;
  if (refusal_status_ != 0 || header_bytes_ > connection_->host_->limits.header_bytes_max) return;
  kept_header_bytes_ = header_bytes_;
  account_request();
  if (refusal_status_ != 0) return;
  const auto keep = [this](std::string_view text) {
    const Span span{static_cast<uint32_t>(head_.size()), static_cast<uint32_t>(text.size())};
    head_ += text;
    return span;
  };
  if (name == ":method") {
    method_ = keep(value);
    discard_body_ = value == "HEAD";
  } else if (name == ":path") {
    path_ = keep(value);
  } else if (name == ":authority") {
    authority_ = keep(value);
    // As it is signed: AWS's SDK for JavaScript signs it under the name that it has here, others as Host.
    headers_.push_back({keep("host"), authority_});
    headers_.push_back({keep(name), authority_});
  } else if (name.starts_with(':')) {
    return;
  } else if (name == "host") {
    if (authority_.size == 0) headers_.push_back({keep(name), keep(value)});
  } else {
    if (name == "content-length") {
      size_t length = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), length);
      if (parsed.ec == std::errc::result_out_of_range) length = SIZE_MAX;
      length_ = length;  // nghttp2 refuses what is no number, and another length than that of the body
    } else if (name == "expect") {
      expects_continue_ = value == "100-continue";
    }
    const Span kept = keep(name);
    headers_.push_back({kept, keep(value)});
  }
}

void Http2Connection::Exchange::head_complete() {
  head_complete_ = true;
  if (refusal_status_ != 0) return set_ready();
  if (method_.size == 0 || path_.size == 0) return refuse(501, "CONNECT is not spoken here");
  if (length_ && *length_ > connection_->host_->limits.body_bytes_max) {
    return refuse(413, "the request's body is too large");
  }
  if (length_) {
    body_.reserve(std::min(*length_, first_body_bytes) + padding_bytes);
    account_request();
  }
  if (expects_continue_) {
    const nghttp2_nv status = field(":status", "100", NGHTTP2_NV_FLAG_NO_COPY_NAME);
    nghttp2_submit_headers(connection_->session_, NGHTTP2_FLAG_NONE, id_, nullptr, &status, 1, nullptr);
  }
}

void Http2Connection::Exchange::add_body(std::string_view bytes) {
  if (state_ != State::receiving || refusal_status_ != 0) return;
  if (body_.size() + bytes.size() > connection_->host_->limits.body_bytes_max) {
    return refuse(413, "the request's body is too large");
  }
  // Room for all of a length that is known, once a part of it has come.
  if (length_ && body_.size() + bytes.size() + padding_bytes > body_.capacity()) {
    body_.reserve(std::max(*length_, body_.size() + bytes.size()) + padding_bytes);
  }
  body_ += bytes;
  account_request();
}

void Http2Connection::Exchange::account_request() {
  const size_t bytes = body_.capacity() + kept_header_bytes_;
  if (bytes == accounted_bytes_) return;
  ConnectionHost& host = *connection_->host_;
  host.buffered_bytes += bytes - accounted_bytes_;
  connection_->buffered_bytes_ += bytes - accounted_bytes_;
  accounted_bytes_ = bytes;
  if (connection_->buffered_bytes_ > body_bytes_max || host.buffered_bytes > host.limits.buffered_bytes_max) {
    refuse(503, buffers_are_full);
  }
}

void Http2Connection::Exchange::drop_request() {
  body_ = {};
  head_ = {};
  headers_ = {};
  kept_header_bytes_ = 0;
  if (connection_ == nullptr) return;
  connection_->host_->buffered_bytes -= accounted_bytes_;
  connection_->buffered_bytes_ -= accounted_bytes_;
  accounted_bytes_ = 0;
}

void Http2Connection::Exchange::refuse(int status, std::string_view reason) {
  if (state_ != State::receiving || refusal_status_ != 0) return;
  refusal_status_ = status;
  refusal_reason_ = reason;
  drop_request();
  if (head_complete_) set_ready();
}

void Http2Connection::Exchange::set_ready() {
  if (state_ != State::receiving) return;
  state_ = State::ready;
  connection_->ready_.push_back(shared_from_this());
}

void Http2Connection::Exchange::dispatch() {
  ConnectionHost& host = *connection_->host_;
  state_ = State::handling;
  ++connection_->handling_;
  if (refusal_status_ != 0) return send_here(host.refusal(refusal_status_, refusal_reason_));
  if (!host.has_room_for_answers()) {
    if (connection_ != nullptr) send_here(host.refusal(503, answers_are_unread));
    return;
  }
  if (connection_ == nullptr) return;
  host.reactor.note_work();
  const char* const at = head_.data();
  Request request;
  request.method = method_.in(at);
  request.target = path_.in(at);
  const size_t question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string_view::npos) request.query = request.target.substr(question + 1);
  auto& headers = host.headers;
  headers.clear();
  for (const HeaderSpan& header : headers_) headers.push_back({header.name.in(at), header.value.in(at)});
  request.headers = headers;
  body_.reserve(body_.size() + padding_bytes);
  request.body = body_;
  request.peer = connection_->peer_;
  const auto self = shared_from_this();
  host.handler(request, Reply(self));
  drop_request();
}

void Http2Connection::Exchange::send(Response response) {
  if (EpollReactor::runs_here(reactor_)) return send_here(std::move(response));
  tasks_->post(
      [self = shared_from_this(), response = std::move(response)]() mutable { self->send_here(std::move(response)); });
}

bool Http2Connection::Exchange::begin_answer() {
  if (connection_ == nullptr) return false;
  CHECK(state_ == State::handling);
  state_ = State::answering;
  --connection_->handling_;
  connection_->advance_soon();
  if (closed_) {
    connection_->remove(*this);
    return false;
  }
  progress_ms_ = connection_->host_->reactor.now_ms();
  return true;
}

void Http2Connection::Exchange::send_here(Response response) {
  if (!begin_answer()) return;
  complete_ = true;
  const bool with_length = has_body(response.status);
  const bool with_body = with_length && !discard_body_ && !response.body.empty();
  submit(response, with_length, with_body);
  if (!with_body) return;
  out_ = std::move(response.body);
  connection_->unsent_bytes_ += out_.size();
  connection_->account();
}

void Http2Connection::Exchange::submit(const Response& head, bool with_length, bool with_body) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(4 + head.headers.size());
  std::array<char, 24> status, length;
  const auto digits = [](std::array<char, 24>& to, size_t number) {
    const auto end = std::to_chars(to.data(), to.data() + to.size(), number).ptr;
    return std::string_view(to.data(), static_cast<size_t>(end - to.data()));
  };
  constexpr uint8_t literal_name = NGHTTP2_NV_FLAG_NO_COPY_NAME;
  fields.push_back(field(":status", digits(status, static_cast<size_t>(head.status)), literal_name));
  fields.push_back(field("date", connection_->host_->reactor.date(), literal_name));
  if (!head.content_type.empty()) fields.push_back(field("content-type", head.content_type, literal_name));
  if (with_length) fields.push_back(field("content-length", digits(length, head.body.size()), literal_name));
  // A line break in a value would be a header of somebody else's choice to a proxy that speaks HTTP/1.1.
  std::vector<std::string> mended;
  mended.reserve(head.headers.size());
  for (const auto& [name, value] : head.headers) {
    std::string_view sent = value;
    if (value.find_first_of("\r\n") != std::string::npos) {
      std::string& copy = mended.emplace_back(value);
      std::ranges::replace_if(
          copy, [](char c) { return c == '\r' || c == '\n'; }, ' ');
      sent = copy;
    }
    // Ids and checksums, mostly: they would only push out of the table what comes again.
    fields.push_back(field(name, sent, NGHTTP2_NV_FLAG_NO_INDEX));
  }
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::offer;
  nghttp2_submit_response(connection_->session_, id_, fields.data(), fields.size(), with_body ? &body : nullptr);
}

std::shared_ptr<Reply::Stream> Http2Connection::Exchange::stream(Response head, std::function<void()> moved) {
  auto state = std::make_shared<StreamState>(std::move(moved));
  auto writer = make_reply_stream(shared_from_this(), state, stream_pending_bytes_max_, reactor_, tasks_);
  if (EpollReactor::runs_here(reactor_)) {
    begin_stream(std::move(head), std::move(state));
  } else {
    tasks_->post([self = shared_from_this(), head = std::move(head), state = std::move(state)]() mutable {
      self->begin_stream(std::move(head), std::move(state));
    });
  }
  return writer;
}

void Http2Connection::Exchange::begin_stream(Response head, std::shared_ptr<StreamState> stream) {
  if (!begin_answer()) {
    stream->set_gone();
    return;
  }
  stream_ = std::move(stream);
  complete_ = discard_body_;
  submit(head, false, !discard_body_);
  write_chunk(head.body);
}

void Http2Connection::Exchange::write_chunk(std::string_view chunk) {
  if (connection_ == nullptr || closed_) return;
  if (complete_) return stream_->set_unsent(unsent());
  if (chunk.empty()) return;
  if (unsent() == 0) progress_ms_ = connection_->host_->reactor.now_ms();
  out_ += chunk;
  connection_->unsent_bytes_ += chunk.size();
  stream_->set_unsent(unsent());
  nghttp2_session_resume_data(connection_->session_, id_);
  connection_->account();
  connection_->advance_soon();
  // Endless answers come without requests, so the budget is looked after here. This connection may be the slowest.
  connection_->host_->has_room_for_answers();
}

void Http2Connection::Exchange::end_stream() {
  if (connection_ == nullptr || closed_ || complete_) return;
  complete_ = true;
  nghttp2_session_resume_data(connection_->session_, id_);
  connection_->advance_soon();
}

ssize_t Http2Connection::Exchange::offer(size_t room, uint32_t* flags) const {
  const size_t left = unsent();
  if (left == 0 && !complete_) return NGHTTP2_ERR_DEFERRED;
  const size_t bytes = std::min(left, room);
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (complete_ && bytes == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(bytes);
}

void Http2Connection::Exchange::take_out(std::string& out, size_t bytes) {
  out.append(out_, out_sent_, bytes);
  out_sent_ += bytes;
  connection_->unsent_bytes_ -= bytes;
  progress_ms_ = connection_->host_->reactor.now_ms();
  if (stream_) {
    // What an endless answer has sent is forgotten now and then.
    if (out_sent_ == out_.size() || out_sent_ > stream_pending_bytes_max_) {
      out_.erase(0, out_sent_);
      out_sent_ = 0;
      if (out_.empty() && out_.capacity() > out_bytes) out_ = {};
    }
    stream_->set_unsent(unsent());
  }
}

void Http2Connection::Exchange::drop_answer() {
  if (connection_ != nullptr) connection_->unsent_bytes_ -= unsent();
  out_ = {};
  out_sent_ = 0;
  if (stream_) stream_->set_gone();
}

void Http2Connection::Exchange::close_stream() {
  closed_ = true;
  drop_answer();
  if (state_ == State::handling) return;  // its views are in use, or its answer is still to come
  drop_request();
  connection_->remove(*this);
}

void Http2Connection::Exchange::detach() {
  drop_request();
  drop_answer();
  closed_ = true;
  connection_ = nullptr;
}

bool Http2Connection::Exchange::sweep(int64_t now_ms) {
  if (closed_ || now_ms - progress_ms_ < connection_->host_->limits.request_ms_max) return true;
  if (state_ == State::receiving) {
    if (!head_complete_) return false;  // nothing else can come before the rest of it
    refuse(408, "the request took too long to arrive");
  } else if (waits_to_be_read() && complete_) {  // an endless answer is read as fast as its reader likes
    nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  }
  return true;
}

Http2Connection::Http2Connection(Handover from) : Connection(std::move(from)) {
  const int made = nghttp2_session_server_new2(&session_, Callbacks::all(), this, Callbacks::options());
  CHECK(made == 0, "nghttp2: {}", nghttp2_strerror(made));
  active_ms_ = sent_ms_ = idle_frames_ms_ = host_->reactor.now_ms();
}

Http2Connection::~Http2Connection() {
  nghttp2_session_del(session_);
}

void Http2Connection::begin(std::string_view received) {
  const std::array<nghttp2_settings_entry, 3> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(stream_window_bytes)},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(host_->limits.header_bytes_max)}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window_bytes);
  take(received);
  advance();
}

void Http2Connection::close() {
  if (host_ == nullptr) return;
  const auto self = shared_from_this();
  for (const auto& exchange : exchanges_) exchange->detach();
  exchanges_.clear();
  ready_.clear();
  out_ = {};
  out_sent_ = 0;
  account();
  leave();
}

void Http2Connection::sweep(int64_t now_ms) {
  const auto self = shared_from_this();
  const ServerLimits& limits = host_->limits;
  if (draining_) {
    if (now_ms >= deadline_ms_) close();
    return;
  }
  if (!out_.empty() && now_ms - sent_ms_ >= limits.request_ms_max) return close();
  const auto exchanges = exchanges_;  // a sweep may remove some
  for (const auto& exchange : exchanges) {
    if (!exchange->sweep(now_ms)) return finish();
  }
  if (exchanges_.empty()) {
    if (out_.empty() && out_.capacity() > out_bytes_kept) out_ = {};
    if (now_ms - active_ms_ >= (greeted_ ? limits.idle_ms_max : limits.first_request_ms_max)) return finish();
  }
  advance();
}

std::optional<int64_t> Http2Connection::unread_since_ms() const {
  std::optional<int64_t> since;
  if (!out_.empty()) since = sent_ms_;
  for (const auto& exchange : exchanges_) {
    if (exchange->waits_to_be_read() && (!since || exchange->progress_ms() < *since)) since = exchange->progress_ms();
  }
  return since;
}

std::optional<int64_t> Http2Connection::idle_since_ms() const {
  return exchanges_.empty() ? std::optional(active_ms_) : std::nullopt;
}

void Http2Connection::on_events(uint32_t events) {
  const auto self = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  advance();
}

void Http2Connection::advance_soon() {
  if (advancing_ || posted_) return;
  posted_ = true;
  // All answers of this turn are written together.
  host_->reactor.post([self = self()] {
    self->posted_ = false;
    self->advance();
  });
}

void Http2Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  for (int round = 0; host_ != nullptr; ++round) {
    if (draining_) {
      while (host_ != nullptr && drain()) {
      }
      break;
    }
    // Frames that a client does not read and that are no answers pile up in nghttp2: it has to read first.
    bool again = nghttp2_session_get_outbound_queue_size(session_) < queued_frames_max && receive();
    if (host_ != nullptr) dispatch_ready();
    if (host_ != nullptr) again |= write_out() && transport_->may_receive();
    if (host_ == nullptr || draining_) continue;
    if (!again && !may_dispatch()) break;
    if (round == rounds_per_turn_max) {
      host_->reactor.post([self = self()] { self->advance(); });
      break;
    }
  }
  advancing_ = false;
}

bool Http2Connection::receive() {
  if (failed_ || !transport_->may_receive()) return false;
  std::array<char, in_bytes> bytes;
  const Transport::Moved received = transport_->receive(bytes.data(), bytes.size());
  if (received.state == Transport::State::ended) close();
  if (received.state != Transport::State::moved) return false;
  take({bytes.data(), received.bytes});
  return true;
}

void Http2Connection::take(std::string_view bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return;
  failed_ = true;
  const bool too_much = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_CALLBACK_FAILURE;
  nghttp2_session_terminate_session(session_, too_much ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

bool Http2Connection::note_idle_frame() {
  const int64_t now = host_->reactor.now_ms();
  constexpr int64_t ms_per_second = 1'000;
  const int64_t more = (now - idle_frames_ms_) * idle_frames_per_second / ms_per_second;
  if (more > 0) {
    idle_frames_ = std::min(idle_frames_max, idle_frames_ + more);
    idle_frames_ms_ = now;
  }
  return --idle_frames_ >= 0;
}

bool Http2Connection::may_dispatch() const {
  return !ready_.empty() && !failed_ && unsent_bytes_ <= unsent_bytes_max && handling_ < streams_max;
}

void Http2Connection::dispatch_ready() {
  for (int requests = 0; requests < requests_per_round_max && may_dispatch(); ++requests) {
    const auto exchange = std::move(ready_.front());
    ready_.pop_front();
    if (exchange->closed()) continue;
    exchange->dispatch();
    if (host_ == nullptr) return;
  }
}

bool Http2Connection::write_out() {
  if (out_.empty()) sent_ms_ = host_->reactor.now_ms();
  for (;;) {
    while (out_.size() < out_bytes) {
      const uint8_t* frames = nullptr;
      const ssize_t bytes = nghttp2_session_mem_send(session_, &frames);
      if (bytes < 0) {
        close();
        return false;
      }
      if (bytes == 0) break;
      out_.append(text_of(frames, static_cast<size_t>(bytes)));
    }
    if (out_.empty()) break;
    const iovec part{out_.data() + out_sent_, out_.size() - out_sent_};
    const Transport::Moved sent = transport_->send({&part, 1});
    if (sent.state == Transport::State::ended) close();
    if (host_ == nullptr) return false;
    out_sent_ += sent.bytes;
    if (out_sent_ == out_.size()) {
      out_.clear();
      out_sent_ = 0;
    }
    account();
    if (sent.state == Transport::State::blocked) return false;
    sent_ms_ = host_->reactor.now_ms();
  }
  const bool over = nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (over || failed_) finish();
  return true;
}

void Http2Connection::finish() {
  if (draining_) return;
  if (!failed_) nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  const uint8_t* frames = nullptr;
  ssize_t bytes = 0;
  while ((bytes = nghttp2_session_mem_send(session_, &frames)) > 0) {
    out_.append(text_of(frames, static_cast<size_t>(bytes)));
  }
  if (!out_.empty()) {
    const iovec part{out_.data() + out_sent_, out_.size() - out_sent_};
    transport_->send({&part, 1});  // the last word, if there is room for it
  }
  for (const auto& exchange : exchanges_) exchange->detach();
  exchanges_.clear();
  ready_.clear();
  out_ = {};
  out_sent_ = 0;
  account();
  transport_->finish();
  draining_ = true;
  deadline_ms_ = host_->reactor.now_ms() + drain_ms_max;
}

// As in HTTP/1.1: a socket closed with unread bytes in it is reset, and the client might lose the last word.
bool Http2Connection::drain() {
  if (!transport_->may_receive()) return false;
  std::array<char, in_bytes> bytes;
  const Transport::Moved received = transport_->receive(bytes.data(), bytes.size());
  if (received.state == Transport::State::blocked) return false;
  drained_ += received.bytes;
  if (received.state == Transport::State::moved && drained_ <= drain_bytes_max) return true;
  close();
  return false;
}

void Http2Connection::account() {
  const size_t bytes = host_ == nullptr ? 0 : unsent_bytes_ + (out_.size() - out_sent_);
  host_->answer_bytes += bytes - accounted_;
  accounted_ = bytes;
}

void Http2Connection::remove(Exchange& exchange) {
  const std::shared_ptr<Exchange> held = exchanges_[exchange.index_];
  exchanges_.back()->index_ = exchange.index_;
  std::swap(exchanges_[exchange.index_], exchanges_.back());
  exchanges_.pop_back();
  held->detach();
  active_ms_ = host_->reactor.now_ms();
}

}  // namespace millrace::http
