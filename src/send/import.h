#pragma once
// `millrace table import`: the rows of CSV or NDJSON files as items of a table, in their order, so that of rows with
// the same key the last one stays. Putting a row twice does no harm, so after any end the same command may run again.
//
// A CSV field is a text, but for attributes that are keys of type N and those named as numbers; an empty one is left
// out. A JSON line becomes an item as client/plain_json.h says.
//
// Failure: as of send.h; a row that the server refuses (without its key, too large) is a bad row.

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "send/rows.h"
#include "send/send.h"

namespace millrace::send {

struct ImportOptions {
  std::vector<std::string> files;
  RowOptions rows;
  int64_t from_line = 1;
  std::string table;
  std::vector<std::string> numbers;  // columns of CSV that are numbers
  std::string hash_key;              // "id" or "id:N"; if it is missing the table is created with these keys
  std::string range_key;
  bool skip_bad = false;
  client::Endpoint endpoint;
  int64_t retry_for_ms = 60'000;
  bool json = false;  // the summary as JSON on stdout
  std::stop_token stop;
};

Result<void> import_files(const ImportOptions& options, SendSummary& summary,
                          const std::function<void(const SendSummary&)>& progress);

// The command, as run_send().
int run_import(ImportOptions options);

}  // namespace millrace::send
