// A log's directory: segment files whose bytes come from the input, without the zeros of the page in front. The first
// byte says whether the checksums are made right (else few inputs would come further), and whether the log is opened;
// "=====" stands between two segments, each a header, a seal and frames.
//
// A directory is recovered or said to be damaged, the second time as the first: with the same groups, numbers and
// blocks. What is appended to it then is there after the next start.

#include <cstring>
#include <fstream>

#include "directory.h"
#include "input.h"
#include "log/format.h"
#include "log/log.h"
#include "log/recovery.h"

namespace millrace::log {
namespace {

constexpr std::string_view separator = "=====";
constexpr size_t seal_begin = sizeof(SegmentHeader);
constexpr size_t frames_begin = seal_begin + sizeof(Seal);

template <class T>
T* at(std::string& file, size_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return nullptr;
  return reinterpret_cast<T*>(file.data() + offset);
}

// A structure's checksum, and that of the `rest` bytes behind it.
template <class T>
void make_right(std::string& file, size_t offset, size_t rest = 0) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  const std::string_view behind = std::string_view(file).substr(offset + sizeof(T), rest);
  value.checksum = checksum_of(value, behind);
  std::memcpy(file.data() + offset, &value, sizeof(T));
}

void make_group_right(std::string& file, size_t offset, const GroupHeader& header) {
  const size_t table = offset + sizeof(GroupHeader);
  size_t payload = table + size_t{header.block_count} * sizeof(BlockHeader);
  if (payload > file.size()) return;
  for (size_t n = 0; n < header.block_count; ++n) {
    BlockHeader block;
    std::memcpy(&block, file.data() + table + n * sizeof(block), sizeof(block));
    if (block.bytes > file.size() - payload) return;
    block.checksum = base::crc32c(std::string_view(file).substr(payload, block.bytes));
    payload += block.bytes;
    std::memcpy(file.data() + table + n * sizeof(block), &block, sizeof(block));
  }
  make_right<GroupHeader>(file, offset, header.block_count * sizeof(BlockHeader));
}

void make_checksums_right(std::string& file) {
  make_right<SegmentHeader>(file, 0);
  Seal seal;
  std::memcpy(&seal, file.data() + seal_offset, sizeof(seal));
  const size_t spans_bytes = size_t{seal.span_count} * sizeof(Span);
  if (seal.footer_offset <= file.size() && spans_bytes <= file.size() - seal.footer_offset) {
    const std::string_view spans = std::string_view(file).substr(seal.footer_offset, spans_bytes);
    seal.spans_checksum = base::crc32c(spans);
    seal.index_checksum =
        base::crc32c(std::string_view(file).substr(seal.footer_offset + spans_bytes).substr(0, seal.index_bytes));
    std::memcpy(file.data() + seal_offset, &seal, sizeof(seal));
  }
  make_right<Seal>(file, seal_offset);
  size_t offset = header_page_bytes;
  if (const auto* opening = at<Opening>(file, offset)) {
    const size_t shards = size_t{opening->shard_count} * sizeof(OpeningShard);
    const size_t bytes = opening->bytes;
    if (shards <= file.size() - offset - sizeof(Opening)) make_right<Opening>(file, offset, shards);
    offset += bytes;
  }
  while (offset % frame_alignment == 0) {
    const auto* header = at<GroupHeader>(file, offset);
    if (header == nullptr || header->magic != group_magic || header->bytes < sizeof(GroupHeader)) break;
    const GroupHeader group = *header;
    make_group_right(file, offset, group);
    offset += group.bytes;
  }
}

// As a file has it; short parts are followed by zeros.
std::string segment_file(std::string_view part, uint64_t id, bool right_checksums) {
  std::string file(header_page_bytes, '\0');
  part.substr(0, seal_begin).copy(file.data(), seal_begin);
  if (part.size() > seal_begin) part.substr(seal_begin, sizeof(Seal)).copy(file.data() + seal_offset, sizeof(Seal));
  if (part.size() > frames_begin) file += part.substr(frames_begin);
  if (right_checksums) {
    std::memcpy(file.data() + offsetof(SegmentHeader, id), &id, sizeof(id));
    make_checksums_right(file);
  }
  return file;
}

struct Summary {
  struct Segment {
    uint64_t first_group = 0;
    size_t groups = 0;
    std::string spans;
    std::optional<std::string> index;  // nothing: it is damaged
    bool operator==(const Segment&) const = default;
  };
  std::vector<Segment> segments;
  std::map<uint32_t, uint64_t> next_sequences;
  uint64_t next_group = 0;
  int64_t last_time = 0;
  bool operator==(const Summary&) const = default;
};

std::optional<Summary> recovered(const std::string& directory) {
  const auto files = std::make_shared<OpenFiles>(8);
  auto result = recover(directory, files);
  if (!result) {
    CHECK(result.error().kind == ErrorKind::corrupt || result.error().kind == ErrorKind::unsupported, "{}",
          result.error().message);
    return std::nullopt;
  }
  Summary summary;
  for (const auto& [segment, spans] : result->segments) {
    Summary::Segment& one = summary.segments.emplace_back();
    one.first_group = segment->first_group;
    one.groups = segment->group_count;
    one.spans.assign(reinterpret_cast<const char*>(spans.data()), spans.size() * sizeof(Span));
    const auto index = load_index(*segment);
    if (index) one.index = (*index)->encode(spans);
    if (!index) CHECK(index.error().kind == ErrorKind::corrupt, "{}", index.error().message);
  }
  summary.next_sequences = result->next_sequences;
  summary.next_group = result->next_group;
  summary.last_time = result->last_time;
  return summary;
}

void open_and_append(const std::string& directory) {
  const auto io = std::move(make_io_driver(IoMode::blocking).value());
  LogOptions options;
  options.directory = directory;
  options.segment_bytes = size_t{64} << 10;
  options.group_bytes_max = size_t{32} << 10;
  options.durable = false;
  options.io = io.get();
  SequenceNumber written;
  for (const bool first : {true, false}) {
    auto log = open_log(options);
    if (!log) {
      CHECK(first, "{}", log.error().message);
      return;
    }
    const ShardId shard(0);
    (*log)->add_shard(shard);
    const auto range = (*log)->range(shard);
    CHECK(range.has_value());
    if (!first) {
      CHECK(range->end == written.next());
      const auto blocks = (*log)->read(shard, written, 100);
      CHECK(blocks && blocks->size() == 1 && (*blocks)[0]->end() == range->end);
      return;
    }
    // Sequence numbers that a damaged file may claim, and no log ever reaches.
    if (range->end.value > UINT64_MAX / 2) return;
    for (SequenceNumber from = range->oldest; from < range->end;) {
      const auto blocks = (*log)->read(shard, from, 4096);
      if (!blocks) {
        CHECK(blocks.error().kind == ErrorKind::corrupt, "{}", blocks.error().message);
        break;
      }
      CHECK(!blocks->empty() && blocks->back()->end() > from);
      from = blocks->back()->end();
    }
    const AppendRecord record{shard, "key", "data"};
    const auto group = (*log)->append({&record, 1}, {&written, 1});
    CHECK(group.has_value(), "{}", group.error().message);
    (*log)->wait_durable(*group);
    CHECK(written == range->end);
  }
}

}  // namespace
}  // namespace millrace::log

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::log;
  constexpr size_t segments_max = 4;
  fuzz::Input input(data, size);
  const uint8_t flags = input.byte();
  const fuzz::Directory directory;
  std::string_view rest = input.rest();
  for (uint64_t id = 1; id <= segments_max; ++id) {
    const size_t end = rest.find(separator);
    std::ofstream(segment_path(directory.path(), id), std::ios::binary)
        << segment_file(rest.substr(0, end), id, (flags & 1) != 0);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + separator.size());
  }
  const auto first = recovered(directory.path());
  const auto second = recovered(directory.path());
  CHECK(first.has_value() == second.has_value());
  if (!first) return 0;
  CHECK(*first == *second, "next groups {} and {}, segments {} and {}, shards {} and {}", first->next_group,
        second->next_group, first->segments.size(), second->segments.size(), first->next_sequences.size(),
        second->next_sequences.size());
  if ((flags & 2) != 0) open_and_append(directory.path());
  return 0;
}
