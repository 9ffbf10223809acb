#pragma once
// One line of NDJSON: whether it is a JSON object, and what stands at a few paths in it. Nothing else of it is
// interpreted, so numbers may have any size and texts may hold halves of surrogate pairs (RFC 8259 allows both) and raw
// control characters (as in data/json_repair.h): what a job can read can be sent.
//
// A path is the names of nested members with points between them: "user.id". Of equal names the last one counts.
//
// One thread at a time.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace::send {

class JsonLine {
 public:
  static constexpr size_t depth_max = 1'000;

  explicit JsonLine(std::vector<std::string> paths);
  ~JsonLine();

  // invalid_argument: it is no JSON object.
  Result<void> read(std::string_view json);

  // Of the line that was read last; `path` is an index into the paths of the constructor.
  bool empty() const { return members_ == 0; }
  std::string_view raw(size_t path) const { return found_[path]; }  // the value as JSON; empty: it is not there
  // A text without its escapes, a number as it is written, "true" or "false"; empty: anything else, or nothing.
  std::string text(size_t path);
  // The line with another value, given as JSON, in place of the one at the path, which it has.
  std::string replaced(size_t path, std::string_view value) const;

 private:
  struct Walk;  // what needs simdjson

  std::vector<std::string> paths_;
  std::string line_;                     // the line, padded; repaired if that was needed to read it
  std::vector<std::string_view> found_;  // the values as they stand in line_
  size_t line_bytes_ = 0;
  size_t members_ = 0;
  std::unique_ptr<Walk> walk_;
};

}  // namespace millrace::send
