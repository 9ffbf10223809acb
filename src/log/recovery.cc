#include "log/recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <unordered_set>

namespace millrace::log {
namespace {

// A segment file as it is found, before its groups are looked at.
struct Found {
  SegmentPtr segment;
  std::optional<std::vector<Span>> spans;  // sealed
  std::optional<Opening> opening;
  std::vector<OpeningShard> shards;

  bool begun() const { return spans.has_value() || opening.has_value(); }
  uint64_t first_group() const { return spans ? segment->first_group : opening->first_group; }
};

class Recovery {
 public:
  Recovery(std::string directory, std::shared_ptr<OpenFiles> files)
      : directory_(std::move(directory)), files_(std::move(files)) {}

  Result<Recovered> run() {
    TRY(look());
    TRY(drop_unbegun());
    for (size_t i = 0; i < found_.size(); ++i) {
      TRY_ASSIGN(const bool follows, check_follows(i));
      if (!follows) {
        TRY(give_up_from(i));
        break;
      }
      TRY(found_[i].spans ? take_sealed(found_[i]) : scan(i));
    }
    TRY(close_scanned());
    TRY(free_empty());
    return std::move(result_);
  }

 private:
  Result<void> look() {
    TRY_ASSIGN(const auto names, base::list_directory(directory_));
    for (const std::string& name : names) {
      const auto free_id = id_in_name(name, "free-");
      const auto segment_id = id_in_name(name, "segment-");
      if (free_id) result_.free_files.push_back(directory_ + "/" + name);
      if (const auto id = free_id ? free_id : segment_id) {
        result_.next_id = std::max(result_.next_id, *id + 1);
      }
      if (!segment_id) continue;
      Found found;
      TRY_ASSIGN(found.segment, open_segment(directory_ + "/" + name, *segment_id, files_));
      TRY_ASSIGN(found.spans, load_seal(*found.segment));
      if (!found.spans) {
        GroupScanner scanner(*found.segment, header_page_bytes);
        TRY_ASSIGN(const auto opening, scanner.opening());
        if (opening) {
          TRY(check_opening(*found.segment, *opening));
          found.opening = opening->header;
          found.shards.assign(opening->shards.begin(), opening->shards.end());
        }
      }
      found_.push_back(std::move(found));
    }
    // The run that freed them may have been killed before their new names were durable: a file that is written anew
    // must not come back under its old one.
    if (!result_.free_files.empty()) TRY(base::sync_directory(directory_));
    return {};
  }

  // What no writer says, though the checksum holds.
  static Result<void> check_opening(const Segment& segment, const OpeningView& opening) {
    std::unordered_set<uint32_t> shards;
    bool holds = opening.header.first_group != 0;
    for (const OpeningShard& shard : opening.shards) holds = holds && shards.insert(shard.shard).second;
    if (holds) return {};
    return fail(ErrorKind::corrupt,
                "{}: the opening at offset {} is damaged: it begins with group {} and names {} shards", segment.path,
                header_page_bytes, opening.header.first_group, opening.shards.size());
  }

  // Prepared segments in which nothing was begun, or whose first write was torn. Only the newest can be such.
  Result<void> drop_unbegun() {
    while (!found_.empty() && !found_.back().begun()) {
      GroupScanner scanner(*found_.back().segment, header_page_bytes);
      TRY_ASSIGN(const auto proof, scanner.find_proof(0));
      if (proof) return damaged(*found_.back().segment, header_page_bytes, *proof);
      TRY(set_free(found_.back()));
      found_.pop_back();
    }
    for (size_t i = 0; i + 1 < found_.size(); ++i) {
      if (!found_[i].begun()) return damaged(*found_[i].segment, header_page_bytes, header_page_bytes);
    }
    return {};
  }

  // Whether the segment's first group is the next one of the journal. False: a log that did not sync has lost
  // what was before it.
  Result<bool> check_follows(size_t i) {
    const Found& found = found_[i];
    if (i == 0 || found.first_group() == result_.next_group) return true;
    const Segment& before = *found_[i - 1].segment;
    const bool lost = !found_[i - 1].spans && !found.spans && (found.opening->flags & after_sync) == 0;
    if (lost && found.first_group() > result_.next_group) return false;
    return fail(ErrorKind::corrupt, "{}: group {} at offset {} is damaged or missing ({} continues with group {})",
                before.path, result_.next_group, before.groups_end, found.segment->path, found.first_group());
  }

  Result<void> take_sealed(Found& found) {
    forget_empty();
    for (const Span& span : *found.spans) TRY(begin_shard(*found.segment, span.shard, span.first, span.next));
    result_.next_group = found.segment->last_group() + 1;
    result_.last_time = found.segment->last_time;
    result_.segments.push_back({found.segment, *found.spans});
    return {};
  }

  // A shard in a segment begins where it ended in the one before.
  Result<void> begin_shard(const Segment& segment, uint32_t shard, uint64_t first, uint64_t next) {
    const auto known = result_.next_sequences.find(shard);
    if (known != result_.next_sequences.end() && known->second != first) {
      return fail(ErrorKind::corrupt, "{}: shard {} begins at {}, after {} in the segment before", segment.path, shard,
                  first, known->second);
    }
    result_.next_sequences[shard] = next;
    return {};
  }

