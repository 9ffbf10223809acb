#pragma once
// The rows of a CSV or NDJSON file as the records that `millrace send` puts: a key, a time, and a JSON object.
//
// A CSV row becomes an object with every field as a JSON string (so that 19-digit ids and prices stay as they were
// written), empty fields left out. A JSON line stays as it is, whatever stands in it (json_line.h). Both get an
// "event_id" unless they have one that is neither empty nor null: a row's identity when a retry, or a second run, sends
// it again. It is "<file name>:<line>:<hash>", the hash being of the
// first `identity_bytes` of the file's text and of the row: the same for the same file, another for a different file of
// the same name. The rows of the standard input have other ids in each run.
//
// One thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "send/file.h"

namespace millrace::send {

enum class RowFormat { automatic, csv, ndjson };

struct RowOptions {
  // "-" is the standard input. .csv, .tsv, .tab, .ndjson, .jsonl or .json, with or without .gz or .zst; anything else
  // needs `format`.
  std::string file;
  RowFormat format = RowFormat::automatic;
  std::optional<char> delimiter;     // CSV: between fields; by default a tab in .tsv and .tab, else a comma
  bool header = true;                // CSV: the first row names the columns
  std::vector<std::string> columns;  // CSV: their names, if there is no header, or instead of it
  std::string key_column;            // the partition key; NDJSON: or a path, "user.id". Empty: rows as they stand,
                                     // without a key and without an event_id of ours
  std::string time_column;           // when it happened; the same. Empty: it is not read
};

struct SendRow {
  std::string key;
  EventTime time;  // 0 without a time column
  std::string json;
};

class RowReader {
 public:
  static constexpr size_t identity_bytes = 64 * 1024;

  // invalid_argument: a format that cannot be guessed, a column that the header does not have, a file that is no text.
  static Result<std::unique_ptr<RowReader>> open(const RowOptions& options, InputWaiting waiting = {});
  virtual ~RowReader() = default;

  // True: `row` holds the next one. False: the end. invalid_argument: one bad row; the message does not name the file
  // or line, and the next call goes on behind it. Any other kind is final.
  virtual Result<bool> next(SendRow& row) = 0;
  virtual int64_t line() const = 0;        // of the last row or error, from 1
  virtual int64_t lines_read() const = 0;  // complete ones, so far
  virtual double fraction() const = 0;
  // Goes on at some line near the end of the file; from then on line() counts nothing. False: all of it would have to
  // be read for that.
  virtual Result<bool> skip_to_tail() = 0;
};

}  // namespace millrace::send
