#pragma once
// How long things took, in buckets that suit the way from a click to a price. One thread at a time.

#include <array>
#include <cstdint>

namespace millrace::shop {

class LatencyHistogram {
 public:
  static constexpr std::array<double, 12> bounds_s = {0.001, 0.002, 0.003, 0.005, 0.01, 0.025,
                                                      0.05,  0.1,   0.25,  0.5,   1,    5};
  void observe(double seconds);
  // How many took up to each bound; the last count is of all.
  std::array<uint64_t, bounds_s.size() + 1> cumulative() const;
  double sum_s() const { return sum_s_; }

 private:
  std::array<uint64_t, bounds_s.size() + 1> counts_{};
  double sum_s_ = 0;
};

}  // namespace millrace::shop
