#include "client/signed_client.h"

#include "base/json_string.h"

#include <simdjson.h>

#include "base/base64.h"

namespace millrace::client {
namespace {

ErrorKind kind_of(const aws::AwsError& error) {
  struct Named {
    std::string_view name;
    ErrorKind kind;
  };
  constexpr Named names[] = {
      {"ValidationException", ErrorKind::invalid_argument},
      {"InvalidArgumentException", ErrorKind::invalid_argument},
      {"SerializationException", ErrorKind::invalid_argument},
      {"ResourceNotFoundException", ErrorKind::not_found},
      {"ResourceInUseException", ErrorKind::already_exists},
      {"ConditionalCheckFailedException", ErrorKind::condition_failed},
      {"LimitExceededException", ErrorKind::limit_exceeded},
      {"RequestEntityTooLargeException", ErrorKind::limit_exceeded},
      {"ProvisionedThroughputExceededException", ErrorKind::throttled},
      {"ThrottlingException", ErrorKind::throttled},
      {"ExpiredIteratorException", ErrorKind::expired},
      {"TrimmedDataAccessException", ErrorKind::trimmed},
      {"InvalidSignatureException", ErrorKind::unauthenticated},
      {"IncompleteSignatureException", ErrorKind::unauthenticated},
      {"MissingAuthenticationTokenException", ErrorKind::unauthenticated},
      {"UnrecognizedClientException", ErrorKind::unauthenticated},
      {"AccessDeniedException", ErrorKind::denied},
      {"UnknownOperationException", ErrorKind::unsupported},
  };
  for (const Named& each : names) {
    if (error.name == each.name) return each.kind;
  }
  if (error.status == 0) return ErrorKind::unavailable;
  return error.status >= 500 ? ErrorKind::io : ErrorKind::invalid_argument;
}

aws::AwsError read_error(const http::ClientResponse& response) {
  aws::AwsError error{response.status, "", ""};
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view text;
  if (!parser.parse(response.body).get(root)) {
    if (!root["__type"].get(text)) error.name = text.substr(text.rfind('#') + 1);
    if (!root["message"].get(text)) error.message = text;
  }
  if (error.message.empty()) error.message = fmt::format("the server answered with status {}", response.status);
  return error;
}

}  // namespace

SignedClient::SignedClient(ClientOptions options)
    : options_(std::move(options)),
      host_header_(fmt::format("{}:{}", options_.host, options_.port)),
      clock_(options_.clock == nullptr ? base::system_clock() : *options_.clock),
      http_(options_.host, options_.port, options_.timeout_ms) {}

std::expected<std::string, aws::AwsError> SignedClient::call_raw(const aws::Protocol& protocol,
                                                                 std::string_view operation, std::string_view body) {
  auto signer = signers_.find(protocol.signing_name);
  if (signer == signers_.end()) {
    signer = signers_
                 .emplace(protocol.signing_name,
                          aws::Signer(options_.credential, options_.region, std::string(protocol.signing_name)))
                 .first;
  }
  const std::string date = aws::amz_date(clock_.now());
  std::string target(protocol.target_prefix);
  target += operation;
  const http::Header signed_headers[] = {
      {"content-type", aws::content_type(protocol.usual_coding)},
      {"host", host_header_},
      {"x-amz-date", date},
      {"x-amz-target", target},
  };
  std::string authorization = signer->second.authorization(
      {.method = "POST", .path = "/", .query = "", .headers = signed_headers, .body = body}, date);
  // Host is added by the HTTP client, in the same form.
  auto response = http_.request("POST", "/",
                                {{"Content-Type", std::string(aws::content_type(protocol.usual_coding))},
                                 {"X-Amz-Date", date},
                                 {"X-Amz-Target", std::move(target)},
                                 {"Authorization", std::move(authorization)}},
                                body);
  if (!response) return std::unexpected(aws::AwsError{0, "", response.error().message});
  if (response->status != 200) return std::unexpected(read_error(*response));
  return std::move(response->body);
}

Result<std::string> SignedClient::call(const aws::Protocol& protocol, std::string_view operation,
                                       std::string_view body) {
  auto answer = call_raw(protocol, operation, body);
  if (answer) return std::move(*answer);
  const aws::AwsError& error = answer.error();
  return fail(kind_of(error), "{}{}{}", error.name, error.name.empty() ? "" : ": ", error.message);
}

PutRecordsBody::PutRecordsBody(std::string_view stream) : body_("{\"StreamName\":") {
  base::append_json_string(body_, stream);
  body_ += ",\"Records\":[";
  head_bytes_ = body_.size();
}

void PutRecordsBody::clear() {
  body_.resize(head_bytes_);
  count_ = bytes_ = 0;
  finished_ = false;
}

bool PutRecordsBody::fits(std::string_view key, std::string_view data) const {
  return count_ < records_max && bytes_ + key.size() + data.size() <= bytes_max;
}

void PutRecordsBody::add(std::string_view key, std::string_view data) {
  CHECK(!finished_, "clear() comes before the next record");
  body_ += count_ == 0 ? "{\"Data\":\"" : ",{\"Data\":\"";
  base::append_base64(body_, data);
  body_ += "\",\"PartitionKey\":";
  base::append_json_string(body_, key);
  body_ += '}';
  ++count_;
  bytes_ += key.size() + data.size();
}

std::string_view PutRecordsBody::finish() {
  if (!finished_) body_ += "]}";
  finished_ = true;
  return body_;
}

}  // namespace millrace::client
