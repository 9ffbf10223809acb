#pragma once
// AWS Signature Version 4, in the Authorization header: signing for our own clients, checking for the server.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
//
// Signing keys are derived once per access key, day, region and service, and kept (at most signing_keys_max).
// The payload's hash is always computed here; UNSIGNED-PAYLOAD and streaming payloads are refused, as Kinesis
// and DynamoDB do. Signatures in the query (presigned URLs) are not accepted.
//
// Threads: a Signer and a Verifier belong to one thread each.

#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/crypto.h"
#include "aws/protocol.h"
#include "base/clock.h"
#include "http/server.h"

namespace millrace::aws {

inline constexpr size_t signing_keys_max = 1000;
inline constexpr int64_t clock_skew_ms_max = 15 * 60 * 1000;

// What is signed. `headers` has every header of the request; Signer signs all that it is given.
struct SignedParts {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::span<const http::Header> headers;
  std::string_view body;
};

// "20150830T123600Z"
std::string amz_date(ProcessingTime time);

// The text whose hash is signed; for tests and for finding out why a signature does not match. Appends to
// `out`. `signed_headers` are lower-case names in order; `payload_hash` is in hexadecimal.
void append_canonical_request(std::string& out, const SignedParts& parts,
                              std::span<const std::string_view> signed_headers, std::string_view payload_hash);

class Signer {
 public:
  Signer(Credential credential, std::string region, std::string service);

  // The Authorization header's value. `date` is the value of the X-Amz-Date header, which is among the headers
  // with Host.
  std::string authorization(const SignedParts& parts, std::string_view date);

 private:
  Credential credential_;
  std::string region_;
  std::string service_;
  std::string day_;
  std::unique_ptr<HmacSha256> key_;  // of that day
  Sha256 sha256_;
  std::string canonical_;
  std::string to_sign_;
};

struct Authorization;

struct Identity {
  std::string_view access_key_id;  // in the request's bytes
  std::string_view region;
};

class Verifier {
 public:
  // `credentials` and `clock` outlive it.
  Verifier(const Credentials& credentials, base::Clock& clock);

  // Errors have AWS's names: MissingAuthenticationTokenException, IncompleteSignatureException,
  // UnrecognizedClientException, InvalidSignatureException.
  std::expected<Identity, AwsError> verify(const http::Request& request, std::string_view service);

 private:
  bool is_signed(std::string_view text, const Authorization& authorization, const Credential& credential);

  const Credentials& credentials_;
  base::Clock& clock_;
  Sha256 sha256_;
  std::map<std::string, std::unique_ptr<HmacSha256>, std::less<>> keys_;  // by access key and scope
  std::string canonical_;
  std::string to_sign_;
  std::string key_name_;
  std::string payload_hash_;
};

}  // namespace millrace::aws
