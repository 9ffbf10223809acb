#pragma once
// A shard iterator: a place in a shard, opaque to the client, good for five minutes. It names the stream by its
// identity, so it does not lead into a later stream of the same name. Values; any thread.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::api {

struct ShardIterator {
  std::string stream;
  uint64_t stream_id = 0;
  ShardId shard;
  SequenceNumber next;  // the first record to read
  ProcessingTime issued;

  // What it was given out for; it serves nothing else.
  enum class Use : uint8_t { read = 1, list = 2 };

  std::string encode(Use use = Use::read) const;
  // invalid_argument: not an iterator of ours, or changed on the way; expired: older than `life_ms` at `now`.
  static Result<ShardIterator> decode(std::string_view text, ProcessingTime now, int64_t life_ms, Use use = Use::read);
};

inline constexpr int64_t kinesis_iterator_life_ms = 5 * 60 * 1000;

}  // namespace millrace::api
