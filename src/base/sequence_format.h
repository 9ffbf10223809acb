#pragma once
// Sequence numbers as clients see them: which shard of which log a record is in, and its position there. Decimal, 38
// digits, and so in order as numbers and as text: 4, the shard (10), the position (18), the log's tag (9). They ascend
// within a shard and from a shard to those that take over from it, which are numbered later. Values; any thread.
//
// Kinesis allows 0|([1-9]\d{0,128}), DynamoDB Streams 21 to 40 characters, and a number in DynamoDB has 38 digits:
// whoever keeps the number of the last record that was handled can keep it as such.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
//
// Earlier versions wrote 1 and the position (20 digits). Clients and tables have kept such numbers: they are read
// still, and belong to every shard.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace millrace::base {

class SequenceFormat {
 public:
  // `log_id` differs between the logs whose numbers must not be taken for one another's; the tag is made of it.
  SequenceFormat(ShardId shard, uint64_t log_id);

  ShardId shard() const { return shard_; }
  void append(std::string& out, SequenceNumber position) const;
  std::string text(SequenceNumber position) const;

  enum class Mismatch : uint8_t { none, not_a_number, other_shard, other_log };
  struct Parsed {
    Mismatch mismatch = Mismatch::not_a_number;
    SequenceNumber position;  // if there is none
    ShardId shard;            // which the number names
  };
  Parsed parse(std::string_view text) const;
  // The position, if the number is of this shard.
  std::optional<SequenceNumber> position(std::string_view text) const;

 private:
  ShardId shard_;
  uint32_t tag_;
};

}  // namespace millrace::base
