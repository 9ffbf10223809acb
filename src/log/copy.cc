#include "log/copy.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "log/format.h"

namespace millrace::log {
namespace {

constexpr size_t chunk_bytes = size_t{1} << 20;

Result<void> copy_segment(const SegmentExtent& extent, const base::File& from, const std::string& directory,
                          const std::stop_token& stop) {
  TRY_ASSIGN(const base::File to,
             base::File::open(segment_path(directory, extent.segment->id), O_WRONLY | O_CREAT | O_EXCL));
  TRY_ASSIGN(const uint64_t file_bytes, from.size());
  const uint64_t end = extent.sealed ? file_bytes : extent.groups_end;
  const std::unique_ptr<char[]> chunk(new char[chunk_bytes]);
  for (uint64_t at = 0; at < end;) {
    if (stop.stop_requested()) return fail(ErrorKind::unavailable, "the copy was stopped");
    TRY_ASSIGN(const size_t read, from.read_at(chunk.get(), std::min<uint64_t>(chunk_bytes, end - at), at));
    if (read == 0) return fail(ErrorKind::corrupt, "{}: the file ends at {}, before {}", from.path(), at, end);
    if (at == 0 && !extent.sealed) std::fill_n(chunk.get() + seal_offset, sizeof(Seal), '\0');
    TRY(to.write_at({chunk.get(), read}, at));
    at += read;
  }
  return to.sync();
}

}  // namespace

Result<void> copy_segments(const std::vector<SegmentExtent>& extents, const std::string& directory,
                           const std::stop_token& stop) {
  TRY(base::make_directories(directory));
  bool begun = false;
  for (const SegmentExtent& extent : extents) {
    const auto from = extent.segment->open();
    if (!from && from.error().kind == ErrorKind::not_found && !begun) continue;
    if (!from) return std::unexpected(from.error());
    TRY(copy_segment(extent, **from, directory, stop));
    begun = true;
  }
  return base::sync_directory(directory);
}

}  // namespace millrace::log
