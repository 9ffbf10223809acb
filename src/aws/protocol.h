#pragma once
// The manners of one AWS service on the wire: what its requests carry in X-Amz-Target, what their signatures
// are scoped to, and how its replies and errors look. Constants only; any thread.
//
// https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::aws {

inline constexpr std::string_view usual_account_id = "000000000000";

enum class Coding : uint8_t { json_1_0, json_1_1, cbor_1_1, query };  // query: a form, answered in XML

constexpr bool is_cbor(Coding coding) {
  return coding == Coding::cbor_1_1;
}
// Of answers: "application/x-amz-json-1.1".
std::string_view content_type(Coding coding);

enum class ErrorNames { kinesis, dynamodb, dynamodb_streams, millrace, query };

struct Protocol {
  std::string_view target_prefix;  // X-Amz-Target is the prefix, then the operation: "Kinesis_20131202."
  std::string_view signing_name;   // the service in the scope of a signature
  Coding usual_coding;             // of replies to requests that do not say theirs
  std::string_view error_prefix;   // before an error's name in "__type"
  ErrorNames error_names;
  bool body_crc32;   // x-amz-crc32 on each reply
  bool extended_id;  // x-amz-id-2 on each reply
  bool has_cbor;     // requests may be CBOR
  // Of one that is spoken as a form: what its Version says, and its answers' namespace. Empty: it is not.
  std::string_view query_version = {};
  std::string_view query_namespace = {};
};

inline constexpr Protocol kinesis_protocol{
    .target_prefix = "Kinesis_20131202.",
    .signing_name = "kinesis",
    .usual_coding = Coding::json_1_1,
    .error_prefix = "",
    .error_names = ErrorNames::kinesis,
    .body_crc32 = false,
    .extended_id = true,
    .has_cbor = true,
};
inline constexpr Protocol dynamodb_protocol{
    .target_prefix = "DynamoDB_20120810.",
    .signing_name = "dynamodb",
    .usual_coding = Coding::json_1_0,
    .error_prefix = "com.amazonaws.dynamodb.v20120810#",
    .error_names = ErrorNames::dynamodb,
    .body_crc32 = true,
    .extended_id = false,
    .has_cbor = false,
};
inline constexpr Protocol dynamodb_streams_protocol{
    .target_prefix = "DynamoDBStreams_20120810.",
    .signing_name = "dynamodb",
    .usual_coding = Coding::json_1_0,
    .error_prefix = "com.amazonaws.dynamodb.v20120810#",
    .error_names = ErrorNames::dynamodb_streams,
    .body_crc32 = true,
    .extended_id = false,
    .has_cbor = false,
};
// Who is calling: what many tools ask first.
inline constexpr Protocol sts_protocol{
    .target_prefix = "AWSSecurityTokenServiceV20110615.",
    .signing_name = "sts",
    .usual_coding = Coding::query,
    .error_prefix = "",
    .error_names = ErrorNames::query,
    .body_crc32 = false,
    .extended_id = false,
    .has_cbor = false,
    .query_version = "2011-06-15",
    .query_namespace = "https://sts.amazonaws.com/doc/2011-06-15/",
};
// Millrace's own operations: jobs and what else AWS has no call for.
inline constexpr Protocol millrace_protocol{
    .target_prefix = "Millrace_20261101.",
    .signing_name = "millrace",
    .usual_coding = Coding::json_1_1,
    .error_prefix = "",
    .error_names = ErrorNames::millrace,
    .body_crc32 = false,
    .extended_id = false,
    .has_cbor = false,
};

// An error as a client sees it. `name` is bare ("ResourceNotFoundException"); the reply adds the prefix that
// the protocol has for it. `members` are further members of the body as JSON text without braces
// (`"CancellationReasons":[...]`), or empty; only services that have JSON alone have some.
struct AwsError {
  int status = 400;
  std::string name;
  std::string message;
  std::string members = {};
};

// The one place where our kinds of error get AWS's names.
AwsError to_aws_error(const Protocol& protocol, const Error& error);

// The body of an error reply, here in JSON: {"__type":"...","message":"..."}. DynamoDB's clients read "message" or
// "Message"; both spellings occur at AWS, "message" is what current SDKs read first.
std::string error_body(const Protocol& protocol, Coding coding, const AwsError& error);

}  // namespace millrace::aws
