#pragma once
// What readers of a log are handed: blocks, and the records in them. A block's payload has its records one after the
// other: key size (varint), data size (varint), key, data (docs/log-format.md). Values; any thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace millrace::log {

class Log;           // log/log.h
class IoDriver;      // log/log.h
class Subscription;  // log/log.h

// The records of one shard in one group, as they lie in the journal. Shared and immutable; `payload` stays valid as
// long as a pointer to the block is held, and is followed by at least 64 readable bytes (what simdjson asks for).
struct Block {
  ShardId shard;
  GroupNumber group;
  SequenceNumber first;  // of its first record
  uint32_t count = 0;
  ProcessingTime time;  // when the group was sealed: the arrival time of all its records; never decreases
  std::string_view payload;
  std::shared_ptr<const char[]> owner;

  SequenceNumber end() const { return SequenceNumber(first.value + count); }
};
using BlockPtr = std::shared_ptr<const Block>;

struct Record {
  SequenceNumber sequence;
  ProcessingTime time;
  std::string_view key;  // both views into the block
  std::string_view data;
};

struct ShardRange {
  SequenceNumber oldest;  // the first one retained
  SequenceNumber end;     // one past the newest durable record
};

inline void put_record(std::string& payload, std::string_view key, std::string_view data) {
  base::put_varint(payload, key.size());
  base::put_varint(payload, data.size());
  payload.append(key);
  payload.append(data);
}

// The record at which `in` stands in the block's payload; it is number `n` there, from 0. Inline: this is the engine's
// hot path.
inline Record next_record(base::ByteReader& in, const Block& block, uint32_t n) {
  const uint64_t key_size = in.varint();
  const uint64_t data_size = in.varint();
  const std::string_view key = in.raw(key_size);
  const std::string_view data = in.raw(data_size);
  CHECK(in.ok(), "block of shard {} at {}", block.shard, block.first);
  return {SequenceNumber(block.first.value + n), block.time, key, data};
}

// Calls f(const Record&) for each record of the block from `from` on.
template <class F>
void for_each_record(const Block& block, SequenceNumber from, F&& f) {
  base::ByteReader in(block.payload);
  for (uint32_t n = 0; n < block.count; ++n) {
    const Record record = next_record(in, block, n);
    if (record.sequence >= from) f(record);
  }
}

}  // namespace millrace::log
