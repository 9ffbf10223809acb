#include "http/http1_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/status.h"

namespace millrace::http {

Http1Connection::Http1Connection(Handover from)
    : Connection(std::move(from)), stream_pending_bytes_max_(host_->limits.stream_pending_bytes_max) {}

void Http1Connection::begin(std::string_view received) {
  active_ms_ = host_->reactor.now_ms();
  deadline_ms_ = active_ms_ + host_->limits.request_ms_max;
  if (reserve(received.size())) {
    std::memcpy(buffer_.get(), received.data(), received.size());
    end_ = received.size();
  } else {
    refuse(503, buffers_are_full);
  }
  advance();
}

void Http1Connection::close() {
  if (host_ == nullptr) return;
  const auto self = shared_from_this();  // the list below may hold the last pointer
  parser_.reset();
  account_chunked();
  account_answer(0);
  release_buffer();
  leave();
  if (stream_) stream_->set_gone();
}

void Http1Connection::sweep(int64_t now_ms) {
  if (deadline_ms_ != 0 && now_ms >= deadline_ms_) {
    deadline_ms_ = 0;
    if (state_ == State::receiving && end_ > begin_) {
      refuse(408, "the request took too long to arrive");
      return advance();
    }
    return close();
  }
  if (capacity_ > buffer_bytes_kept && begin_ == end_ && state_ == State::receiving &&
      now_ms - active_ms_ >= shrink_after_ms) {
    release_buffer();
    if (out_head_.capacity() > buffer_bytes_kept) out_head_ = {};
  }
}

void Http1Connection::on_events(uint32_t events) {
  const auto self = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  if ((events & EPOLLRDHUP) && state_ == State::streaming) return close();
  advance();
}

void Http1Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  int requests = 0;
  while (host_ != nullptr) {
    if (state_ == State::receiving) {
      if (requests == requests_per_turn_max) {
        host_->reactor.post([self = self()] { self->advance(); });
        break;
      }
      const Parsed parsed = parse();
      if (parsed == Parsed::need_more && !fill()) break;
      if (parsed == Parsed::complete) {
        ++requests;
        dispatch();
      }
    } else if (state_ == State::writing) {
      if (!write_out()) break;
      after_answer();
    } else if (state_ == State::streaming) {
      if (!write_out()) break;
      if (!stream_ended_) break;
      after_answer();
    } else if (state_ == State::draining) {
      if (!drain()) break;
    } else {
      break;  // handling: the answer goes on from here
    }
  }
  advancing_ = false;
}

