#include "client/runtime_client.h"

#include <charconv>
#include <cstdlib>

#include "base/json_string.h"
#include "http/client.h"

namespace millrace::client {

namespace {

constexpr size_t padding_bytes = 64;
constexpr int64_t patience_ms = 5'000;

std::string error_json(const Error& error) {
  std::string json = R"({"errorType":)";
  base::append_json_string(json, name(error.kind));
  json += R"(,"errorMessage":)";
  base::append_json_string(json, error.message);
  json += R"(,"stackTrace":[]})";
  return json;
}

}  // namespace

Result<Endpoint> endpoint_of_environment() {
  const auto variable = [](const char* name, const std::string& otherwise) {
    const char* const value = std::getenv(name);
    return value == nullptr || *value == 0 ? otherwise : std::string(value);
  };
  Endpoint endpoint;
  endpoint.access_key = variable("AWS_ACCESS_KEY_ID", endpoint.access_key);
  endpoint.secret_key = variable("AWS_SECRET_ACCESS_KEY", endpoint.secret_key);
  endpoint.region = variable("AWS_REGION", endpoint.region);
  return parse_endpoint(variable("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"), endpoint);
}

Result<std::string> call_dynamodb(Api& api, std::string_view operation, std::string_view body) {
  Patience patience(patience_ms);
  for (;;) {
    auto answer = api.call(aws::dynamodb_protocol, operation, body);
    if (answer || !may_pass(answer.error()) || !patience.next()) return answer;
  }
}

int run_event_loop(const EventHandler& handler) {
  const char* const address = std::getenv("AWS_LAMBDA_RUNTIME_API");
  const std::string_view text = address == nullptr ? "" : address;
  const size_t colon = text.rfind(':');
  uint16_t port = 0;
  if (colon != std::string_view::npos) std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (port == 0) {
    fmt::print(stderr,
               "millrace: this command is a function; name it in a server's configuration, see docs/functions.md\n");
    return 2;
  }
  http::Client client(std::string(text.substr(0, colon)), port, 0);
  const std::string root = "/2018-06-01/runtime/invocation/";
  for (;;) {
    auto event = client.request("GET", root + "next", {}, "");
    if (!event || event->status != 200) return 1;
    const std::string id(event->header("lambda-runtime-aws-request-id"));
    event->body.reserve(event->body.size() + padding_bytes);
    const auto answer = handler(event->body);
    const std::string body = answer ? *answer : error_json(answer.error());
    const auto sent = client.request("POST", root + id + (answer ? "/response" : "/error"),
                                     {{"Content-Type", "application/json"}}, body);
    if (!answer) fmt::print(stderr, "millrace: {}\n", answer.error().message);
    if (!answer || !sent || sent->status != 202) return 1;
  }
}

}  // namespace millrace::client
