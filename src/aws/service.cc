#include "aws/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <zlib.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <random>
#include <unordered_map>

#include "aws/credentials.h"
#include "aws/event_stream.h"
#include "aws/query.h"
#include "aws/sigv4.h"
#include "aws/validation.h"
#include "base/storage_failures.h"

namespace millrace::aws {
namespace {

// Ids tell requests apart in logs; they guard nothing.
uint64_t next_random() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return random();
}

// "8f0b6c2e-3c1d-4f62-9d8e-0a1b2c3d4e5f"
std::string make_request_id() {
  constexpr char digits[] = "0123456789abcdef";
  std::string id(36, '-');
  uint64_t bits = 0;
  for (size_t i = 0, taken = 0; i < id.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) continue;
    if (taken++ % 16 == 0) bits = next_random();
    id[i] = digits[bits & 15];
    bits >>= 4;
  }
  id[14] = '4';
  return id;
}

std::string make_extended_id() {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string id(76, '\0');
  uint64_t bits = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    if (i % 10 == 0) bits = next_random();
    id[i] = alphabet[bits & 63];
    bits >>= 6;
  }
  return id;
}

const Protocol* protocol_of(std::string_view target) {
  for (const Protocol* protocol :
       {&kinesis_protocol, &dynamodb_protocol, &dynamodb_streams_protocol, &millrace_protocol}) {
    if (target.starts_with(protocol->target_prefix)) return protocol;
  }
  return nullptr;
}

// Of those that are spoken as forms.
const Protocol* protocol_of_version(std::string_view version) {
  for (const Protocol* protocol : {&sts_protocol}) {
    if (protocol->query_version == version) return protocol;
  }
  return nullptr;
}

struct TargetHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

}  // namespace

Answer::Answer(http::Reply reply, const Protocol& protocol, Coding coding, std::string request_id,
               std::string_view operation)
    : reply_(std::move(reply)),
      protocol_(&protocol),
      coding_(coding),
      request_id_(std::move(request_id)),
      operation_(operation) {}

void Answer::ok(std::string body) {
  if (coding_ == Coding::query) body = query_answer(*protocol_, operation_, body, request_id_);
  send(200, std::move(body), {});
}

void Answer::fail(const Error& error) {
  base::note_storage_failure(fmt::format("request {}", request_id_), error);
  if (error.kind == ErrorKind::internal) spdlog::error("request {}: {}", request_id_, error.message);
  fail(to_aws_error(*protocol_, error));
}

void Answer::fail(const AwsError& error) {
  if (coding_ == Coding::query) {
    const AwsError said = in_query_words(error);
    return send(said.status, query_error(*protocol_, said, request_id_), said.name);
  }
  send(error.status, error_body(*protocol_, coding_, error), error.name);
}

void Answer::fail_serialization(std::string message) {
  fail(AwsError{400, "SerializationException", std::move(message)});
}

std::unique_ptr<EventAnswer> Answer::events(std::function<void()> moved) {
  http::Response response = head(200, {});
  response.content_type = event_stream_content_type;
  return std::make_unique<EventAnswer>(std::move(reply_), std::move(response), *protocol_, coding_, std::move(moved));
}

http::Response Answer::head(int status, std::string_view error_name) const {
  http::Response response;
  response.status = status;
  response.content_type = content_type(coding_);
  response.headers.reserve(3);
  response.headers.emplace_back("x-amzn-RequestId", request_id_);
  if (protocol_->extended_id) response.headers.emplace_back("x-amz-id-2", make_extended_id());
  if (!error_name.empty()) response.headers.emplace_back("x-amzn-ErrorType", error_name);
  return response;
}

void Answer::send(int status, std::string body, std::string_view error_name) {
  http::Response response = head(status, error_name);
  if (protocol_->body_crc32)
    response.headers.emplace_back("x-amz-crc32",
                                  std::to_string(crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size())));
  response.body = std::move(body);
  reply_.send(std::move(response));
}

EventAnswer::EventAnswer(http::Reply reply, http::Response head, const Protocol& protocol, Coding coding,
                         std::function<void()> moved)
    : protocol_(&protocol), coding_(coding) {
  Writer empty(coding_);
  empty.begin();
  empty.end();
  append_initial_response(head.body, content_type(coding_), std::move(empty).take());
  stream_ = reply.stream(std::move(head), std::move(moved));
}

bool EventAnswer::send(std::string_view event_type, std::string_view payload) {
  std::string message;
  append_event(message, event_type, content_type(coding_), payload);
  return stream_->write(message);
}

void EventAnswer::fail(const Error& error) {
  base::note_storage_failure("events", error);
  fail(to_aws_error(*protocol_, error));
}

void EventAnswer::fail(const AwsError& error) {
  std::string message;
  append_exception(message, error.name, content_type(coding_), error_body(*protocol_, coding_, error));
  stream_->write(message);
}

struct Service::State {
  explicit State(ServiceOptions given)
      : options(std::move(given)), clock(options.clock == nullptr ? base::system_clock() : *options.clock) {
    if (options.credentials != nullptr) verifier.emplace(*options.credentials, clock);
  }

  ServiceOptions options;
  base::Clock& clock;
  std::optional<Verifier> verifier;
  std::unordered_map<std::string, Operation, TargetHash, std::equal_to<>> operations;
  RequestReader reader;
  uint64_t calls = 0;
  uint64_t errors = 0;
};

