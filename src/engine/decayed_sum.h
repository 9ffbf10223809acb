#pragma once
// The exponentially decayed sum of integers x_i at event times t_i with half life h: as of the newest time T,
// the sum of x_i * 2^(-(T - t_i) / h).
//
// It is kept as one exact integer per half life: x * round(2^52 * 2^(fraction of t / h)) is added to the bucket
// floor(t / h). Integer sums do not depend on the order of their terms, and which buckets are kept depends only on T,
// so the result is the same, bit for bit, for every order of arrival and every split into batches. At most
// `buckets_max` buckets are kept: what is older weighs less than 2^-(buckets_max - 1). A retraction takes away exactly
// what its insertion added; it does not take T back.
//
// A value; one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "data/type.h"

namespace millrace::engine {

// Where a time falls: its bucket and the fixed-point factor of its place inside it.
struct DecayPlace {
  int64_t bucket = 0;
  int64_t factor = 0;  // 2^52 .. 2^53
};
DecayPlace decay_place(int64_t time_ms, int64_t half_life_ms);

class DecayedSum {
 public:
  static constexpr int buckets_max = 40;

  // An event of the group at that time: T is the newest of them, whether they add something or not.
  void touch(int64_t time_ms, const DecayPlace& place) {
    if (sums_.empty() || time_ms > newest_time_) take_newest(time_ms, place);
  }
  void add(int64_t time_ms, const DecayPlace& place, data::Int128 x);
  void merge(const DecayedSum& other);
  double value(int64_t half_life_ms) const;  // 0 for nothing
  bool empty() const { return sums_.empty(); }

  // All buckets, or those changed since clear_dirty(); get() of either restores.
  void put(std::string& out, bool only_changed) const;
  void get(base::ByteReader& in);
  void clear_dirty() { dirty_ = 0; }
  size_t bytes() const { return sizeof(*this) + sums_.capacity() * sizeof(data::Int128); }

 private:
  void take_newest(int64_t time_ms, const DecayPlace& place);
  void advance(int64_t bucket);
  data::Int128& slot(int64_t age);

  int64_t newest_time_ = 0;
  int64_t newest_bucket_ = 0;
  uint64_t dirty_ = 0;              // bit k: sums_[k] changed
  std::vector<data::Int128> sums_;  // from the newest bucket to older ones
};

// 128-bit integers in a few bytes.
void put_int128(std::string& out, data::Int128 v);
data::Int128 get_int128(base::ByteReader& in);

}  // namespace millrace::engine