bool Http1Connection::reserve(size_t bytes) {
  if (bytes <= capacity_) return true;
  const size_t capacity = std::max(bytes, buffer_bytes_initial);
  if (host_->buffered_bytes - capacity_ + capacity > host_->limits.buffered_bytes_max) return false;
  auto buffer = std::make_unique_for_overwrite<char[]>(capacity + padding_bytes);
  if (end_ > begin_) std::memcpy(buffer.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  host_->buffered_bytes += capacity - capacity_;
  buffer_ = std::move(buffer);
  capacity_ = capacity;
  return true;
}

void Http1Connection::account_chunked() {
  const size_t bytes = parser_ && chunked_in_ ? parser_->chunked_body().size() : 0;
  host_->buffered_bytes += bytes - chunked_accounted_;
  chunked_accounted_ = bytes;
}

void Http1Connection::release_buffer() {
  host_->buffered_bytes -= capacity_;
  buffer_.reset();
  capacity_ = begin_ = end_ = 0;
}

bool Http1Connection::fill() {
  if (host_ == nullptr || !transport_->may_receive()) return false;
  // Room for the whole body once its size is known, else for as much again.
  const size_t request_bytes = head_done_ && !chunked_in_ ? body_begin_ + body_size_ : 0;
  if (begin_ > 0 && (end_ == capacity_ || begin_ + request_bytes > capacity_)) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t wanted = std::max({request_bytes, end_ == capacity_ ? capacity_ * 2 : capacity_, size_t{1}});
  if (!reserve(wanted)) {
    refuse(503, buffers_are_full);
    return true;
  }
  const size_t room = capacity_ - end_;
  const Transport::Moved received = transport_->receive(buffer_.get() + end_, room);
  if (received.state == Transport::State::moved) {
    const int64_t now = host_->reactor.now_ms();
    if (begin_ == end_) deadline_ms_ = now + host_->limits.request_ms_max;
    active_ms_ = now;
    end_ += received.bytes;
    return true;
  }
  if (received.state == Transport::State::ended) close();
  return false;
}

Http1Connection::Parsed Http1Connection::parse() {
  if (!parser_) {
    // RFC 9112, 2.2: an empty line before the request is skipped.
    while (end_ - begin_ >= 2 && std::memcmp(buffer_.get() + begin_, "\r\n", 2) == 0) begin_ += 2;
    if (begin_ == end_) return Parsed::need_more;
    parser_.emplace(host_->parser_limits, headers_);
    parsed_ = 0;
    head_done_ = chunked_in_ = continue_sent_ = false;
  }
  if (!head_done_) {
    switch (parser_->parse(buffer_.get() + begin_, parsed_, end_ - begin_)) {
      case RequestParser::Progress::need_more:
        return Parsed::need_more;
      case RequestParser::Progress::refused:
        refuse(parser_->refusal().status, parser_->refusal().reason);
        return Parsed::refused;
      default:
        break;
    }
    head_done_ = true;
    chunked_in_ = parser_->chunked();
    body_begin_ = parsed_;
    const auto length = parser_->content_length();
    body_size_ = length ? static_cast<size_t>(*length) : 0;
  }
  return parse_body();
}

Http1Connection::Parsed Http1Connection::parse_body() {
  if (chunked_in_) {
    parser_->eager(true);
    const auto progress = parser_->parse(buffer_.get() + begin_, parsed_, end_ - begin_);
    if (progress == RequestParser::Progress::refused) {
      refuse(parser_->refusal().status, parser_->refusal().reason);
      return Parsed::refused;
    }
    account_chunked();
    if (host_->buffered_bytes > host_->limits.buffered_bytes_max) {
      refuse(503, buffers_are_full);
      return Parsed::refused;
    }
    if (progress == RequestParser::Progress::done) return Parsed::complete;
    // What is decoded makes room; the head stays, the headers are views into it.
    char* const raw_begin = buffer_.get() + begin_ + body_begin_;
    std::memmove(raw_begin, buffer_.get() + begin_ + parsed_, end_ - begin_ - parsed_);
    end_ -= parsed_ - body_begin_;
    parsed_ = body_begin_;
  } else if (end_ - begin_ >= body_begin_ + body_size_) {
    return Parsed::complete;
  }
  if (parser_->expects_continue() && !continue_sent_) {
    continue_sent_ = true;
    // Nothing else is on its way out: the line fits the socket's buffer.
    static constexpr std::string_view line = "HTTP/1.1 100 Continue\r\n\r\n";
    const iovec part{const_cast<char*>(line.data()), line.size()};
    if (transport_->send({&part, 1}).bytes != line.size()) {
      close();
      return Parsed::refused;
    }
  }
  return Parsed::need_more;
}

void Http1Connection::account_answer(size_t bytes) {
  host_->answer_bytes += bytes - answer_accounted_;
  answer_accounted_ = bytes;
}

void Http1Connection::dispatch() {
  if (!host_->has_room_for_answers()) return refuse(503, answers_are_unread);
  state_ = State::handling;
  deadline_ms_ = 0;
  host_->reactor.note_work();
  keep_alive_ = parser_->keep_alive();
  discard_body_ = parser_->is_head();
  const char* const at = buffer_.get() + begin_;
  Request request;
  request.method = parser_->method().in(at);
  request.target = parser_->target().in(at);
  const size_t question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string_view::npos) request.query = request.target.substr(question + 1);
  auto& headers = host_->headers;
  headers.clear();
  for (const HeaderSpan& header : headers_) headers.push_back({header.name.in(at), header.value.in(at)});
  request.headers = headers;
  if (chunked_in_) {
    std::string& body = parser_->chunked_body();
    body.reserve(body.size() + padding_bytes);
    request.body = body;
  } else {
    request.body = {at + body_begin_, body_size_};
  }
  request.peer = peer_;
  // The handler may answer at once; the answer is written when it returns, for its request's views' sake.
  host_->handler(request, Reply(self()));
}

