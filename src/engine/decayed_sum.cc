#include "engine/decayed_sum.h"

#include <algorithm>
#include <cmath>

#include "data/text.h"

namespace millrace::engine {

using data::Int128;

namespace {
constexpr double factor_unit = 4503599627370496.0;  // 2^52
}

void put_int128(std::string& out, Int128 v) {
  __extension__ using Unsigned = unsigned __int128;
  auto bits = (static_cast<Unsigned>(v) << 1) ^ static_cast<Unsigned>(v >> 127);
  while (bits >= 0x80) {
    out.push_back(static_cast<char>(static_cast<uint8_t>(bits) | 0x80));
    bits >>= 7;
  }
  out.push_back(static_cast<char>(bits));
}

Int128 get_int128(base::ByteReader& in) {
  __extension__ using Unsigned = unsigned __int128;
  Unsigned bits = 0;
  for (int shift = 0; shift < 128; shift += 7) {
    const uint8_t byte = in.u8();
    bits |= static_cast<Unsigned>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return static_cast<Int128>(bits >> 1) ^ -static_cast<Int128>(bits & 1);
}

DecayPlace decay_place(int64_t time_ms, int64_t half_life_ms) {
  const int64_t bucket = data::floor_divide(time_ms, half_life_ms);
  const int64_t inside = time_ms - bucket * half_life_ms;
  const double factor = factor_unit * std::exp2(static_cast<double>(inside) / static_cast<double>(half_life_ms));
  return {bucket, std::llround(factor)};
}

void DecayedSum::advance(int64_t bucket) {
  if (sums_.empty()) {
    newest_bucket_ = bucket;
    return;
  }
  const int64_t steps = std::min<int64_t>(bucket - newest_bucket_, buckets_max);
  newest_bucket_ = bucket;
  const size_t kept = std::min<size_t>(sums_.size(), buckets_max - steps);
  sums_.resize(kept);
  if (kept == 0) {
    dirty_ = 0;
    return;
  }
  sums_.insert(sums_.begin(), steps, Int128{0});
  dirty_ = (dirty_ << steps) & ((uint64_t{1} << sums_.size()) - 1);
}

Int128& DecayedSum::slot(int64_t age) {
  if (sums_.size() <= static_cast<size_t>(age)) sums_.resize(age + 1);
  dirty_ |= uint64_t{1} << age;
  return sums_[age];
}

void DecayedSum::take_newest(int64_t time_ms, const DecayPlace& place) {
  if (sums_.empty() || place.bucket > newest_bucket_) advance(place.bucket);
  newest_time_ = time_ms;
  slot(0);
}

void DecayedSum::add(int64_t time_ms, const DecayPlace& place, Int128 x) {
  touch(time_ms, place);
  const int64_t age = newest_bucket_ - place.bucket;
  if (age < buckets_max) slot(age) += x * place.factor;
}

void DecayedSum::merge(const DecayedSum& other) {
  if (other.empty()) return;
  if (empty() || other.newest_bucket_ > newest_bucket_) advance(other.newest_bucket_);
  if (empty() || other.newest_time_ > newest_time_) newest_time_ = other.newest_time_;
  slot(0);
  const int64_t behind = newest_bucket_ - other.newest_bucket_;
  for (size_t k = 0; k < other.sums_.size(); ++k) {
    const int64_t age = behind + static_cast<int64_t>(k);
    if (age < buckets_max) slot(age) += other.sums_[k];
  }
}

double DecayedSum::value(int64_t half_life_ms) const {
  if (sums_.empty()) return 0;
  double sum = 0;
  double weight = 1;
  for (const Int128 bucket : sums_) {
    sum += static_cast<double>(bucket) * weight;
    weight *= 0.5;
  }
  const int64_t inside = newest_time_ - newest_bucket_ * half_life_ms;
  return sum / factor_unit * std::exp2(-static_cast<double>(inside) / static_cast<double>(half_life_ms));
}

void DecayedSum::put(std::string& out, bool only_changed) const {
  base::put_varint(out, sums_.size());
  if (sums_.empty()) return;
  base::put_signed_varint(out, newest_time_);
  base::put_signed_varint(out, newest_bucket_);
  uint64_t written = 0;
  for (size_t k = 0; k < sums_.size(); ++k) {
    const bool wanted = only_changed ? (dirty_ >> k & 1) != 0 : sums_[k] != 0;
    written |= uint64_t{wanted} << k;
  }
  base::put_varint(out, written);
  for (size_t k = 0; k < sums_.size(); ++k) {
    if (written >> k & 1) put_int128(out, sums_[k]);
  }
}

void DecayedSum::get(base::ByteReader& in) {
  const uint64_t size = in.varint();
  if (size == 0 || size > buckets_max) return;
  const int64_t time = in.signed_varint();
  const int64_t bucket = in.signed_varint();
  const uint64_t written = in.varint();
  if (!in.ok()) return;
  if (sums_.empty() || bucket > newest_bucket_) advance(bucket);
  newest_time_ = time;
  sums_.resize(size);
  for (size_t k = 0; k < size; ++k) {
    if (written >> k & 1) sums_[k] = get_int128(in);
  }
  dirty_ = 0;
}

}  // namespace millrace::engine
