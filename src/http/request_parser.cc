#include "http/request_parser.h"

#include <boost/beast/http/error.hpp>

#include "base/error.h"

namespace millrace::http {
namespace beast = boost::beast::http;
namespace {

constexpr size_t last_chunk_bytes_min = 5;

}  // namespace

RequestParser::RequestParser(const ParserLimits& limits, std::vector<HeaderSpan>& headers)
    : limits_(limits), headers_(headers) {
  header_limit(static_cast<uint32_t>(limits.header_bytes_max));
  body_limit(limits.body_bytes_max);
  headers_.clear();
}

RequestParser::Progress RequestParser::parse(const char* request, size_t& parsed, size_t size) {
  request_ = request;
  request_end_ = request + size;
  while (parsed < size) {
    // Beast asserts that the last chunk's head comes with five bytes ("0", two ends of line). No body ends in less.
    if (head_done_ && size - parsed < last_chunk_bytes_min) break;
    error_code error;
    parsed += put(boost::asio::const_buffer(request + parsed, size - parsed), error);
    if (error == beast::error::need_more) break;
    if (error) {
      refuse(error);
      return Progress::refused;
    }
    if (!head_done_ && is_header_done()) {
      head_done_ = true;
      if (parsed > limits_.header_bytes_max) {
        refusal_ = {431, "the request's headers are too large"};
        return Progress::refused;
      }
      return Progress::head_done;
    }
    if (is_done()) return Progress::done;
  }
  // Beast's own limit counts only what it has not yet consumed.
  const size_t head_or_chunk_head = head_done_ ? size - parsed : size;
  if (head_or_chunk_head > limits_.header_bytes_max) {
    refusal_ = {431, "the request's headers are too large"};
    return Progress::refused;
  }
  return Progress::need_more;
}

Span RequestParser::span(text piece) const {
  if (piece.empty()) return {};
  return {static_cast<uint32_t>(piece.data() - request_), static_cast<uint32_t>(piece.size())};
}

void RequestParser::on_request_impl(beast::verb verb, text method, text target, int version, error_code&) {
  method_ = span(method);
  target_ = span(target);
  version_ = version;
  is_head_ = verb == beast::verb::head;
}

void RequestParser::on_field_impl(beast::field field, text name, text value, error_code& error) {
  // Beast unfolds a folded header into memory of its own.
  if (!value.empty() && (value.data() < request_ || value.data() >= request_end_)) {
    return refuse(400, "folded headers are not accepted", error);
  }
  if (head_done_) return;  // a trailer: parsed, and of no use to anyone
  switch (field) {
    case beast::field::transfer_encoding:
      if (!boost::beast::iequals(value, "chunked")) {
        return refuse(501, "the only Transfer-Encoding accepted is chunked", error);
      }
      break;
    case beast::field::host:
      ++hosts_;
      break;
    case beast::field::expect:
      if (!boost::beast::iequals(value, "100-continue")) {
        return refuse(417, "the only expectation accepted is 100-continue", error);
      }
      expects_continue_ = version_ == 11;
      break;
    default:
      break;
  }
  headers_.push_back({span(name), span(value)});
}

void RequestParser::on_header_impl(error_code& error) {
  if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) refuse(400, "exactly one Host header is needed", error);
}

void RequestParser::refuse(int status, std::string_view reason, error_code& error) {
  refusal_ = {status, reason};
  error = beast::error::bad_value;
}

void RequestParser::refuse(const error_code& error) {
  if (refusal_.status != 0) return;
  if (error == beast::error::header_limit) {
    refusal_ = {431, "the request's headers are too large"};
  } else if (error == beast::error::body_limit) {
    refusal_ = {413, "the request's body is too large"};
  } else if (error == beast::error::bad_version) {
    refusal_ = {505, "the only protocol spoken here is HTTP/1.1"};
  } else if (error == beast::error::bad_transfer_encoding) {
    refusal_ = {400, "Transfer-Encoding is repeated or stands beside Content-Length"};
  } else if (error == beast::error::bad_content_length || error == beast::error::multiple_content_length) {
    refusal_ = {400, "Content-Length is not one number, or stands beside Transfer-Encoding"};
  } else {
    refusal_ = {400, "the request is not HTTP/1.1"};
  }
}

}  // namespace millrace::http
