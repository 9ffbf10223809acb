#pragma once
// How the bodies of requests and answers are coded: which coding a body has, and a request's body into the value that
// its shape describes. Answers are written by aws/writer.h.
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html

#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "aws/protocol.h"
#include "aws/shape.h"
#include "aws/value.h"

namespace millrace::aws {

// The coding of a body with this Content-Type; `usual` if it is some other JSON, or not said. Nothing: none of these.
std::optional<Coding> coding_of(std::string_view content_type, Coding usual);

// One thread; keeps the memory of what it read.
class RequestReader {
 public:
  static constexpr size_t values_max = 100'000;  // in one request
  static constexpr int depth_max = 32;           // of what the shape has; whatever else there is, is skipped

  RequestReader();
  ~RequestReader();

  // A body as its shape, a structure, describes it: members that are not described are ignored, those that are null
  // were not given, whole numbers beyond their type's are its last, fractions of whole numbers are dropped. An empty
  // body has no members. JSON bodies are followed by 64 readable bytes. SerializationException: not in this coding, a
  // value of another type than described, or more of them than the bounds above. What must hold besides is
  // aws/validation.h's.
  std::expected<Value, AwsError> read(Coding coding, std::string_view body, const Shape& shape);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::aws
