#pragma once
// Copies of segments while their log goes on. Of a segment that is not sealed only what was durable is copied, so the
// copy looks as after an orderly stop; its seal, which may be under way, is left out.

#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "log/segment.h"

namespace millrace::log {

// Into a directory that is made if it is missing; synced. The first segments may be gone, trimmed meanwhile: the copy
// begins behind them. unavailable: `stop` was requested.
Result<void> copy_segments(const std::vector<SegmentExtent>& extents, const std::string& directory,
                           const std::stop_token& stop);

}  // namespace millrace::log
