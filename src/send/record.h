#pragma once
// What a row of any format needs to become a record: an identity, a partition key, a time. And words about it for the
// terminal.
//
// An EventIds by one thread at a time; the rest is pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "aws/crypto.h"
#include "base/error.h"
#include "base/ids.h"

namespace millrace::send {

inline constexpr std::string_view event_id_name = "event_id";

// Kinesis's limits.
inline constexpr size_t key_characters_max = 256;  // Unicode's code points
inline constexpr size_t record_bytes_max = size_t{1} << 20;

// The ids of the rows of one source: "<file name>:<line>:<hash>", see rows.h.
class EventIds {
 public:
  // `source` tells the rows of this source from those of another with the same name.
  EventIds(std::string_view file, std::string source);
  std::string of(int64_t line, std::string_view row);

 private:
  std::string name_;
  std::string source_;
  std::string text_;
  aws::Md5 md5_;
};

// invalid_argument: it is no partition key.
Result<void> check_key(std::string_view column, std::string_view key);
// invalid_argument: it is missing, or no time.
Result<EventTime> read_time(std::string_view column, std::string_view text);
// invalid_argument: it is too long for a stream.
Result<void> check_record(std::string_view json);

// What stands in a file, for the terminal: its beginning, without raw bytes.
std::string shown(std::string_view text);

}  // namespace millrace::send
