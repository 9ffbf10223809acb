#pragma once
// Where a mapping stands in its source, as it is stored: one record of the tables' for each shard,
//   function/mapping/MAPPING/SHARD  ->  "SEQUENCE SOURCE ID", such as "1042 stream/clicks 00a1b2c3d4e5f607"
// The id is another one when the source was dropped and created anew, so a position never outlives what it is in.
// Private to this folder; pure.

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::function {

struct SourceIdentity {
  std::string name;  // "stream/clicks", "table/Orders"
  std::string id;
  bool operator==(const SourceIdentity&) const = default;
};

struct Position {
  SequenceNumber next;    // the first record that was not delivered
  SourceIdentity source;  // empty in a record of an older version, which kept the number only
};

std::string position_prefix(std::string_view mapping);  // of the keys of all shards
std::string position_key(std::string_view mapping, ShardId shard);
std::string position_value(SequenceNumber next, const SourceIdentity& source);
Result<Position> parse_position(std::string_view value);  // corrupt

}  // namespace millrace::function
