#include "log/gather.h"

#include <algorithm>

#include "base/bytes.h"

namespace millrace::log {

void Gather::grow(Part& part, size_t bytes) {
  const size_t capacity = std::max({size_t{512}, part.capacity * 2, part.size + bytes});
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (part.size > 0) std::memcpy(larger.get(), part.bytes.get(), part.size);
  kept_bytes_ += capacity - part.capacity;
  part.bytes = std::move(larger);
  part.capacity = capacity;
}

void Gather::build(GroupHeader header, char* image) const {
  header.bytes = static_cast<uint32_t>(bytes());
  header.block_count = static_cast<uint32_t>(used_.size());
  char* const table = image + sizeof(GroupHeader);
  char* to = table + used_.size() * sizeof(BlockHeader);
  for (size_t i = 0; i < used_.size(); ++i) {
    const Part& part = parts_[used_[i]];
    std::memcpy(to, part.bytes.get(), part.size);
    BlockHeader block;
    block.shard = part.shard;
    block.count = part.count;
    block.first = part.first;
    block.bytes = static_cast<uint32_t>(part.size);
    block.checksum = base::crc32c({to, part.size});
    std::memcpy(table + i * sizeof(block), &block, sizeof(block));
    to += part.size;
  }
  std::memset(to, 0, static_cast<size_t>(image + header.bytes - to));
  header.checksum = checksum_of(header, {table, used_.size() * sizeof(BlockHeader)});
  std::memcpy(image, &header, sizeof(header));
}

void Gather::clear() {
  const bool too_much = kept_bytes_ > kept_bytes_max;
  for (const uint32_t place : used_) {
    parts_[place].size = 0;
    parts_[place].count = 0;
  }
  used_.clear();
  payload_bytes_ = 0;
  if (too_much) let_go();
}

void Gather::let_go() {
  parts_.clear();
  parts_.shrink_to_fit();
  kept_bytes_ = 0;
}

}  // namespace millrace::log
