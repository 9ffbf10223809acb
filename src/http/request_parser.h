#pragma once
// The head of one request, parsed by Boost.Beast's basic_parser into offsets (the connection's buffer may move
// between two reads). One parser serves one request. A body with Content-Length never passes through it; a
// chunked one does, and is gathered in a string. Private to this folder; the reactor's thread.
//
// Refused here, because Beast lets them through: folded headers, any Transfer-Encoding but chunked, a missing
// or repeated Host, expectations other than 100-continue.

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::http {

// A piece of the request, counted from its first byte.
struct Span {
  uint32_t offset = 0;
  uint32_t size = 0;
  std::string_view in(const char* request) const { return {request + offset, size}; }
};
struct HeaderSpan {
  Span name;
  Span value;
};

struct Refusal {
  int status = 0;  // 0: none
  std::string_view reason;
};

struct ParserLimits {
  size_t header_bytes_max;
  size_t body_bytes_max;
};

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // `headers` is the connection's, reused from request to request.
  RequestParser(const ParserLimits& limits, std::vector<HeaderSpan>& headers);

  enum class Progress { need_more, head_done, done, refused };
  // Parses the bytes from `parsed` to `size` of the request that begins at `request`; advances `parsed`.
  Progress parse(const char* request, size_t& parsed, size_t size);

  const Refusal& refusal() const { return refusal_; }
  Span method() const { return method_; }
  Span target() const { return target_; }
  bool is_head() const { return is_head_; }
  bool is_http_1_1() const { return version_ == 11; }
  bool expects_continue() const { return expects_continue_; }
  std::string& chunked_body() { return chunked_body_; }

 private:
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb verb, text method, text target, int version,
                       error_code& error) override;
  void on_response_impl(int, text, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field field, text name, text value, error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(text body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(uint64_t, text, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, text body, error_code&) override {
    chunked_body_.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  void refuse(int status, std::string_view reason, error_code& error);
  void refuse(const error_code& error);
  Span span(text piece) const;

  const ParserLimits& limits_;
  std::vector<HeaderSpan>& headers_;
  const char* request_ = nullptr;  // during parse() only
  const char* request_end_ = nullptr;
  Refusal refusal_;
  Span method_;
  Span target_;
  int version_ = 0;
  int hosts_ = 0;
  bool is_head_ = false;
  bool head_done_ = false;
  bool expects_continue_ = false;
  std::string chunked_body_;
};

}  // namespace millrace::http
