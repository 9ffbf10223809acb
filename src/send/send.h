#pragma once
// `millrace send`: CSV or NDJSON files as a stream, at the pace of their own times or as fast as it goes.
//
// Failure: a bad row stops with "FILE:LINE: ..." after the rows before it were acknowledged, unless skip_bad; so does a
// file that ends in the middle. A server that refuses or goes away is tried again for retry_for_ms.

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "send/place.h"
#include "send/rows.h"

namespace millrace::send {

struct SendOptions {
  std::vector<std::string> files;  // one after the other; "-" is the standard input
  RowOptions rows;                 // `file` is set for each of them
  int64_t from_line = 1;           // of the first file: what begins before it is not sent
  std::string stream;
  double speed = 1;  // by the time column; 0: as fast as it goes. See parse_speed().
  bool skip_bad = false;
  client::Endpoint endpoint;
  int connections = 4;    // at most one per shard is used
  int create_shards = 0;  // above 0: the stream is created with so many shards if it is missing
  int64_t retry_for_ms = 60'000;
  bool json = false;     // the summary as JSON on stdout
  std::stop_token stop;  // ends it early: what was read is sent, nothing is tried again
};

struct SendSummary {
  uint64_t rows = 0;  // good ones
  uint64_t acknowledged = 0;
  Place place;             // all good rows up to here are acknowledged
  bool uncertain = false;  // rows behind it may be in the stream: the server has failed
  uint64_t bad_rows = 0;
  uint64_t retries = 0;
  uint64_t resent = 0;  // records that may stand in the stream twice
  double seconds = 0;
  double fraction = 0;                 // of the files
  std::optional<double> left_seconds;  // until the end
  double wait_seconds = 0;             // until the next row is due
  Place next;                          // that row
  bool stopped = false;                // before the end
};

// `progress` is called a few times a second. `summary` tells how far it came, on failure too.
Result<void> send_file(const SendOptions& options, SendSummary& summary,
                       const std::function<void(const SendSummary&)>& progress);

// The command: until the end or a signal (base::block_stop_signals() was called). Prints progress and messages to
// stderr. Returns the exit code.
int run_send(SendOptions options);

}  // namespace millrace::send
