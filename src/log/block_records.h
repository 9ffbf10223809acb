#pragma once
// How records lie in a block's payload: key size (varint), data size (varint), key, data; one after the
// other.

#include "base/bytes.h"
#include "log/log.h"

namespace millrace::log {

inline void put_record(std::string& payload, std::string_view key, std::string_view data) {
  base::put_varint(payload, key.size());
  base::put_varint(payload, data.size());
  payload.append(key);
  payload.append(data);
}

template <class F>
void for_each_record(const Block& block, SequenceNumber from, F&& f) {
  base::ByteReader in(block.payload);
  for (uint32_t i = 0; i < block.count; ++i) {
    const uint64_t key_size = in.varint();
    const uint64_t data_size = in.varint();
    const std::string_view key = in.raw(key_size);
    const std::string_view data = in.raw(data_size);
    CHECK(in.ok(), "block of shard {} at {}", block.shard, block.first);
    const SequenceNumber sequence(block.first.value + i);
    if (sequence >= from) f(Record{sequence, block.time, key, data});
  }
}

}  // namespace millrace::log
