// The head of a request and a chunked body. What comes in one piece and what comes byte by byte is understood alike,
// and the spans lie inside of the request.

#include "http/request_parser.h"

#include "input.h"

namespace millrace::http {
namespace {

constexpr ParserLimits limits{.header_bytes_max = 4096, .body_bytes_max = 16384};

struct Outcome {
  RequestParser::Progress progress = RequestParser::Progress::need_more;
  int status = 0;
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string chunked_body;
  size_t parsed = 0;

  bool operator==(const Outcome&) const = default;
};

std::string_view inside(Span span, std::string_view request) {
  CHECK(span.offset <= request.size() && span.size <= request.size() - span.offset);
  return span.in(request.data());
}

// `step` more bytes arrive each time. The head first, then the body if it is chunked, as a connection does.
Outcome parse(std::string_view request, size_t step) {
  std::vector<HeaderSpan> headers;
  RequestParser parser(limits, headers);
  Outcome outcome;
  bool head_done = false;
  for (size_t arrived = 0; arrived < request.size() && outcome.progress == RequestParser::Progress::need_more;) {
    arrived = std::min(request.size(), arrived + step);
    outcome.progress = parser.parse(request.data(), outcome.parsed, arrived);
    CHECK(outcome.parsed <= arrived);
    if (outcome.progress != RequestParser::Progress::head_done) continue;
    head_done = true;
    if (!parser.chunked()) break;
    parser.eager(true);
    outcome.progress = parser.parse(request.data(), outcome.parsed, arrived);
    CHECK(outcome.parsed <= arrived);
  }
  outcome.status = parser.refusal().status;
  CHECK((outcome.status != 0) == (outcome.progress == RequestParser::Progress::refused));
  if (!head_done) {
    if (outcome.status == 0) outcome.parsed = 0;  // how far it came before the head's end is its own affair
    return outcome;
  }
  outcome.method = inside(parser.method(), request);
  outcome.target = inside(parser.target(), request);
  for (const HeaderSpan& header : headers) {
    outcome.headers.emplace_back(inside(header.name, request), inside(header.value, request));
  }
  CHECK(parser.chunked_body().size() <= limits.body_bytes_max);
  outcome.chunked_body = parser.chunked_body();
  return outcome;
}

}  // namespace
}  // namespace millrace::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::http;
  const std::string_view request(reinterpret_cast<const char*>(data), size);
  const Outcome whole = parse(request, size);
  const Outcome slow = parse(request, 1);
  using Progress = RequestParser::Progress;
  // A fault shows at once or, where Beast waits for the head's end first, with more bytes.
  const bool waits = whole.progress == Progress::need_more || slow.progress == Progress::need_more;
  if (waits && whole.progress != slow.progress) {
    CHECK(whole.progress == Progress::refused || slow.progress == Progress::refused);
    return 0;
  }
  CHECK(whole.progress == slow.progress);
  if (whole.progress != Progress::done && whole.progress != Progress::head_done) return 0;
  CHECK(whole.headers == slow.headers);
  CHECK(whole.method == slow.method && whole.target == slow.target);
  CHECK(whole.chunked_body == slow.chunked_body);
  return 0;
}
