#pragma once
// A segment file: its name, its header, its closing (footer and seal), and the reading of its groups one
// after the other. What the bytes mean is in format.h and docs/log-format.md.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/open_files.h"
#include "log/segment_index.h"

namespace millrace::log {

// The fields from first_group on are guarded by the history's mutex while groups are added, and do not change
// afterwards, except `index` (a cache) and `sealed`.
struct Segment {
  Segment(std::string path, uint64_t id, std::shared_ptr<OpenFiles> files)
      : path(std::move(path)), id(id), files(std::move(files)) {}
  ~Segment() { files->forget(this); }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  std::string path;  // changes only before anybody reads
  const uint64_t id;
  const std::shared_ptr<OpenFiles> files;
  // While it is prepared, written and closed, else null; for those who do so, on one thread at a time.
  std::shared_ptr<base::File> writing;
  uint64_t life = 0;
  uint64_t capacity = 0;

  uint64_t first_group = 0;
  size_t group_count = 0;
  int64_t first_time = 0;
  int64_t last_time = 0;
  uint32_t groups_offset = 0;
  uint32_t groups_end = 0;
  bool sealed = false;
  std::shared_ptr<SegmentIndex> index;  // null: in the footer only

  uint64_t last_group() const { return first_group + group_count - 1; }
  void add_group(const GroupView& group, uint32_t offset);

  // For reading; opened now if it is not open. not_found: the segment was trimmed, or its log deleted, and the
  // file is gone or has begun another life; throttled: the process has no descriptor left; io.
  Result<FilePtr> open() const;
  void begin_writing(base::File file);
  void end_writing();
};
using SegmentPtr = std::shared_ptr<Segment>;

// How far a segment had come at some moment.
struct SegmentExtent {
  SegmentPtr segment;
  uint64_t groups_end = 0;  // of the durable groups
  bool sealed = false;      // the footer behind them counts, too
};

std::string segment_path(const std::string& directory, uint64_t id);
std::string free_path(const std::string& directory, uint64_t id);
// The id in a file's name that begins with `kind` ("segment-" or "free-"), if it is such a name.
std::optional<uint64_t> id_in_name(std::string_view name, std::string_view kind);

// Writes and syncs the header of a file that starts a life; returns the life.
Result<uint64_t> begin_life(const base::File& file, uint64_t id, uint64_t capacity);

// corrupt: the header does not hold.
Result<SegmentPtr> open_segment(const std::string& path, uint64_t id, const std::shared_ptr<OpenFiles>& files);

// Fills in the segment from its seal and returns the spans; nothing if it is not sealed or the spans do not
// hold, so that its groups must be read.
Result<std::optional<std::vector<Span>>> load_seal(Segment& segment);
Result<std::shared_ptr<SegmentIndex>> load_index(const Segment& segment);

// Writes the footer and the seal, synced; needs the segment's index. `spans` names every known shard.
Result<void> close_segment(Segment& segment, const std::vector<Span>& spans);

// Reads a segment's frames from the disk, several at a time. A short file reads as zeros.
class GroupScanner {
 public:
  GroupScanner(const Segment& segment, uint32_t offset);

  uint32_t offset() const { return offset_; }
  // The group at offset(): nothing if the bytes there are not a whole group of this segment's life. The views
  // hold as long as owner() is held, and the payloads have 64 readable bytes behind them.
  Result<std::optional<GroupView>> group();
  Result<std::optional<OpeningView>> opening();
  void skip(uint32_t bytes) { offset_ += bytes; }
  const std::shared_ptr<char[]>& owner() const { return buffer_; }

  // The offset of a group's header of this life at or after offset(), whose number is at least `group` and
  // which was written after a sync: the proof that what lies before it was once whole.
  Result<std::optional<uint32_t>> find_proof(uint64_t group);

 private:
  Result<void> look();
  Result<std::string_view> view(size_t bytes);

  const Segment& segment_;
  FilePtr file_;  // from the first look on
  uint32_t offset_;
  uint64_t file_bytes_ = 0;
  std::shared_ptr<char[]> buffer_;
  uint32_t buffer_offset_ = 0;
  size_t buffer_bytes_ = 0;
};

}  // namespace millrace::log