  // Before the first segment with groups nothing counts: it says all itself.
  void forget_empty() {
    if (result_.segments.empty()) result_.next_sequences.clear();
  }

  Result<void> scan(size_t i) {
    Found& found = found_[i];
    Segment& segment = *found.segment;
    const bool newest = i + 1 == found_.size();
    const uint64_t limit = newest ? UINT64_MAX : found_[i + 1].first_group();
    const auto sequences_before = result_.next_sequences;
    const int64_t time_before = result_.last_time;
    forget_empty();
    for (const OpeningShard& shard : found.shards) TRY(begin_shard(segment, shard.shard, shard.next, shard.next));
    result_.next_group = found.opening->first_group;
    result_.last_time = std::max(result_.last_time, found.opening->last_time);
    segment.index = std::make_shared<SegmentIndex>();
    segment.groups_end = header_page_bytes + found.opening->bytes;

    GroupScanner scanner(segment, segment.groups_end);
    while (result_.next_group < limit) {
      TRY_ASSIGN(const auto group, scanner.group());
      if (!group || group->header.group != result_.next_group || !group->payloads_hold()) break;
      if (!take_blocks(*group)) break;
      segment.add_group(*group, scanner.offset());
      scanner.skip(group->header.bytes);
      result_.next_group += 1;
      result_.last_time = group->header.time;
    }
    if (newest) {
      const uint32_t end = scanner.offset();
      scanner.skip(frame_alignment);
      TRY_ASSIGN(const auto proof, scanner.find_proof(result_.next_group + 1));
      if (proof) return damaged(segment, end, *proof);
    }
    if (segment.group_count == 0) {
      empty_.push_back(i);
      // What it opens with, those before say better; alone it is the only one that knows how far the journal had come.
      if (!result_.segments.empty()) {
        result_.next_sequences = sequences_before;
        result_.last_time = time_before;
      }
      return {};
    }
    std::vector<OpeningShard> ends;
    for (const auto& [shard, next] : result_.next_sequences) ends.push_back({shard, 0, next});
    result_.segments.push_back({found.segment, segment.index->spans(ends)});
    return {};
  }

  // False, and nothing taken, if the group does not continue the shards: densely, each in one block.
  bool take_blocks(const GroupView& group) {
    std::unordered_set<uint32_t> shards;
    for (const BlockHeader& block : group.blocks) {
      const auto known = result_.next_sequences.find(block.shard);
      if (block.first != (known == result_.next_sequences.end() ? 0 : known->second)) return false;
      if (block.count == 0 || block.count > UINT64_MAX - block.first || !shards.insert(block.shard).second)
        return false;
    }
    for (const BlockHeader& block : group.blocks) {
      result_.next_sequences[block.shard] = block.first + block.count;
    }
    return true;
  }

  // What was written after a loss that nobody was promised to be spared from: not one segment of it counts.
  Result<void> give_up_from(size_t i) {
    while (found_.size() > i) {
      TRY(set_free(found_.back()));
      found_.pop_back();
    }
    return {};
  }

  Result<void> set_free(Found& found) {
    const std::string path = free_path(directory_, found.segment->id);
    TRY(base::rename_file(found.segment->path, path));
    TRY(base::sync_directory(directory_));
    result_.free_files.push_back(path);
    return {};
  }

  // Segments with an opening and no whole group. Where no other says how far the journal had come, which happens to a
  // log that did not sync, the last one stays and does.
  Result<void> free_empty() {
    const bool begun = result_.next_group > 1;
    if (result_.segments.empty() && begun && !empty_.empty()) empty_.pop_back();
    if (!begun) {
      result_.next_sequences.clear();
      result_.last_time = 0;
    }
    for (const size_t i : empty_) TRY(set_free(found_[i]));
    return {};
  }

  // Nothing will be appended to these any more: their room is given back.
  Result<void> close_scanned() {
    for (const auto& [segment, spans] : result_.segments) {
      if (segment->sealed) continue;
      TRY_ASSIGN(base::File file, files_->open(segment->path, O_RDWR));
      segment->begin_writing(std::move(file));
      // This syncs the groups too: a killed process may leave some that only the kernel's memory holds.
      const auto closed = close_segment(*segment, spans);
      if (!closed && closed.error().kind == ErrorKind::disk_full) {
        // Without room for the footer the segment stays as it is, and is read again next time.
        TRY(segment->writing->sync_data());
        segment->end_writing();
        continue;
      }
      TRY(closed);
      segment->sealed = true;
      TRY(segment->writing->resize(segment->groups_end +
                                   footer_bytes(spans.size(), segment->group_count, segment->index->block_count())));
      segment->end_writing();
    }
    return {};
  }

  static std::unexpected<Error> damaged(const Segment& segment, uint32_t offset, uint32_t proof) {
    return fail(ErrorKind::corrupt,
                "{}: the journal is damaged at offset {}: what follows at offset {} was written after it was "
                "on disk; restore the file from a copy, or move the log's directory away to begin anew",
                segment.path, offset, proof);
  }

  const std::string directory_;
  const std::shared_ptr<OpenFiles> files_;
  std::vector<Found> found_;
  std::vector<size_t> empty_;  // of found_
  Recovered result_;
};

}  // namespace

Result<Recovered> recover(const std::string& directory, const std::shared_ptr<OpenFiles>& files) {
  return Recovery(directory, files).run();
}

}  // namespace millrace::log
