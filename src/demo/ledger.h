#pragma once
// What the demo's shop knows for certain: which clicks and orders were acknowledged and when, which prices became
// visible and when; and what follows from both: the time from click to price.
//
// A price tells which product's event caused it, by the event's time. Several clicks of one product may fall into that
// millisecond: the first acknowledged one counts, so a latency is never told too small. A price that is seen before
// the acknowledgement of its click has come counts as 0. A price that an order caused is no sample.
//
// Threads: any. Bounds: acknowledgements are kept for acknowledgements_s seconds, samples_max samples (the newest),
// waiting_max prices that wait for the acknowledgement of their click.

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace millrace::demo {

struct LatencySummary {
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;  // of all samples ever
  uint64_t samples = 0;
};

class DemoLedger {
 public:
  static constexpr size_t acknowledgements_s = 64;
  static constexpr size_t samples_max = 200'000;
  static constexpr size_t waiting_max = 10'000;

  struct Event {
    size_t product = 0;
    EventTime time;
  };

  void clicks_acknowledged(std::span<const Event> clicks, int64_t at_ns);
  void price_seen(Event cause, int64_t at_ns);

  LatencySummary latency() const;
  // Of the newest samples: for the line that shows how it goes now.
  LatencySummary recent_latency(size_t samples) const;

 private:
  static uint64_t key(const Event& event) {
    return static_cast<uint64_t>(event.product) << 44 ^ static_cast<uint64_t>(event.time.value);
  }
  struct Second {
    int64_t second = -1;
    std::unordered_map<uint64_t, int64_t> acknowledged_ns;  // by key()
  };
  Second& second_of(const Event& event) {
    return seconds_[static_cast<size_t>(event.time.value / 1000) % acknowledgements_s];
  }
  void add_sample(double ms);
  LatencySummary summary_of(std::vector<float> samples) const;

  mutable std::mutex mutex_;
  std::array<Second, acknowledgements_s> seconds_;
  std::unordered_map<uint64_t, int64_t> waiting_;  // prices seen before an acknowledgement: key() -> when
  std::deque<float> samples_;
  uint64_t sample_count_ = 0;
  double max_ms_ = 0;
};

}  // namespace millrace::demo
