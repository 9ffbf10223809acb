#include "aws/protocol.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>

#include "aws/writer.h"

namespace millrace::aws {
namespace {

struct Mapped {
  int status;
  std::string_view name;
};

// What all services name alike; nothing for the kinds that each has its own name for.
std::optional<Mapped> map_common(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_found:
      return Mapped{400, "ResourceNotFoundException"};
    case ErrorKind::already_exists:
    case ErrorKind::in_use:
      return Mapped{400, "ResourceInUseException"};
    case ErrorKind::limit_exceeded:
      return Mapped{400, "LimitExceededException"};
    case ErrorKind::throttled:
      return Mapped{400, "ProvisionedThroughputExceededException"};
    case ErrorKind::expired:
      return Mapped{400, "ExpiredIteratorException"};
    case ErrorKind::unauthenticated:
      return Mapped{400, "InvalidSignatureException"};
    case ErrorKind::denied:
      return Mapped{400, "AccessDeniedException"};
    case ErrorKind::unsupported:
      return Mapped{400, "UnknownOperationException"};
    case ErrorKind::unavailable:
      return Mapped{503, "ServiceUnavailable"};
    case ErrorKind::invalid_argument:
    case ErrorKind::condition_failed:
    case ErrorKind::trimmed:
    case ErrorKind::disk_full:
    case ErrorKind::corrupt:
    case ErrorKind::io:
    case ErrorKind::internal:
      break;
  }
  return std::nullopt;
}

Mapped map_kinesis(ErrorKind kind) {
  if (const auto common = map_common(kind)) return *common;
  const bool client =
      kind == ErrorKind::invalid_argument || kind == ErrorKind::condition_failed || kind == ErrorKind::trimmed;
  return client ? Mapped{400, "InvalidArgumentException"} : Mapped{500, "InternalFailureException"};
}

Mapped map_dynamodb(ErrorKind kind) {
  if (kind == ErrorKind::invalid_argument) return {400, "ValidationException"};
  if (kind == ErrorKind::condition_failed) return {400, "ConditionalCheckFailedException"};
  if (kind == ErrorKind::trimmed) return {400, "TrimmedDataAccessException"};
  return map_common(kind).value_or(Mapped{500, "InternalServerError"});
}

// Millrace's own operations are named as Kinesis names them, but wrong input is a ValidationException.
Mapped map_millrace(ErrorKind kind) {
  if (kind == ErrorKind::invalid_argument) return {400, "ValidationException"};
  if (kind == ErrorKind::throttled) return {400, "ThrottlingException"};
  return map_kinesis(kind);
}

// What the layer before DynamoDB answers has that layer's prefix.
constexpr std::array<std::string_view, 8> names_of_the_front = {
    "SerializationException",    "UnknownOperationException",    "UnrecognizedClientException",
    "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException",
    "AccessDeniedException",     "ServiceUnavailable",
};

std::string_view prefix_of(const Protocol& protocol, std::string_view name) {
  if (protocol.error_prefix.empty()) return {};
  if (name == "ValidationException") return "com.amazon.coral.validate#";
  for (const std::string_view each : names_of_the_front) {
    if (name == each) return "com.amazon.coral.service#";
  }
  return protocol.error_prefix;
}

// A client is not told where the server keeps what.
std::string message_for_clients(const Error& error) {
  switch (error.kind) {
    case ErrorKind::corrupt:
      return "stored data is damaged; the server's log says where";
    case ErrorKind::io:
      return "the server could not read or write its data; its log says why";
    case ErrorKind::disk_full:
      return "the server's disk is full: reads go on, writes are refused until there is space";
    case ErrorKind::internal:
      return "the request failed inside the server; its log says how";
    default:
      return error.message;
  }
}

}  // namespace

std::string_view content_type(Coding coding) {
  switch (coding) {
    case Coding::json_1_0:
      return "application/x-amz-json-1.0";
    case Coding::json_1_1:
      return "application/x-amz-json-1.1";
    case Coding::cbor_1_1:
      return "application/x-amz-cbor-1.1";
    case Coding::query:
      return "text/xml";
  }
  return {};
}

AwsError to_aws_error(const Protocol& protocol, const Error& error) {
  Mapped mapped{};
  switch (protocol.error_names) {
    case ErrorNames::kinesis:
      mapped = map_kinesis(error.kind);
      break;
    case ErrorNames::dynamodb:
    case ErrorNames::dynamodb_streams:
      mapped = map_dynamodb(error.kind);
      break;
    case ErrorNames::millrace:
    case ErrorNames::query:
      mapped = map_millrace(error.kind);
      break;
  }
  return {mapped.status, std::string(mapped.name), message_for_clients(error)};
}

std::string error_body(const Protocol& protocol, Coding coding, const AwsError& error) {
  std::string message = error.message;
  if (!simdjson::validate_utf8(message)) {
    // Such as a header's bytes, or an excerpt that ends inside of a character.
    std::ranges::replace_if(
        message, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  Writer out(coding);
  out.begin();
  out.member("__type").text(fmt::format("{}{}", prefix_of(protocol, error.name), error.name));
  out.member("message").text(message);
  out.end();
  std::string body = std::move(out).take();
  if (!error.members.empty()) {
    CHECK(!is_cbor(coding), "an error's further members are JSON");
    body.back() = ',';
    body += error.members;
    body += '}';
  }
  return body;
}

}  // namespace millrace::aws
