// Signature Version 4. The input's lines: the method, the target, the Authorization header, a line per further header
// ("name: value"), an empty one, the body. The request as it is, is accepted or refused by one of AWS's errors; signed
// by our own signer it is accepted, and not any more once its body, or one of the headers, is another.

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "base/clock.h"
#include "input.h"

namespace millrace::aws {
namespace {

constexpr std::string_view service = "kinesis";
constexpr std::array<std::string_view, 4> errors = {"MissingAuthenticationTokenException",
                                                    "IncompleteSignatureException", "UnrecognizedClientException",
                                                    "InvalidSignatureException"};

// As HTTP's parser lets them through.
bool is_token(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
}
bool is_value(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f') return false;
  }
  return true;
}

bool is_accepted(const http::Request& request) {
  static Credentials& credentials = *new Credentials;
  if (credentials.size() == 0) CHECK(credentials.add({"AKIDEXAMPLE", "secret"}).has_value());
  base::ManualClock clock(ProcessingTime(1'440'938'160'000));
  Verifier verifier(credentials, clock);
  const auto identity = verifier.verify(request, service);
  if (identity) {
    CHECK(identity->access_key_id == "AKIDEXAMPLE" && !identity->region.empty());
    return true;
  }
  CHECK(identity.error().status == 400 && !identity.error().message.empty());
  CHECK(std::ranges::find(errors, identity.error().name) != errors.end(), "{}", identity.error().name);
  return false;
}

}  // namespace
}  // namespace millrace::aws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::aws;
  constexpr size_t headers_max = 40;  // fewer than may be signed
  fuzz::Input input(data, size);
  http::Request request;
  request.method = input.line();
  request.target = input.line();
  const size_t question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string_view::npos) request.query = request.target.substr(question + 1);
  const std::string_view given = input.line();
  std::vector<http::Header> headers = {{"Host", "localhost:4566"}};
  for (std::string_view line = input.line(); !line.empty() && headers.size() < headers_max; line = input.line()) {
    const size_t colon = std::min(line.find(':'), line.size());
    const http::Header header{line.substr(0, colon), line.substr(std::min(colon + 1, line.size()))};
    if (is_token(header.name) && is_value(header.value)) headers.push_back(header);
  }
  request.body = input.rest();

  headers.push_back({"Authorization", given});
  request.headers = headers;
  (void)is_accepted(request);
  headers.pop_back();

  // What a client of ours sends has these once.
  constexpr std::string_view date = "20150830T123600Z";
  std::erase_if(headers, [](const http::Header& header) {
    http::Request one;
    one.headers = {&header, 1};
    return one.has_header("authorization") || one.has_header("x-amz-date") || one.has_header("x-amz-content-sha256");
  });
  headers.push_back({"X-Amz-Date", date});
  Signer signer({"AKIDEXAMPLE", "secret"}, "us-east-1", std::string(service));
  const std::string signature = signer.authorization({.method = request.method,
                                                      .path = request.path,
                                                      .query = request.query,
                                                      .headers = headers,
                                                      .body = request.body},
                                                     date);
  headers.push_back({"Authorization", signature});
  request.headers = headers;
  CHECK(is_accepted(request), "{}", signature);

  const std::string other_body = std::string(request.body) + "x";
  const std::string_view body = std::exchange(request.body, other_body);
  CHECK(!is_accepted(request));
  request.body = body;
  const std::string other_value = std::string(headers.front().value) + "x";
  headers.front().value = other_value;
  CHECK(!is_accepted(request));
  return 0;
}
