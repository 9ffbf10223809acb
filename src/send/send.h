#pragma once
// `millrace send`: a CSV or NDJSON file as a stream, at the pace of its own times or as fast as it goes.
//
// Failure: a bad row stops with "FILE:LINE: ..." after the rows before it were acknowledged, unless skip_bad; so does a
// file that ends in the middle. A server that refuses or goes away is tried again for retry_for_ms.

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "send/api.h"
#include "send/rows.h"

namespace millrace::send {

struct SendOptions {
  RowOptions rows;
  std::string stream;
  double speed = 1;  // by the time column; 0: as fast as it goes. See parse_speed().
  bool skip_bad = false;
  Endpoint endpoint;
  int connections = 4;    // at most one per shard is used
  int create_shards = 0;  // above 0: the stream is created with so many shards if it is missing
  int64_t retry_for_ms = 60'000;
  bool json = false;     // the summary as JSON on stdout
  std::stop_token stop;  // ends it early: what was read is sent, nothing is tried again
};

struct SendSummary {
  uint64_t rows = 0;  // good ones
  uint64_t acknowledged = 0;
  int64_t line = 0;  // of the file; all good rows up to it are acknowledged
  uint64_t bad_rows = 0;
  uint64_t retries = 0;
  uint64_t resent = 0;  // records that may stand in the stream twice
  double seconds = 0;
  double fraction = 0;   // of the file
  bool stopped = false;  // before its end
};

// `progress` is called a few times a second. `summary` tells how far it came, on failure too.
Result<void> send_file(const SendOptions& options, SendSummary& summary,
                       const std::function<void(const SendSummary&)>& progress);

// The command: until the end or a signal (base::block_stop_signals() was called). Prints progress and messages to
// stderr. Returns the exit code.
int run_send(SendOptions options);

}  // namespace millrace::send
