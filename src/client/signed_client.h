#pragma once
// Calls of operations as an AWS client makes them: signed JSON over one keep-alive connection, blocking. One thread at
// a time per client.

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/protocol.h"
#include "aws/sigv4.h"
#include "base/clock.h"
#include "http/client.h"

namespace millrace::client {

struct ClientOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 4566;
  aws::Credential credential{"millrace", "millrace-secret"};
  std::string region = "us-east-1";
  int64_t timeout_ms = 30'000;
  base::Clock* clock = nullptr;  // null: the system's
};

class SignedClient {
 public:
  explicit SignedClient(ClientOptions options);

  // The body of the answer. An error answer becomes an Error, its kind found by AWS's name for it: throttled, and io
  // for every server error, may succeed later. unavailable: no connection, or it broke after the request was sent (then
  // it may or may not have been carried out).
  Result<std::string> call(const aws::Protocol& protocol, std::string_view operation, std::string_view body);

  // The same with the error as the server gave it; status 0: no answer came.
  std::expected<std::string, aws::AwsError> call_raw(const aws::Protocol& protocol, std::string_view operation,
                                                     std::string_view body);

 private:
  ClientOptions options_;
  std::string host_header_;
  base::Clock& clock_;
  http::Client http_;
  std::map<std::string_view, aws::Signer> signers_;  // by signing name
};

// The body of a PutRecords call, built in one buffer that is used again and again.
class PutRecordsBody {
 public:
  static constexpr size_t records_max = 500;
  static constexpr size_t bytes_max = size_t{10} << 20;  // of keys and data

  explicit PutRecordsBody(std::string_view stream);

  void clear();
  // Whether one more record of these sizes stays within Kinesis's limits.
  bool fits(std::string_view key, std::string_view data) const;
  void add(std::string_view key, std::string_view data);
  size_t count() const { return count_; }
  // The whole body; valid until the next change.
  std::string_view finish();

 private:
  std::string body_;
  size_t head_bytes_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace millrace::client
