#pragma once
// Opening a directory of segments: what holds is found, a torn tail is cut, and damage is told apart from it,
// as docs/log-format.md says under "Opening a log". One thread, before anything else uses the directory.

#include <map>
#include <string>
#include <vector>

#include "log/segment.h"

namespace millrace::log {

struct RecoveredSegment {
  SegmentPtr segment;
  std::vector<Span> spans;  // every shard known at its end
};

struct Recovered {
  std::vector<RecoveredSegment> segments;
  std::map<uint32_t, uint64_t> next_sequences;  // by shard
  uint64_t next_group = 1;
  int64_t last_time = 0;
  uint64_t next_id = 1;
  std::vector<std::string> free_files;
};

// Segments are opened through `files`, and again when they are read.
Result<Recovered> recover(const std::string& directory, const std::shared_ptr<OpenFiles>& files);

}  // namespace millrace::log
