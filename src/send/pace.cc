#include "send/pace.h"

#include <algorithm>

#include "base/clock.h"

namespace millrace::send {

namespace {

constexpr int64_t behind_ns = 1'000'000'000;
constexpr double wait_ns_max = 9e18;

}  // namespace

Pace::Pace(double speed) : speed_(speed) {}

int64_t Pace::due_in_ns(EventTime time) const {
  const double since_first_ns = (static_cast<double>(time.value) - static_cast<double>(first_.value)) * 1e6 / speed_;
  const auto passed_ns = static_cast<double>(base::system_clock().monotonic_ns() - start_ns_);
  return static_cast<int64_t>(std::clamp(since_first_ns - passed_ns, -wait_ns_max, wait_ns_max));
}

int64_t Pace::wait_ns(EventTime time) {
  if (speed_ <= 0) return 0;
  if (!started_) {
    first_ = time;
    start_ns_ = base::system_clock().monotonic_ns();
    started_ = true;
  }
  const int64_t due_ns = due_in_ns(time);
  behind_ = due_ns < -behind_ns;
  return std::max<int64_t>(due_ns, 0);
}

double Pace::seconds_until(EventTime time) const {
  return std::max(static_cast<double>(due_in_ns(time)) / 1e9, 0.0);
}

}  // namespace millrace::send
