#include "shop/latency_histogram.h"

#include <algorithm>

namespace millrace::shop {

void LatencyHistogram::observe(double seconds) {
  const auto bucket = std::lower_bound(bounds_s.begin(), bounds_s.end(), seconds);
  ++counts_[static_cast<size_t>(bucket - bounds_s.begin())];
  sum_s_ += seconds;
}

std::array<uint64_t, LatencyHistogram::bounds_s.size() + 1> LatencyHistogram::cumulative() const {
  auto counts = counts_;
  for (size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  return counts;
}

}  // namespace millrace::shop
