#include "http/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <boost/beast/http/basic_parser.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/clock.h"

namespace millrace::http {
namespace {

namespace beast = boost::beast::http;

class ResponseParser final : public beast::basic_parser<false> {
 public:
  explicit ResponseParser(ClientResponse& response, bool head_only) : response_(response) {
    eager(true);
    skip(head_only);
    header_limit(64 * 1024);
    body_limit(boost::none);
  }

 private:
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;

  void on_request_impl(beast::verb, text, text, int, error_code&) override {}
  void on_response_impl(int status, text, int, error_code&) override { response_.status = status; }
  void on_field_impl(beast::field, text name, text value, error_code&) override {
    std::string lower(name);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    response_.headers.emplace_back(std::move(lower), std::string(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>& size, error_code&) override {
    if (size) response_.body.reserve(std::min<uint64_t>(*size, uint64_t{64} << 20));
  }
  size_t on_body_impl(text body, error_code&) override {
    response_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, text, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, text body, error_code&) override {
    response_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  ClientResponse& response_;
};

}  // namespace

class Client::Connection {
 public:
  Connection(std::string host, uint16_t port, int64_t timeout_ms)
      : host_(std::move(host)), port_(port), timeout_ms_(timeout_ms) {}
  ~Connection() { close(); }

  Result<ClientResponse> request(std::string_view method, std::string_view target,
                                 const std::vector<std::pair<std::string, std::string>>& headers,
                                 std::string_view body) {
    deadline_ns_ = timeout_ms_ == 0 ? 0 : base::system_clock().monotonic_ns() + timeout_ms_ * 1'000'000;
    write_head(method, target, headers, body);
    for (const bool reused : {fd_ >= 0, false}) {
      if (fd_ < 0) TRY(connect());
      answered_ = false;
      auto response = exchange(method == "HEAD", body);
      if (response) return response;
      close();
      if (!reused || answered_ || timed_out_) return response;
    }
    return fail(ErrorKind::unavailable, "{}:{} closes every connection", host_, port_);
  }

 private:
  static constexpr size_t in_bytes_max = 128 * 1024;

  void write_head(std::string_view method, std::string_view target,
                  const std::vector<std::pair<std::string, std::string>>& headers, std::string_view body) {
    head_.clear();
    head_.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host_);
    head_.append(":").append(std::to_string(port_));
    for (const auto& [name, value] : headers) head_.append("\r\n").append(name).append(": ").append(value);
    if (!body.empty() || (method != "GET" && method != "HEAD")) {
      head_.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    }
    head_.append("\r\n\r\n");
  }

  Result<ClientResponse> exchange(bool head_only, std::string_view body) {
    timed_out_ = false;
    TRY(send_all(body));
    return receive(head_only);
  }

  std::unexpected<Error> failed(std::string_view what, int error) {
    if (error == EAGAIN || error == EWOULDBLOCK || error == ETIMEDOUT) {
      timed_out_ = true;
      return fail(ErrorKind::unavailable, "{}:{} did not answer within {} ms", host_, port_, timeout_ms_);
    }
    return fail(ErrorKind::unavailable, "{} {}:{}: {}", what, host_, port_,
                error == 0 ? "the connection was closed" : std::strerror(error));
  }

  // Sets what is left of the time on the socket; false: nothing is left.
  bool set_timeout(int option) {
    if (deadline_ns_ == 0) return true;
    const int64_t left_ns = deadline_ns_ - base::system_clock().monotonic_ns();
    if (left_ns <= 0) return false;
    timeval time{};
    time.tv_sec = left_ns / 1'000'000'000;
    time.tv_usec = std::max<int64_t>(left_ns % 1'000'000'000 / 1000, 1);
    ::setsockopt(fd_, SOL_SOCKET, option, &time, sizeof(time));
    return true;
  }

  Result<void> connect() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    std::string name = host_;
    if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
    const int lookup = ::getaddrinfo(name.c_str(), std::to_string(port_).c_str(), &hints, &found);
    if (lookup != 0) return fail(ErrorKind::unavailable, "no host {}: {}", host_, ::gai_strerror(lookup));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    int error = ECONNREFUSED;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      fd_ = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd_ < 0) return fail_errno("socket", errno);
      if (!set_timeout(SO_SNDTIMEO)) return failed("connect to", ETIMEDOUT);
      if (::connect(fd_, at->ai_addr, at->ai_addrlen) == 0) {
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return {};
      }
      error = errno == EINPROGRESS ? ETIMEDOUT : errno;
      close();
    }
    return failed("cannot connect to", error);
  }

