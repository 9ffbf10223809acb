#pragma once
// The function `millrace flag-fast-clicks`: reads the stream of clicks beside the pricing job, at its own pace, and
// marks visitors who click faster than people do, in the table FlaggedVisitors.
//
// A visitor is fast while more than clicks_max of the visitor's clicks lie in window_ms of event time. All shards come
// to the same process, so a visitor's clicks are counted together wherever they come from; late ones count in their
// place. After a restart the windows begin empty. Bounds: visitors_max visitors, forgotten when lateness_ms have passed
// since their window, and clicks_kept_max clicks of each.
//
// One thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace millrace::shop {

struct FastClickRules {
  int64_t clicks_max = 12;  // more are not a person's
  int64_t window_ms = 2'000;
};

class FastClicks {
 public:
  static constexpr size_t visitors_max = 500'000;
  static constexpr size_t clicks_kept_max = 10'000;
  static constexpr int64_t lateness_ms = 10'000;

  // The largest count that FlaggedVisitors has for a visitor; nullopt: not flagged so far.
  using ReadFlagged = std::function<Result<std::optional<int64_t>>(const std::string& visitor_id)>;

  FastClicks(FastClickRules rules, ReadFlagged read_flagged) : rules_(rules), read_flagged_(std::move(read_flagged)) {}

  // An event of the stream, followed by 64 readable bytes; answers effects. Records that are no clicks are passed over.
  Result<std::string> handle(std::string_view event);

  size_t visitors() const { return visitors_.size(); }

 private:
  struct Visitor {
    std::deque<int64_t> clicks_ms;   // in order, of the window that ends with the newest
    std::optional<int64_t> largest;  // as committed; known once the visitor was flagged
    bool fast = false;
  };
  struct Finding {
    int64_t first_ms = 0;
    int64_t last_ms = 0;
    int64_t clicks = 0;
    int64_t flags = 0;
  };

  void click(const std::string& visitor_id, int64_t event_ms, std::map<std::string, Finding>& findings);
  void forget(int64_t before_ms);

  const FastClickRules rules_;
  const ReadFlagged read_flagged_;
  std::unordered_map<std::string, Visitor> visitors_;
  int64_t newest_ms_ = 0;
  int64_t swept_ms_ = 0;
};

// The command: Lambda's runtime API in, effects out. FAST_CLICKS_MAX and FAST_CLICKS_WINDOW_MS change the rules. The
// exit code.
int run_flag_fast_clicks();

}  // namespace millrace::shop
