#include "log/format.h"

#include <cstring>

#include "base/bytes.h"

namespace millrace::log {

template <class Header>
uint32_t checksum_of(const Header& header, std::string_view rest) {
  Header copy = header;
  copy.checksum = 0;
  const uint32_t own = base::crc32c({reinterpret_cast<const char*>(&copy), sizeof(copy)});
  return base::crc32c(rest, own);
}
template uint32_t checksum_of(const SegmentHeader&, std::string_view);
template uint32_t checksum_of(const Seal&, std::string_view);
template uint32_t checksum_of(const Opening&, std::string_view);
template uint32_t checksum_of(const GroupHeader&, std::string_view);

bool GroupView::payloads_hold() const {
  const char* at = payloads;
  for (const BlockHeader& block : blocks) {
    if (base::crc32c({at, block.bytes}) != block.checksum) return false;
    at += block.bytes;
  }
  return true;
}

std::optional<GroupHeader> parse_group_header(std::string_view bytes, uint64_t life) {
  GroupHeader header;
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != group_magic || header.life != life || header.bytes % frame_alignment != 0) {
    return std::nullopt;
  }
  if (header.bytes < group_bytes(header.block_count, 0)) return std::nullopt;
  return header;
}

std::optional<GroupView> parse_group(std::string_view bytes, uint64_t life) {
  const auto header = parse_group_header(bytes, life);
  if (!header) return std::nullopt;
  const size_t table_bytes = header->block_count * sizeof(BlockHeader);
  if (bytes.size() < sizeof(GroupHeader) + table_bytes) return std::nullopt;
  const char* table = bytes.data() + sizeof(GroupHeader);
  if (checksum_of(*header, {table, table_bytes}) != header->checksum) return std::nullopt;
  GroupView view;
  view.header = *header;
  view.blocks = {reinterpret_cast<const BlockHeader*>(table), header->block_count};
  view.payloads = table + table_bytes;
  uint64_t payload_bytes = 0;
  for (const BlockHeader& block : view.blocks) payload_bytes += block.bytes;
  if (group_bytes(header->block_count, payload_bytes) != header->bytes) return std::nullopt;
  return view;
}

std::optional<OpeningView> parse_opening(std::string_view bytes, uint64_t life) {
  OpeningView view;
  if (bytes.size() < sizeof(Opening)) return std::nullopt;
  std::memcpy(&view.header, bytes.data(), sizeof(Opening));
  const Opening& header = view.header;
  if (header.magic != opening_magic || header.life != life) return std::nullopt;
  if (header.bytes != opening_bytes(header.shard_count) || header.bytes > bytes.size()) return std::nullopt;
  const std::string_view shards = bytes.substr(sizeof(Opening), header.shard_count * sizeof(OpeningShard));
  if (checksum_of(header, shards) != header.checksum) return std::nullopt;
  view.shards = {reinterpret_cast<const OpeningShard*>(shards.data()), header.shard_count};
  return view;
}

std::string encode_opening(Opening header, std::span<const OpeningShard> shards) {
  const std::string_view list(reinterpret_cast<const char*>(shards.data()), shards.size_bytes());
  header.shard_count = static_cast<uint32_t>(shards.size());
  header.bytes = static_cast<uint32_t>(opening_bytes(shards.size()));
  header.checksum = checksum_of(header, list);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += list;
  bytes.resize(header.bytes);
  return bytes;
}

}  // namespace millrace::log
