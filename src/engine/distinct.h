#pragma once
// Aggregates of distinct values, exact and retractable: every value of a group with its multiplicity. One thread.
//
// A value is numbered once per table; a (group, value) pair is then two small integers, in an open-addressing table
// without pointers. This is the largest state that windows have, and the one touched most often. A total remembers the
// numbers that a merged table's pairs have in it until the table is taken away again: 4 bytes a pair.

#include <memory>

#include "engine/accumulator.h"

namespace millrace::engine {

// Pairs of integers, numbered 0, 1, 2, ... in order of arrival.
class PairTable {
 public:
  void reserve(size_t pairs);
  // For each pair its number; new pairs get the next one.
  void add_all(const std::vector<uint64_t>& pairs, std::vector<uint32_t>& numbers);
  uint64_t pair(uint32_t number) const { return pairs_[number]; }
  size_t size() const { return pairs_.size(); }
  size_t bytes() const { return slots_.capacity() * sizeof(Slot) + pairs_.capacity() * sizeof(uint64_t); }

 private:
  static constexpr uint32_t empty = ~uint32_t{0};
  struct Slot {
    uint64_t pair = 0;
    uint32_t number = empty;
  };
  void grow(size_t pairs);
  size_t place(uint64_t pair) const { return (pair * 0x9e3779b97f4a7c15u) >> shift_; }

  std::vector<Slot> slots_;  // linear probing, at most half full
  std::vector<uint64_t> pairs_;
  int shift_ = 64;
};

// `inner` sees a value when its multiplicity in a group becomes positive, and sees it taken back when it stops being
// so.
std::unique_ptr<Accumulator> make_distinct(data::Type argument, std::unique_ptr<Accumulator> inner);

}  // namespace millrace::engine
