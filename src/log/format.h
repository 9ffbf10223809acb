#pragma once
// The bytes of the log's files, as docs/log-format.md describes them: fixed structures, their checksums, and
// the checks that tell a whole group from anything else. Pure; any thread.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::log {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

inline constexpr size_t header_page_bytes = 4096;
inline constexpr size_t seal_offset = 512;
inline constexpr size_t frame_alignment = 64;
inline constexpr uint32_t format_version = 1;

constexpr uint64_t magic_of(std::string_view text) {
  uint64_t magic = 0;
  for (size_t i = text.size(); i-- > 0;) magic = magic << 8 | static_cast<uint8_t>(text[i]);
  return magic;
}
inline constexpr uint64_t segment_magic = magic_of("MILLSEGM");
inline constexpr uint64_t seal_magic = magic_of("MILLSEAL");
inline constexpr uint32_t opening_magic = magic_of("OPEN");
inline constexpr uint32_t group_magic = magic_of("GRUP");

// All before this frame was known to be on disk when it was written.
inline constexpr uint32_t after_sync = 1;

struct SegmentHeader {
  uint64_t magic = segment_magic;
  uint32_t version = format_version;
  uint32_t checksum = 0;
  uint64_t id = 0;
  uint64_t life = 0;
  uint64_t capacity = 0;
};
static_assert(sizeof(SegmentHeader) == 40);

struct Seal {
  uint64_t magic = seal_magic;
  uint32_t checksum = 0;
  uint32_t group_count = 0;
  uint64_t life = 0;
  uint64_t first_group = 0;
  int64_t first_time = 0;
  int64_t last_time = 0;
  uint32_t groups_offset = 0;
  uint32_t footer_offset = 0;
  uint32_t span_count = 0;
  uint32_t spans_checksum = 0;
  uint32_t index_bytes = 0;
  uint32_t index_checksum = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(Seal) == 80);

struct Opening {
  uint32_t magic = opening_magic;
  uint32_t checksum = 0;
  uint64_t life = 0;
  uint64_t first_group = 0;
  int64_t last_time = 0;
  uint32_t bytes = 0;
  uint32_t shard_count = 0;
  uint32_t flags = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Opening) == 48);

struct OpeningShard {
  uint32_t shard = 0;
  uint32_t reserved = 0;
  uint64_t next = 0;
};
static_assert(sizeof(OpeningShard) == 16);

struct GroupHeader {
  uint32_t magic = group_magic;
  uint32_t checksum = 0;
  uint64_t life = 0;
  uint64_t group = 0;
  int64_t time = 0;
  uint32_t bytes = 0;
  uint32_t block_count = 0;
  uint32_t flags = 0;
  uint32_t reserved[5] = {};
};
static_assert(sizeof(GroupHeader) == 64);

struct BlockHeader {
  uint32_t shard = 0;
  uint32_t count = 0;
  uint64_t first = 0;
  uint32_t bytes = 0;
  uint32_t checksum = 0;
};
static_assert(sizeof(BlockHeader) == 24);

struct Span {
  uint32_t shard = 0;
  uint32_t block_count = 0;
  uint64_t first = 0;
  uint64_t next = 0;
};
static_assert(sizeof(Span) == 24);

struct GroupEntry {
  int64_t time = 0;
  uint32_t offset = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(GroupEntry) == 16);

struct BlockEntry {
  uint64_t first = 0;
  uint32_t count = 0;
  uint32_t offset = 0;
  uint32_t bytes = 0;
  uint32_t checksum = 0;
  uint32_t group_index = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(BlockEntry) == 32);

constexpr size_t aligned(size_t bytes) {
  return (bytes + frame_alignment - 1) & ~(frame_alignment - 1);
}
constexpr size_t group_bytes(size_t blocks, size_t payload_bytes) {
  return aligned(sizeof(GroupHeader) + blocks * sizeof(BlockHeader) + payload_bytes);
}
constexpr size_t opening_bytes(size_t shards) {
  return aligned(sizeof(Opening) + shards * sizeof(OpeningShard));
}
constexpr size_t footer_bytes(size_t shards, size_t groups, size_t blocks) {
  return shards * sizeof(Span) + groups * sizeof(GroupEntry) + blocks * sizeof(BlockEntry);
}

// The checksum of a structure whose own `checksum` counts as zero, and of what follows it.
template <class Header>
uint32_t checksum_of(const Header& header, std::string_view rest = {});

// A group as it lies in memory; views into the bytes it was parsed from.
struct GroupView {
  GroupHeader header;
  std::span<const BlockHeader> blocks;
  const char* payloads = nullptr;

  // Dense numbering is the caller's to check; this is about the bytes alone.
  bool payloads_hold() const;
};

// The header and block table at the start of `bytes` (64-byte aligned in the file, 8 in memory), if they are
// whole and of this life. The payloads may reach past `bytes`: ask for header.bytes then.
std::optional<GroupHeader> parse_group_header(std::string_view bytes, uint64_t life);
std::optional<GroupView> parse_group(std::string_view bytes, uint64_t life);

struct OpeningView {
  Opening header;
  std::span<const OpeningShard> shards;
};
std::optional<OpeningView> parse_opening(std::string_view bytes, uint64_t life);

std::string encode_opening(Opening header, std::span<const OpeningShard> shards);

}  // namespace millrace::log
