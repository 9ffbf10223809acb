#pragma once
// From an HTTP request to an operation and back: checks the signature, reads X-Amz-Target or the Action of a form,
// finds the operation in the one list, and puts AWS's headers and error bodies on the answer.
//
// An operation is a name and a handler; whoever has operations (Kinesis, DynamoDB, the application's own)
// adds them before the server listens. A handler runs on the reactor's thread and must not block; it answers
// at once, or keeps the Answer and answers later from any thread, exactly once (an Answer that is dropped
// answers 500).
//
// An operation that is described (aws/shape.h) is handed the value that its request is, whatever the coding, and only
// what its description allows; any other reads the body itself.
//
//   service.add({dynamodb_protocol, "GetItem", [&](Call& call) {
//     auto item = get_item(call.body);
//     if (!item) return call.answer.fail(item.error());
//     call.answer.ok(std::move(*item));
//   }});

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "aws/coding.h"
#include "aws/protocol.h"
#include "aws/shape.h"
#include "aws/value.h"
#include "aws/writer.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/server.h"

namespace millrace::aws {

class Credentials;

// An answer that is a stream of events (event_stream.h), begun and to be gone on with from any thread, one at a time.
// It ends when this is destroyed.
class EventAnswer {
 public:
  // The answer's head goes out, and the initial response. `moved`: as http::Reply::stream() has it.
  EventAnswer(http::Reply reply, http::Response head, const Protocol& protocol, Coding coding,
              std::function<void()> moved);

  // False: not taken, as the client has gone, or reads too slowly. Where nothing is pending, an event of any size is
  // taken.
  bool send(std::string_view event_type, std::string_view payload);
  // The last word.
  void fail(const Error& error);
  void fail(const AwsError& error);

  Coding coding() const { return coding_; }              // of the payloads
  size_t pending() const { return stream_->pending(); }  // bytes that the client has not read
  bool gone() const { return stream_->gone(); }          // nobody reads it any more

 private:
  const Protocol* protocol_;
  Coding coding_;
  std::shared_ptr<http::Reply::Stream> stream_;
};

// The right to answer one call. Movable; any thread; one answer.
class Answer {
 public:
  Answer() = default;
  // `operation` is named by answers of the query protocol alone.
  Answer(http::Reply reply, const Protocol& protocol, Coding coding, std::string request_id,
         std::string_view operation = {});

  void ok(std::string body);  // 200 with this body, in the call's coding; "" is an empty body
  void ok(Writer body) { ok(std::move(body).take()); }
  void fail(const Error& error);
  void fail(const AwsError& error);
  // A body that is not what its coding wants: SerializationException.
  void fail_serialization(std::string message);
  // 200, and then events.
  std::unique_ptr<EventAnswer> events(std::function<void()> moved);

  const std::string& request_id() const { return request_id_; }
  const Protocol& protocol() const { return *protocol_; }

 private:
  http::Response head(int status, std::string_view error_name) const;
  void send(int status, std::string body, std::string_view error_name);

  http::Reply reply_;
  const Protocol* protocol_ = nullptr;
  Coding coding_ = Coding::json_1_1;
  std::string request_id_;
  std::string operation_;
};

// One call. The views are valid while the handler runs; keep copies of what a later answer needs.
struct Call {
  const Protocol& protocol;
  std::string_view operation;
  std::string_view body;           // followed by 64 readable bytes: simdjson parses it in place
  std::string_view access_key_id;  // who signed; empty without authentication
  std::string_view region;         // of the signature's scope, or the service's own
  Coding coding;                   // of the body, and of the answer
  Value input;                     // what a described operation's body says; null for others
  Answer answer;
};

using OperationHandler = std::function<void(Call&)>;

struct Operation {
  const Protocol& protocol;
  std::string name;
  OperationHandler handler;
  const Shape* input = nullptr;  // what its requests are described as; null: it reads the body itself
};

struct ServiceOptions {
  const Credentials* credentials = nullptr;  // null: nothing is checked (--auth none)
  std::string region = "us-east-1";
  std::string account_id{usual_account_id};
  base::Clock* clock = nullptr;  // null: the system's
};

class Service {
 public:
  explicit Service(ServiceOptions options);
  ~Service();

  void add(Operation operation);  // before requests come; a second one of the same name is a bug

  // Answers calls (POST / with X-Amz-Target, or a form with an Action), GET / and GET /health, and 404 for what it does
  // not know; the application routes its own paths before it asks here. On the reactor's thread.
  void handle(const http::Request& request, http::Reply reply);

  // The body that the HTTP server sends when it refuses a request itself (too large, malformed), in the
  // form that AWS's clients understand; for http::ServerLimits::refusal.
  http::Response refusal(int status, std::string_view reason) const;

  uint64_t calls() const;   // handled since the start
  uint64_t errors() const;  // of them refused before an operation was reached

 private:
  void handle_form(const http::Request& request, http::Reply reply);
  void handle_without_target(const http::Request& request, http::Reply reply);
  // `known`: the protocol that `target` begins with, if there is one.
  void call(const Protocol* known, std::string_view target, const http::Request& request, http::Reply reply);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::aws
