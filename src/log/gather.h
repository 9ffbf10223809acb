#pragma once
// The group that gathers: per shard, the records' bytes in the order of their arrival, in buffers that are
// used again for the next group; and the building of the group's image from them.
//
// Not thread-safe: its journal's mutex guards it while it gathers, and the one write under way owns it while
// it is built. At most kept_bytes_max of memory stay with it when it is empty.

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "log/format.h"

namespace millrace::log {

class Gather {
 public:
  static constexpr size_t kept_bytes_max = size_t{8} << 20;

  struct Part {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
    size_t capacity = 0;
    uint32_t count = 0;
    uint64_t first = 0;
    uint32_t shard = 0;
  };

  static constexpr size_t varint_bytes(uint64_t v) { return v < 0x80 ? 1 : (std::bit_width(v) + 6) / 7; }
  static constexpr size_t record_bytes(std::string_view key, std::string_view data) {
    return varint_bytes(key.size()) + varint_bytes(data.size()) + key.size() + data.size();
  }

  bool empty() const { return used_.empty(); }
  size_t block_count() const { return used_.size(); }
  size_t payload_bytes() const { return payload_bytes_; }
  size_t bytes() const { return group_bytes(used_.size(), payload_bytes_); }

  // How many records of the shard in this place are in the group.
  uint32_t count(size_t place) const { return place < parts_.size() ? parts_[place].count : 0; }

  // `place` is the shard's index in its journal, `sequence` the record's number.
  void add(size_t place, uint32_t shard, uint64_t sequence, std::string_view key, std::string_view data) {
    if (place >= parts_.size()) parts_.resize(place + 1);
    Part& part = parts_[place];
    if (part.count == 0) {
      part.shard = shard;
      part.first = sequence;
      used_.push_back(static_cast<uint32_t>(place));
    }
    const size_t bytes = record_bytes(key, data);
    if (part.capacity - part.size < bytes) grow(part, bytes);
    char* to = put_varint(part.bytes.get() + part.size, key.size());
    to = put_varint(to, data.size());
    if (!key.empty()) std::memcpy(to, key.data(), key.size());
    if (!data.empty()) std::memcpy(to + key.size(), data.data(), data.size());
    part.size += bytes;
    part.count += 1;
    payload_bytes_ += bytes;
  }

  // Writes the group's image, bytes() long; `header` brings life, number, time and flags.
  void build(GroupHeader header, char* image) const;
  void clear();
  // Gives back the memory of one that is empty.
  void let_go();
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  static char* put_varint(char* to, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *to++ = static_cast<char>(v | 0x80);
    *to++ = static_cast<char>(v);
    return to;
  }
  void grow(Part& part, size_t bytes);

  std::vector<Part> parts_;
  std::vector<uint32_t> used_;  // places of the parts that hold records
  size_t payload_bytes_ = 0;
  size_t kept_bytes_ = 0;
};

}  // namespace millrace::log
