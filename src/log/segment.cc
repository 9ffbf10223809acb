#include "log/segment.h"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_set>

#include "base/bytes.h"

namespace millrace::log {
namespace {

template <class Structure>
std::string_view bytes_of(const Structure& structure) {
  return {reinterpret_cast<const char*>(&structure), sizeof(structure)};
}

// The seal, if the file has one of this life.
Result<std::optional<Seal>> read_seal(const Segment& segment, const base::File& file) {
  Seal seal;
  TRY_ASSIGN(const size_t read, file.read_at(reinterpret_cast<char*>(&seal), sizeof(seal), seal_offset));
  if (read != sizeof(seal) || seal.magic != seal_magic || seal.life != segment.life) return std::nullopt;
  if (checksum_of(seal) != seal.checksum) return std::nullopt;
  return seal;
}

// Whether a writer may have said so; a checksum alone does not tell.
bool may_be(const Seal& seal, uint64_t file_bytes) {
  return seal.group_count > 0 && seal.first_group > 0 && seal.first_group < UINT64_MAX - seal.group_count &&
         seal.groups_offset >= header_page_bytes && seal.groups_offset < seal.footer_offset &&
         seal.footer_offset + uint64_t{seal.span_count} * sizeof(Span) + seal.index_bytes <= file_bytes;
}

bool may_be(const std::vector<Span>& spans) {
  std::unordered_set<uint32_t> shards;
  return std::ranges::all_of(spans, [&](const Span& span) {
    return span.first <= span.next && (span.first == span.next) == (span.block_count == 0) &&
           shards.insert(span.shard).second;
  });
}

Result<std::optional<std::vector<Span>>> read_spans(const base::File& file, const Seal& seal) {
  TRY_ASSIGN(const uint64_t file_bytes, file.size());
  if (!may_be(seal, file_bytes)) return std::nullopt;
  std::vector<Span> spans(seal.span_count);
  const size_t bytes = spans.size() * sizeof(Span);
  TRY_ASSIGN(const size_t read, file.read_at(reinterpret_cast<char*>(spans.data()), bytes, seal.footer_offset));
  if (read != bytes || base::crc32c({reinterpret_cast<const char*>(spans.data()), bytes}) != seal.spans_checksum ||
      !may_be(spans)) {
    return std::nullopt;
  }
  return spans;
}

Result<SegmentHeader> read_header(const base::File& file, uint64_t id) {
  SegmentHeader header;
  TRY_ASSIGN(const size_t read, file.read_at(reinterpret_cast<char*>(&header), sizeof(header), 0));
  if (read != sizeof(header) || header.magic != segment_magic || checksum_of(header) != header.checksum ||
      header.id != id) {
    return fail(ErrorKind::corrupt, "{}: the segment's header at offset 0 is damaged", file.path());
  }
  return header;
}

}  // namespace

Result<FilePtr> Segment::open() const {
  if (auto file = files->find(this)) return file;
  TRY_ASSIGN(base::File file, files->open(path, O_RDONLY));
  TRY_ASSIGN(const SegmentHeader header, read_header(file, id));
  // A log that was deleted may have been made again under the same name.
  if (header.life != life) return fail(ErrorKind::not_found, "{}: the file is another log's now", path);
  return files->enter(this, std::move(file));
}

void Segment::begin_writing(base::File file) {
  writing = std::make_shared<base::File>(std::move(file));
  files->hold(this, writing);
}

void Segment::end_writing() {
  writing = nullptr;
  files->let_go(this);
}

void Segment::add_group(const GroupView& group, uint32_t offset) {
  if (group_count == 0) {
    first_group = group.header.group;
    first_time = group.header.time;
    groups_offset = offset;
  }
  group_count += 1;
  last_time = group.header.time;
  groups_end = offset + group.header.bytes;
  index->add_group(group, offset);
}

std::string segment_path(const std::string& directory, uint64_t id) {
  return fmt::format("{}/segment-{:020}.log", directory, id);
}

std::string free_path(const std::string& directory, uint64_t id) {
  return fmt::format("{}/free-{:020}.log", directory, id);
}

std::optional<uint64_t> id_in_name(std::string_view name, std::string_view kind) {
  constexpr std::string_view suffix = ".log";
  if (!name.starts_with(kind) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_prefix(kind.size());
  name.remove_suffix(std::min(suffix.size(), name.size()));
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return id;
}

Result<uint64_t> begin_life(const base::File& file, uint64_t id, uint64_t capacity) {
  SegmentHeader header;
  header.id = id;
  header.capacity = capacity;
  if (getrandom(&header.life, sizeof(header.life), 0) != sizeof(header.life)) {
    return fail(ErrorKind::io, "{}: the kernel gave no random number", file.path());
  }
  header.checksum = checksum_of(header);
  std::string page(bytes_of(header));
  page.resize(header_page_bytes);  // takes a former life's seal away
  TRY(file.write_at(page, 0));
  TRY(file.sync_data());
  return header.life;
}

Result<SegmentPtr> open_segment(const std::string& path, uint64_t id, const std::shared_ptr<OpenFiles>& files) {
  TRY_ASSIGN(base::File file, files->open(path, O_RDONLY));
  TRY_ASSIGN(const SegmentHeader header, read_header(file, id));
  if (header.version != format_version) {
    return fail(ErrorKind::unsupported, "{}: format version {} (this program reads version {})", path, header.version,
                format_version);
  }
  auto segment = std::make_shared<Segment>(path, id, files);
  segment->life = header.life;
  segment->capacity = header.capacity;
  files->enter(segment.get(), std::move(file));
  return segment;
}

Result<std::optional<std::vector<Span>>> load_seal(Segment& segment) {
  TRY_ASSIGN(const FilePtr file, segment.open());
  TRY_ASSIGN(const auto seal, read_seal(segment, *file));
  if (!seal) return std::nullopt;
  TRY_ASSIGN(auto spans, read_spans(*file, *seal));
  if (!spans) return std::nullopt;
  segment.first_group = seal->first_group;
  segment.group_count = seal->group_count;
  segment.first_time = seal->first_time;
  segment.last_time = seal->last_time;
  segment.groups_offset = seal->groups_offset;
  segment.groups_end = seal->footer_offset;
  segment.sealed = true;
  return spans;
}

Result<std::shared_ptr<SegmentIndex>> load_index(const Segment& segment) {
  TRY_ASSIGN(const FilePtr file, segment.open());
  TRY_ASSIGN(const auto seal, read_seal(segment, *file));
  if (!seal) return fail(ErrorKind::corrupt, "{}: the seal at offset {} is damaged", segment.path, seal_offset);
  TRY_ASSIGN(const auto spans, read_spans(*file, *seal));
  std::shared_ptr<SegmentIndex> index;
  if (spans) {
    std::string bytes(seal->index_bytes, '\0');
    TRY_ASSIGN(const size_t read, file->read_at(bytes.data(), bytes.size(),
                                                seal->footer_offset + uint64_t{seal->span_count} * sizeof(Span)));
    if (read == bytes.size() && base::crc32c(bytes) == seal->index_checksum) {
      index = SegmentIndex::decode(bytes, *seal, *spans);
    }
  }
  if (!index) {
    return fail(ErrorKind::corrupt, "{}: the footer at offset {} is damaged", segment.path, seal->footer_offset);
  }
  return index;
}

Result<void> close_segment(Segment& segment, const std::vector<Span>& spans) {
  const std::string index = segment.index->encode(spans);
  std::string footer(reinterpret_cast<const char*>(spans.data()), spans.size() * sizeof(Span));
  Seal seal;
  seal.group_count = static_cast<uint32_t>(segment.group_count);
  seal.life = segment.life;
  seal.first_group = segment.first_group;
  seal.first_time = segment.first_time;
  seal.last_time = segment.last_time;
  seal.groups_offset = segment.groups_offset;
  seal.footer_offset = segment.groups_end;
  seal.span_count = static_cast<uint32_t>(spans.size());
  seal.spans_checksum = base::crc32c(footer);
  seal.index_bytes = static_cast<uint32_t>(index.size());
  seal.index_checksum = base::crc32c(index);
  seal.checksum = checksum_of(seal);
  footer += index;
  const base::File& file = *segment.writing;
  TRY(file.write_at(footer, segment.groups_end));
  TRY(file.sync_data());
  TRY(file.write_at(bytes_of(seal), seal_offset));
  TRY(file.sync_data());
  return {};
}

GroupScanner::GroupScanner(const Segment& segment, uint32_t offset) : segment_(segment), offset_(offset) {}

Result<void> GroupScanner::look() {
  if (file_) return {};
  TRY_ASSIGN(file_, segment_.open());
  TRY_ASSIGN(file_bytes_, file_->size());
  return {};
}

// What there is of `bytes` bytes at offset_; shorter at the end of the file.
Result<std::string_view> GroupScanner::view(size_t bytes) {
  TRY(look());
  constexpr size_t chunk_bytes = size_t{1} << 20;
  constexpr size_t padding_bytes = 64;
  const uint64_t left = file_bytes_ > offset_ ? file_bytes_ - offset_ : 0;
  bytes = std::min<uint64_t>(bytes, left);
  if (buffer_ == nullptr || offset_ < buffer_offset_ || offset_ + bytes > buffer_offset_ + buffer_bytes_) {
    const size_t wanted = std::min<uint64_t>(std::max(bytes, chunk_bytes), left);
    // The last buffer may live on in the blocks that were made of it.
    buffer_ = std::shared_ptr<char[]>(new char[wanted + padding_bytes]);
    TRY_ASSIGN(buffer_bytes_, file_->read_at(buffer_.get(), wanted, offset_));
    std::memset(buffer_.get() + buffer_bytes_, 0, padding_bytes);
    buffer_offset_ = offset_;
    bytes = std::min(bytes, buffer_bytes_);
  }
  return std::string_view(buffer_.get() + (offset_ - buffer_offset_), bytes);
}

Result<std::optional<GroupView>> GroupScanner::group() {
  TRY_ASSIGN(std::string_view bytes, view(sizeof(GroupHeader)));
  const auto header = parse_group_header(bytes, segment_.life);
  if (!header || offset_ + uint64_t{header->bytes} > file_bytes_) return std::nullopt;
  TRY_ASSIGN(bytes, view(header->bytes));
  return parse_group(bytes, segment_.life);
}

Result<std::optional<OpeningView>> GroupScanner::opening() {
  TRY_ASSIGN(std::string_view bytes, view(sizeof(Opening)));
  if (bytes.size() < sizeof(Opening)) return std::nullopt;
  Opening header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != opening_magic) return std::nullopt;
  TRY_ASSIGN(bytes, view(header.bytes));
  return parse_opening(bytes, segment_.life);
}

Result<std::optional<uint32_t>> GroupScanner::find_proof(uint64_t group) {
  TRY(look());
  for (; offset_ < file_bytes_; offset_ += frame_alignment) {
    TRY_ASSIGN(std::string_view bytes, view(sizeof(GroupHeader)));
    const auto header = parse_group_header(bytes, segment_.life);
    if (!header || header->group < group || (header->flags & after_sync) == 0) continue;
    TRY_ASSIGN(bytes, view(group_bytes(header->block_count, 0)));
    if (parse_group(bytes, segment_.life)) return offset_;
  }
  return std::nullopt;
}

}  // namespace millrace::log