void Http1Connection::next_request() {
  begin_ += chunked_in_ ? parsed_ : body_begin_ + body_size_;
  if (begin_ == end_) begin_ = end_ = 0;
  parser_.reset();
  account_chunked();
  state_ = State::receiving;
  const int64_t now = host_->reactor.now_ms();
  active_ms_ = now;
  deadline_ms_ = now + (begin_ == end_ ? host_->limits.idle_ms_max : host_->limits.request_ms_max);
}

void Http1Connection::refuse(int status, std::string_view reason) {
  keep_alive_ = false;
  discard_body_ = parser_ && parser_->is_head();
  drained_ = 1;  // the client may still be sending: its bytes are read and dropped after the answer
  answer(host_->refusal(status, reason));
}

void Http1Connection::write_head(const Response& response, bool chunked) {
  std::string& out = out_head_;
  out.clear();
  out_sent_ = 0;
  append_status_line(out, response.status);
  out += "Date: ";
  out += host_->reactor.date();
  if (!response.content_type.empty()) {
    out += "\r\nContent-Type: ";
    out += response.content_type;
  }
  if (chunked) {
    out += "\r\nTransfer-Encoding: chunked";
  } else if (has_body(response.status) && !(state_ == State::streaming)) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), response.body.size()).ptr;
    out += "\r\nContent-Length: ";
    out.append(digits, end);
  }
  for (const auto& [name, value] : response.headers) {
    out += "\r\n";
    out += name;
    out += ": ";
    const size_t value_begin = out.size();
    out += value;
    // A line break in a value would begin a header of somebody else's choice.
    for (size_t i = value_begin; i < out.size(); ++i) {
      if (out[i] == '\r' || out[i] == '\n') out[i] = ' ';
    }
  }
  if (!keep_alive_) {
    out += "\r\nConnection: close";
  } else if (parser_ && !parser_->is_http_1_1()) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
}

void Http1Connection::answer(Response response) {
  state_ = State::writing;
  write_head(response, false);
  out_body_ = std::move(response.body);
  if (discard_body_ || !has_body(response.status)) out_body_.clear();
  account_answer(out_body_.size());
  active_ms_ = host_->reactor.now_ms();
  deadline_ms_ = host_->reactor.now_ms() + host_->limits.request_ms_max;
}

bool Http1Connection::write_out() {
  size_t total = out_head_.size() + out_body_.size();
  while (out_sent_ < total) {
    iovec parts[2];
    int count = 0;
    if (out_sent_ < out_head_.size()) {
      parts[count++] = {out_head_.data() + out_sent_, out_head_.size() - out_sent_};
      if (!out_body_.empty()) parts[count++] = {out_body_.data(), out_body_.size()};
    } else {
      const size_t sent = out_sent_ - out_head_.size();
      parts[count++] = {out_body_.data() + sent, out_body_.size() - sent};
    }
    const Transport::Moved sent = transport_->send({parts, static_cast<size_t>(count)});
    if (sent.state == Transport::State::ended) close();
    if (sent.state != Transport::State::moved) return false;
    out_sent_ += sent.bytes;
    const int64_t now = host_->reactor.now_ms();
    active_ms_ = now;
    // A client that reads slowly is given time as long as it reads.
    deadline_ms_ = state_ == State::streaming && !stream_ended_ ? 0 : now + host_->limits.request_ms_max;
    if (stream_) {
      // What an endless answer has sent is forgotten now and then.
      if (out_sent_ > stream_pending_bytes_max_ && out_sent_ < total) {
        out_head_.erase(0, out_sent_);
        total -= out_sent_;
        out_sent_ = 0;
      }
      note_unsent();
    }
  }
  if (stream_) {
    out_head_.clear();
    if (out_head_.capacity() > buffer_bytes_kept) out_head_ = {};
    out_sent_ = 0;
    note_unsent();
  }
  return true;
}

