#pragma once
// The rows of several files, one file after the other, from some line of the first one on.
//
// One thread at a time. Failure: as RowReader; open() says what is wrong with any of the files that lie on a disk
// before a row of the first one is sent.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "send/input.h"
#include "send/place.h"
#include "send/rows.h"

namespace millrace::send {

class RowSeries {
 public:
  // `options.file` is set for each of `files`. Rows that begin before `from_line` of the first one are passed over.
  static Result<std::unique_ptr<RowSeries>> open(RowOptions options, std::vector<std::string> files, int64_t from_line,
                                                 InputWaiting waiting = {});

  // As RowReader::next().
  Result<bool> next(SendRow& row);
  Place place() const { return {file_, rows_->line()}; }  // of the last row or error
  const std::string& file() const { return files_[file_]; }
  int64_t lines_read() const { return rows_->lines_read(); }  // complete ones of that file
  double fraction() const;                                    // of the bytes of all files; 0: not known
  // The latest time at the end of the last file; nullopt: one would have to read all of it (it is compressed), or there
  // is none.
  std::optional<EventTime> last_time() const;

 private:
  RowSeries(RowOptions options, std::vector<std::string> files, int64_t from_line, InputWaiting waiting);
  Result<void> open_file();

  RowOptions options_;
  std::vector<std::string> files_;
  std::vector<double> sizes_;  // of files_
  double size_ = 0;            // of all; infinite: not known
  double size_before_ = 0;     // of the files before the one that is read
  int64_t from_line_;
  InputWaiting waiting_;
  size_t file_ = 0;
  std::unique_ptr<RowReader> rows_;
};

}  // namespace millrace::send
