#pragma once
// CSV as RFC 4180 has it: quotes, doubled quotes, line breaks inside quotes, lines that end as the file's do; blank
// lines are passed over. https://www.rfc-editor.org/rfc/rfc4180
//
// One thread at a time. Failure: invalid_argument is one bad row (an open quote, text after a closing quote, a row
// above SendFile::text_bytes_max): the next call goes on at the line after the one where it began. Any other kind is
// the file's and final.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "send/file.h"

namespace millrace::send {

// ";", "|", "\t" and "tab" for a tab. invalid_argument: what separates no fields.
Result<char> parse_delimiter(std::string_view text);

struct CsvRow {
  std::vector<std::string> fields;
};

class CsvReader {
 public:
  explicit CsvReader(SendFile& file, char separator = ',') : file_(file), separator_(separator) {}

  // True: `row` holds the next one. False: the file has ended.
  Result<bool> next(CsvRow& row);
  // The line, from 1, on which the last row or error began.
  int64_t line() const { return row_line_; }
  int64_t lines_read() const { return next_line_ - 1; }  // complete ones

 private:
  enum class Parsed { row, need_more, bad };
  Parsed parse(CsvRow& row);
  Parsed parse_quoted(std::string_view text, size_t& at, std::string& field);
  Parsed bad(std::string what);

  SendFile& file_;
  char separator_;
  int64_t next_line_ = 1;
  int64_t row_line_ = 0;
  size_t used_ = 0;  // bytes of the row that parse() found
  std::string problem_;
};

}  // namespace millrace::send
