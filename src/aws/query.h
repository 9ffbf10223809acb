#pragma once
// AWS's query protocol, which its older services speak: a request is a form with an Action and a Version, lists and
// structures in it are spelt as names with dots (`Tags.member.1.Key`), an answer is XML.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
//
// A Form holds its pairs decoded; one thread.

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "aws/protocol.h"
#include "aws/shape.h"
#include "aws/value.h"

namespace millrace::aws {

class Form {
 public:
  static constexpr size_t pairs_max = 10'000;

  // MalformedInput: no form, or one with more pairs than the bound. Of a name that comes twice the last value counts.
  static std::expected<Form, AwsError> parse(std::string_view body);

  std::string_view find(std::string_view name) const;  // empty: it is not there

  // As RequestReader::read(): what is described. MalformedInput: a value that is none of its type.
  std::expected<Value, AwsError> read(const Shape& shape) const;

 private:
  std::expected<Value, AwsError> read(const std::string& prefix, const Shape& shape, int depth) const;
  std::expected<Value, AwsError> read_scalar(const std::string& name, const Shape& shape) const;
  bool has_below(const std::string& prefix) const;

  std::map<std::string, std::string, std::less<>> pairs_;
};

void append_xml_text(std::string& out, std::string_view text);

// `result` is what a Writer of this coding has made.
std::string query_answer(const Protocol& protocol, std::string_view operation, std::string_view result,
                         std::string_view request_id);
std::string query_error(const Protocol& protocol, const AwsError& error, std::string_view request_id);
// An error as services of this protocol name it: the others' UnrecognizedClientException is InvalidClientTokenId here.
AwsError in_query_words(const AwsError& error);

}  // namespace millrace::aws