Service::Service(ServiceOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Service::~Service() = default;

uint64_t Service::calls() const {
  return state_->calls;
}
uint64_t Service::errors() const {
  return state_->errors;
}

void Service::add(Operation operation) {
  std::string target = std::string(operation.protocol.target_prefix) + operation.name;
  const bool added = state_->operations.emplace(target, std::move(operation)).second;
  CHECK(added, "{} is registered twice", target);
}

void Service::handle(const http::Request& request, http::Reply reply) {
  if (const std::string_view target = request.header("x-amz-target"); !target.empty()) {
    return call(protocol_of(target), target, request, std::move(reply));
  }
  if (request.method == "POST" && request.path == "/" &&
      coding_of(request.header("content-type"), Coding::json_1_1) == Coding::query) {
    return handle_form(request, std::move(reply));
  }
  handle_without_target(request, std::move(reply));
}

void Service::handle_form(const http::Request& request, http::Reply reply) {
  const auto form = Form::parse(request.body);
  const Protocol* const protocol = form ? protocol_of_version(form->find("Version")) : nullptr;
  if (protocol != nullptr) {
    return call(protocol, fmt::format("{}{}", protocol->target_prefix, form->find("Action")), request,
                std::move(reply));
  }
  ++state_->calls;
  ++state_->errors;
  Answer answer(std::move(reply), sts_protocol, Coding::query, make_request_id());
  if (!form) return answer.fail(form.error());
  answer.fail(
      AwsError{400, "InvalidAction",
               fmt::format("Could not find operation {} for version {}", form->find("Action"), form->find("Version"))});
}

void Service::call(const Protocol* known, std::string_view target, const http::Request& request, http::Reply reply) {
  ++state_->calls;
  const Protocol& protocol = known == nullptr ? millrace_protocol : *known;
  const std::string_view type = request.header("content-type");
  const auto coding = coding_of(type, protocol.usual_coding);
  const bool is_spoken = coding && (!is_cbor(*coding) || protocol.has_cbor) &&
                         (*coding == Coding::query) == !protocol.query_version.empty();
  const Coding answered_in = is_spoken ? *coding : protocol.usual_coding;
  const std::string_view operation_name = target.substr(known == nullptr ? 0 : protocol.target_prefix.size());
  Call call{.protocol = protocol,
            .operation = operation_name,
            .body = request.body,
            .access_key_id = {},
            .region = state_->options.region,
            .coding = answered_in,
            .input = {},
            .answer = Answer(std::move(reply), protocol, answered_in, make_request_id(),
                             answered_in == Coding::query ? operation_name : std::string_view())};
  auto refuse = [&](const AwsError& error) {
    ++state_->errors;
    call.answer.fail(error);
  };
  if (request.method != "POST") {
    return refuse({400, "UnknownOperationException", "operations are called with POST"});
  }
  if (known != nullptr && state_->verifier) {
    const auto identity = state_->verifier->verify(request, protocol.signing_name);
    if (!identity) return refuse(identity.error());
    call.access_key_id = identity->access_key_id;
    call.region = identity->region;
  }
  const auto found = state_->operations.find(target);
  if (found == state_->operations.end()) {
    return refuse({400, "UnknownOperationException",
                   fmt::format("there is no operation \"{}\" here; docs/aws.md lists those there are", target)});
  }
  if (!is_spoken) {
    return refuse({415, "UnsupportedMediaTypeException",
                   fmt::format("\"{}\" is not spoken here; send {}", type, content_type(protocol.usual_coding))});
  }
  const Operation& operation = found->second;
  if (operation.input != nullptr) {
    auto input = state_->reader.read(*coding, request.body, *operation.input);
    if (!input) return refuse(input.error());
    if (const auto error = validate(*input, *operation.input)) return refuse(*error);
    call.input = std::move(*input);
  }
  operation.handler(call);
}

void Service::handle_without_target(const http::Request& request, http::Reply reply) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && (request.path == "/" || request.path == "/health")) {
    return reply.send({.status = 200,
                       .content_type = "application/json",
                       .headers = {},
                       .body = "{\"service\":\"millrace\",\"status\":\"ok\"}\n"});
  }
  ++state_->errors;
  Answer answer(std::move(reply), millrace_protocol, millrace_protocol.usual_coding, make_request_id());
  answer.fail(AwsError{
      404, "UnknownOperationException",
      reads ? "there is nothing at this path" : "a call needs the header X-Amz-Target, or is a form with an Action"});
}

http::Response Service::refusal(int status, std::string_view reason) const {
  std::string_view name = "BadRequestException";
  if (status == 403) name = "AccessDeniedException";
  if (status == 408) name = "RequestTimeoutException";
  if (status == 413) name = "RequestEntityTooLargeException";
  if (status >= 500) name = "ServiceUnavailable";
  return {.status = status,
          .content_type = content_type(Coding::json_1_1),
          .headers = {{"x-amzn-RequestId", make_request_id()}, {"x-amzn-ErrorType", std::string(name)}},
          .body = error_body(millrace_protocol, Coding::json_1_1, {status, std::string(name), std::string(reason)})};
}

}  // namespace millrace::aws