  Result<void> send_all(std::string_view body) {
    size_t sent = 0;
    const size_t total = head_.size() + body.size();
    while (sent < total) {
      iovec parts[2];
      size_t count = 0;
      if (sent < head_.size()) {
        parts[count++] = {head_.data() + sent, head_.size() - sent};
        parts[count++] = {const_cast<char*>(body.data()), body.size()};
      } else {
        parts[count++] = {const_cast<char*>(body.data()) + (sent - head_.size()), total - sent};
      }
      msghdr message{};
      message.msg_iov = parts;
      message.msg_iovlen = count;
      if (!set_timeout(SO_SNDTIMEO)) return failed("send to", ETIMEDOUT);
      const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        // A server that refuses a request may answer and close before it has read it all.
        if (errno == EPIPE || errno == ECONNRESET) return {};
        return failed("send to", errno);
      }
      sent += static_cast<size_t>(n);
    }
    return {};
  }

  Result<ClientResponse> receive(bool head_only) {
    ClientResponse response;
    std::optional<ResponseParser> parser(std::in_place, response, head_only);
    if (!in_) in_ = std::make_unique_for_overwrite<char[]>(in_bytes_max);
    size_t held = 0;  // bytes read and not yet parsed
    for (;;) {
      if (!set_timeout(SO_RCVTIMEO)) return failed("receive from", ETIMEDOUT);
      ssize_t n;
      do {
        n = ::recv(fd_, in_.get() + held, in_bytes_max - held, 0);
      } while (n < 0 && errno == EINTR);
      boost::beast::error_code error;
      if (n <= 0) {
        if (n == 0 && parser->got_some() && parser->is_header_done()) parser->put_eof(error);
        if (n < 0 || !parser->is_done() || error) return failed("receive from", n < 0 ? errno : 0);
        close();
        return response;
      }
      answered_ = true;
      held += static_cast<size_t>(n);
      size_t parsed = 0;
      while (parsed < held && !parser->is_done()) {
        parsed += parser->put(boost::asio::const_buffer(in_.get() + parsed, held - parsed), error);
        if (error == beast::error::need_more) break;
        if (error) return fail(ErrorKind::unavailable, "{}:{} answered with what is not HTTP/1.1", host_, port_);
        if (parser->is_done() && response.status / 100 == 1) {
          response = {};
          parser.emplace(response, head_only);
        }
      }
      held -= parsed;
      if (parser->is_done()) {
        if (!parser->keep_alive() || held > 0) close();
        return response;
      }
      std::memmove(in_.get(), in_.get() + parsed, held);
      if (held == in_bytes_max) return fail(ErrorKind::unavailable, "{}:{} sends endless headers", host_, port_);
    }
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::string host_;
  uint16_t port_;
  int64_t timeout_ms_;
  int64_t deadline_ns_ = 0;
  int fd_ = -1;
  bool answered_ = false;
  bool timed_out_ = false;
  std::string head_;
  std::unique_ptr<char[]> in_;
};

std::string_view ClientResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

Client::Client(std::string host, uint16_t port, int64_t timeout_ms)
    : connection_(std::make_unique<Connection>(std::move(host), port, timeout_ms)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Result<ClientResponse> Client::request(std::string_view method, std::string_view target,
                                       const std::vector<std::pair<std::string, std::string>>& headers,
                                       std::string_view body) {
  return connection_->request(method, target, headers, body);
}

}  // namespace millrace::http
