#include "demo/ledger.h"

#include <algorithm>
#include <cmath>

namespace millrace::demo {

void DemoLedger::clicks_acknowledged(std::span<const Event> clicks, int64_t at_ns) {
  const std::lock_guard lock(mutex_);
  for (const Event& click : clicks) {
    Second& second = second_of(click);
    if (second.second < click.time.value / 1000) {
      second.second = click.time.value / 1000;
      second.acknowledged_ns.clear();
    } else if (second.second > click.time.value / 1000) {
      continue;  // older than what is kept
    }
    if (!second.acknowledged_ns.try_emplace(key(click), at_ns).second) continue;
    if (waiting_.erase(key(click)) > 0) add_sample(0);
  }
}

void DemoLedger::price_seen(Event cause, int64_t at_ns) {
  const std::lock_guard lock(mutex_);
  const Second& second = second_of(cause);
  if (second.second == cause.time.value / 1000) {
    const auto found = second.acknowledged_ns.find(key(cause));
    if (found != second.acknowledged_ns.end()) {
      add_sample(std::max(0.0, static_cast<double>(at_ns - found->second) / 1e6));
      return;
    }
  }
  // Its click is not acknowledged yet, or it was no click: who waits in vain makes room for others.
  if (waiting_.size() >= waiting_max) waiting_.clear();
  waiting_.try_emplace(key(cause), at_ns);
}

void DemoLedger::add_sample(double ms) {
  if (samples_.size() == samples_max) samples_.pop_front();
  samples_.push_back(static_cast<float>(ms));
  ++sample_count_;
  max_ms_ = std::max(max_ms_, ms);
}

LatencySummary DemoLedger::latency() const {
  return recent_latency(samples_max);
}

LatencySummary DemoLedger::recent_latency(size_t samples) const {
  const std::lock_guard lock(mutex_);
  const size_t count = std::min(samples, samples_.size());
  return summary_of(std::vector<float>(samples_.end() - static_cast<std::ptrdiff_t>(count), samples_.end()));
}

LatencySummary DemoLedger::summary_of(std::vector<float> samples) const {
  LatencySummary summary;
  summary.samples = sample_count_;
  summary.max_ms = max_ms_;
  if (samples.empty()) return summary;
  std::sort(samples.begin(), samples.end());
  // The nearest rank: the smallest sample that so many do not exceed.
  const auto at = [&](double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(samples.size())));
    return static_cast<double>(samples[std::max<size_t>(rank, 1) - 1]);
  };
  summary.p50_ms = at(0.50);
  summary.p99_ms = at(0.99);
  return summary;
}

}  // namespace millrace::demo
