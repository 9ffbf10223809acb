#pragma once
// A server's API for our own programs, over real sockets with real signatures: what `send`, the commands, the shop's
// functions and the demo use. One class per connection.
//
// Threads: an Api by one thread at a time.

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aws/protocol.h"
#include "base/error.h"
#include "client/signed_client.h"

namespace millrace::client {

struct Endpoint {
  std::string host = "127.0.0.1";
  uint16_t port = 4566;
  std::string access_key = "millrace";
  std::string secret_key = "millrace-secret";
  std::string region = "us-east-1";
};

// "http://127.0.0.1:4566", "127.0.0.1:4566", "http://[::1]:4566". invalid_argument: anything else.
Result<Endpoint> parse_endpoint(std::string_view url, Endpoint defaults = {});

class Api {
 public:
  // When `stop` is requested, every further call fails, in a way that is not tried again.
  explicit Api(const Endpoint& endpoint, std::stop_token stop = {});

  // The body of the answer. An error answer becomes an Error: throttled, io (the server failed) and unavailable (no
  // connection) may succeed later; after the last two the call may or may not have been carried out.
  Result<std::string> call(const aws::Protocol& protocol, std::string_view operation, std::string_view body);

 private:
  SignedClient client_;
  std::stop_token stop_;
};

// Whether trying the same call again later makes sense.
bool may_pass(const Error& error);

// A failed call that is tried again, with pauses that grow: 20 ms, doubled up to 1 s. next() sleeps and says whether
// there is time for another attempt; an attempt that got on resets it.
class Patience {
 public:
  explicit Patience(int64_t retry_for_ms) : retry_for_ms_(retry_for_ms) {}
  bool next();
  void reset() { started_ms_ = 0; }

 private:
  int64_t retry_for_ms_;
  int64_t started_ms_ = 0;
  int64_t pause_ms_ = 0;
};

struct StreamRecord {
  std::string key;
  std::string data;
};

// Creates the stream if it is missing and waits until it is active.
Result<void> ensure_stream(Api& api, std::string_view stream, int shards);

// One PutRecords call. Returns the records that the server did not take (to be sent again), by their index.
// `body` is of this stream, and used again from call to call.
Result<std::vector<size_t>> put_records(Api& api, std::span<const StreamRecord> records, PutRecordsBody& body);

}  // namespace millrace::client