void Http1Connection::after_answer() {
  out_body_ = {};
  account_answer(0);
  stream_.reset();
  stream_ended_ = false;
  if (keep_alive_) return next_request();
  if (drained_ == 0 && (transport_->peer_finished() || begin_ + body_begin_ + body_size_ == end_) && !chunked_in_)
    return close();
  transport_->finish();
  state_ = State::draining;
  drained_ = 0;
  deadline_ms_ = host_->reactor.now_ms() + drain_ms_max;
}

// A socket closed with unread bytes in it makes the kernel reset the connection, and the client might lose
// the answer: so what still arrives is read and dropped, up to a bound.
bool Http1Connection::drain() {
  if (!transport_->may_receive()) return false;
  if (!reserve(buffer_bytes_initial)) {
    close();
    return false;
  }
  const Transport::Moved received = transport_->receive(buffer_.get(), capacity_);
  if (received.state == Transport::State::blocked) return false;
  drained_ += received.bytes;
  if (received.state == Transport::State::moved && drained_ <= drain_bytes_max) return true;
  close();
  return false;
}

void Http1Connection::send(Response response) {
  if (EpollReactor::runs_here(reactor_)) return send_here(std::move(response));
  tasks_->post([self = self(), response = std::move(response)]() mutable { self->send_here(std::move(response)); });
}

void Http1Connection::send_here(Response response) {
  if (host_ == nullptr) return;
  CHECK(state_ == State::handling);
  answer(std::move(response));
  advance();
}

void Http1Connection::drop() {
  send(not_answered());
}

bool Http1Connection::gone() const {
  return host_ == nullptr || transport_->peer_finished();
}

std::shared_ptr<Reply::Stream> Http1Connection::stream(Response head, std::function<void()> moved) {
  auto state = std::make_shared<StreamState>(std::move(moved));
  auto writer = make_reply_stream(self(), state, stream_pending_bytes_max_, reactor_, tasks_);
  if (EpollReactor::runs_here(reactor_)) {
    begin_stream(std::move(head), std::move(state));
  } else {
    tasks_->post([self = self(), head = std::move(head), state = std::move(state)]() mutable {
      self->begin_stream(std::move(head), std::move(state));
    });
  }
  return writer;
}

void Http1Connection::begin_stream(Response head, std::shared_ptr<StreamState> stream) {
  if (host_ == nullptr || transport_->peer_finished()) {
    stream->set_gone();
    return close();
  }
  CHECK(state_ == State::handling);
  stream_ = std::move(stream);
  state_ = State::streaming;
  stream_ended_ = false;
  chunked_out_ = parser_->is_http_1_1();
  if (!chunked_out_) keep_alive_ = false;
  write_head(head, chunked_out_);
  if (!head.body.empty()) write_chunk(head.body);
  advance();
}

void Http1Connection::write_chunk(std::string_view chunk) {
  if (host_ == nullptr || state_ != State::streaming || stream_ended_) return;
  if (discard_body_) return note_unsent();
  if (out_head_.empty()) active_ms_ = host_->reactor.now_ms();
  if (chunked_out_) {
    char size[24];
    const auto end = std::to_chars(size, size + sizeof(size), chunk.size(), 16).ptr;
    out_head_.append(size, end);
    out_head_ += "\r\n";
    out_head_ += chunk;
    out_head_ += "\r\n";
  } else {
    out_head_ += chunk;
  }
  note_unsent();
  advance();
  // Endless answers come without requests, so the budget is looked after here. This connection may be the slowest.
  if (host_ != nullptr) host_->has_room_for_answers();
}

void Http1Connection::note_unsent() {
  const size_t unsent = out_head_.size() - out_sent_;
  account_answer(unsent);
  stream_->set_unsent(unsent);
}

void Http1Connection::end_stream() {
  if (host_ == nullptr || state_ != State::streaming || stream_ended_) return;
  if (chunked_out_ && !discard_body_) out_head_ += "0\r\n\r\n";
  stream_ended_ = true;
  deadline_ms_ = host_->reactor.now_ms() + host_->limits.request_ms_max;
  advance();
}

}  // namespace millrace::http
