#include "engine/distinct.h"

#include <algorithm>
#include <bit>

#include "engine/key_table.h"

namespace millrace::engine {

using data::Column;
using data::Type;

void PairTable::add_all(const std::vector<uint64_t>& pairs, std::vector<uint32_t>& numbers) {
  grow(pairs_.size() + pairs.size());
  numbers.resize(pairs.size());
  const size_t mask = slots_.size() - 1;
  constexpr size_t ahead = 12;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i + ahead < pairs.size()) __builtin_prefetch(&slots_[place(pairs[i + ahead])], 1);
    size_t at = place(pairs[i]);
    while (slots_[at].number != empty && slots_[at].pair != pairs[i]) at = (at + 1) & mask;
    if (slots_[at].number == empty) {
      slots_[at] = {pairs[i], static_cast<uint32_t>(pairs_.size())};
      pairs_.push_back(pairs[i]);
    }
    numbers[i] = slots_[at].number;
  }
}

void PairTable::reserve(size_t pairs) {
  pairs_.reserve(pairs);
  grow(pairs);
}

void PairTable::grow(size_t pairs) {
  if (pairs * 2 <= slots_.size()) return;
  const size_t size = std::bit_ceil(std::max<size_t>(64, pairs * 2));
  shift_ = 64 - std::countr_zero(size);
  slots_.assign(size, Slot{});
  for (uint32_t number = 0; number < pairs_.size(); ++number) {
    size_t at = place(pairs_[number]);
    while (slots_[at].number != empty) at = (at + 1) & (size - 1);
    slots_[at] = {pairs_[number], number};
  }
}

namespace {

uint64_t pair_of(uint32_t group, uint32_t value) {
  return uint64_t{group} << 32 | value;
}

class Distinct final : public Accumulator {
 public:
  Distinct(Type argument, std::unique_ptr<Accumulator> inner)
      : encoder_({argument}), argument_(argument), inner_(std::move(inner)) {}

  void grow(size_t groups) override {
    group_count_ = groups;
    inner_->grow(groups);
  }
  void reserve_like(const Accumulator& other) override {
    const auto& like = static_cast<const Distinct&>(other);
    values_.reserve(like.values_.size());
    pairs_.reserve(like.pairs_.size());
    counts_.reserve(like.pairs_.size());
    is_changed_.reserve(like.pairs_.size());
  }

  void update(const AggregateInput& input, const RowGroups& rows) override {
    rows_.clear();
    groups_.clear();
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      if (!input.included[rows.rows[k]]) continue;
      rows_.push_back(rows.rows[k]);
      groups_.push_back(rows.groups[k]);
    }
    if (rows_.empty()) return;
    encoder_.encode({input.argument.column.get()}, input.argument.column->size());
    places_.resize(rows_.size());
    for (size_t k = 0; k < rows_.size(); ++k) places_[k] = rows_[k] & static_cast<uint32_t>(input.argument.mask);
    values_.add_all(encoder_.keys(), places_, value_numbers_);
    pairs_of_rows_.resize(rows_.size());
    for (size_t k = 0; k < rows_.size(); ++k) pairs_of_rows_[k] = pair_of(groups_[k], value_numbers_[k]);
    add_pairs();

    size_t crossed = 0;
    crossed_weights_.resize(input.included.size());
    for (size_t k = 0; k < rows_.size(); ++k) {
      const int crossing = count(numbers_[k], rows.weight(rows_[k]));
      crossed_weights_[rows_[k]] = static_cast<int8_t>(crossing);
      // In place: k is never behind crossed.
      rows_[crossed] = rows_[k];
      groups_[crossed] = groups_[k];
      crossed += crossing != 0;
    }
    if (crossed == 0) return;
    inner_->update(input,
                   {std::span(rows_).first(crossed), std::span(groups_).first(crossed), crossed_weights_.data()});
  }

  void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) override {
    const auto& from = static_cast<const Distinct&>(other);
    const std::vector<uint32_t>& numbers = number_pairs(from, to);
    rows_.clear();
    groups_.clear();
    crossed_weights_.clear();
    crossed_values_.clear();
    constexpr size_t ahead = 16;
    for (size_t n = 0; n < numbers.size(); ++n) {
      if (n + ahead < numbers.size()) __builtin_prefetch(&counts_[numbers[n + ahead]], 1);
      const int crossing = count(numbers[n], sign * from.counts_[n]);
      if (crossing == 0) continue;
      const uint64_t pair = from.pairs_.pair(static_cast<uint32_t>(n));
      rows_.push_back(static_cast<uint32_t>(rows_.size()));
      groups_.push_back(to[pair >> 32]);
      crossed_weights_.push_back(static_cast<int8_t>(crossing));
      crossed_values_.push_back(static_cast<uint32_t>(pair));
    }
    AggregateInput input;
    input.included.assign(rows_.size(), 1);
    if (inner_->reads_argument()) {
      auto column = std::make_shared<Column>(argument_, rows_.size());
      for (size_t k = 0; k < rows_.size(); ++k) {
        encoder_.decode(from.values_.key(crossed_values_[k]), {column.get()}, k);
      }
      input.argument = {std::move(column), ~size_t{0}};
    }
    inner_->update(input, {rows_, groups_, crossed_weights_.data()});
    if (sign < 0 || !invertible()) forget(other);
  }
  void forget(const Accumulator& other) override {
    std::erase_if(added_, [&](const Added& added) { return added.other == &other; });
  }

  bool invertible() const override { return inner_->invertible(); }
  void result(uint32_t group, Column& out, size_t row) const override { inner_->result(group, out, row); }

  void put(std::string& out, std::span<const uint32_t> groups, bool only_changed) const override {
    const size_t first_value = only_changed ? values_written_ : 0;
    base::put_varint(out, first_value);
    base::put_varint(out, values_.size() - first_value);
    for (size_t n = first_value; n < values_.size(); ++n) {
      base::put_bytes(out, values_.key(static_cast<uint32_t>(n)));
    }
    const size_t first_pair = only_changed ? pairs_written_ : 0;
    base::put_varint(out, first_pair);
    base::put_varint(out, counts_.size() - first_pair);
    for (size_t n = first_pair; n < counts_.size(); ++n) {
      const uint64_t pair = pairs_.pair(static_cast<uint32_t>(n));
      char bytes[3 * base::varint_bytes_max];
      char* end = base::write_varint(bytes, pair >> 32);
      end = base::write_varint(end, static_cast<uint32_t>(pair));
      end = base::write_varint(end, base::zigzag(counts_[n]));
      out.append(bytes, end - bytes);
    }
    // Older pairs whose multiplicity changed.
    base::put_varint(out, only_changed ? changed_.size() : 0);
    if (only_changed) {
      for (uint32_t n : changed_) {
        base::put_varint(out, n);
        base::put_signed_varint(out, counts_[n]);
      }
    }
    inner_->put(out, groups, only_changed);
  }

  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    const auto broken = [&] { in.raw(in.remaining() + 1); };  // marks the reader as failed
    const uint64_t first_value = in.varint();
    const uint64_t new_values = in.varint();
    if (first_value != values_.size()) return broken();
    for (uint64_t i = 0; i < new_values && in.ok(); ++i) values_.add(in.bytes());
    const uint64_t first_pair = in.varint();
    const uint64_t new_pairs = in.varint();
    if (first_pair != counts_.size()) return broken();
    pairs_of_rows_.clear();
    for (uint64_t i = 0; i < new_pairs && in.ok(); ++i) {
      const uint64_t group = in.varint();
      const uint64_t value = in.varint();
      if (value >= values_.size() || group >= group_count_) return broken();
      pairs_of_rows_.push_back(pair_of(static_cast<uint32_t>(group), static_cast<uint32_t>(value)));
      counts_.push_back(in.signed_varint());
    }
    pairs_.add_all(pairs_of_rows_, numbers_);
    if (pairs_.size() != counts_.size()) return broken();
    is_changed_.resize(counts_.size());
    const uint64_t changed = in.varint();
    for (uint64_t i = 0; i < changed && in.ok(); ++i) {
      const uint64_t n = in.varint();
      const int64_t count = in.signed_varint();
      if (n >= counts_.size()) return broken();
      counts_[n] = count;
    }
    values_written_ = values_.size();
    pairs_written_ = counts_.size();
    inner_->get(in, groups);
  }

  void clear_changes(std::span<const uint32_t> groups) override {
    for (uint32_t n : changed_) is_changed_[n] = 0;
    changed_.clear();
    values_written_ = values_.size();
    pairs_written_ = counts_.size();
    inner_->clear_changes(groups);
  }

  size_t bytes() const override {
    size_t added = 0;
    for (const Added& other : added_) added += other.numbers.capacity() * sizeof(uint32_t);
    return values_.bytes() + pairs_.bytes() + counts_.capacity() * 9 + added + inner_->bytes();
  }

 private:
  // What was added of another table and is to be taken away again: the numbers here of its first pairs. Pairs keep
  // their numbers, so that taking away looks nothing up but what the other got since.
  struct Added {
    const Accumulator* other;
    std::vector<uint32_t> numbers;
  };

  // The numbers here of the other's pairs; new ones get one.
  const std::vector<uint32_t>& number_pairs(const Distinct& from, std::span<const uint32_t> to) {
    auto known = std::find_if(added_.begin(), added_.end(), [&](const Added& added) { return added.other == &from; });
    if (known == added_.end()) known = added_.insert(added_.end(), {&from, {}});
    const auto first = static_cast<uint32_t>(known->numbers.size());
    if (first == 0) values_.add_all(from.values_.keys(), value_numbers_);
    pairs_of_rows_.clear();
    for (uint32_t n = first; n < from.pairs_.size(); ++n) {
      const uint64_t pair = from.pairs_.pair(n);
      const auto value = static_cast<uint32_t>(pair);
      const uint32_t number = first == 0 ? value_numbers_[value] : values_.add(from.values_.key(value));
      pairs_of_rows_.push_back(pair_of(to[pair >> 32], number));
    }
    add_pairs();
    known->numbers.insert(known->numbers.end(), numbers_.begin(), numbers_.end());
    return known->numbers;
  }

  // The numbers of pairs_of_rows_, the new ones with multiplicity 0.
  void add_pairs() {
    pairs_.add_all(pairs_of_rows_, numbers_);
    counts_.resize(pairs_.size());
    is_changed_.resize(pairs_.size());
  }

  // Changes a pair's multiplicity: +1 if it became positive, -1 if it stopped being so.
  int count(uint32_t n, int64_t weight) {
    const bool before = counts_[n] > 0;
    counts_[n] += weight;
    const bool after = counts_[n] > 0;
    if (n < pairs_written_ && !is_changed_[n]) {
      is_changed_[n] = 1;
      changed_.push_back(n);
    }
    return static_cast<int>(after) - static_cast<int>(before);
  }

  KeyEncoder encoder_;
  Type argument_;
  std::unique_ptr<Accumulator> inner_;
  size_t group_count_ = 0;
  KeyTable values_;
  PairTable pairs_;  // group, value
  std::vector<int64_t> counts_;
  std::vector<uint32_t> changed_;
  std::vector<uint8_t> is_changed_;
  std::vector<Added> added_;
  size_t values_written_ = 0;  // what is below is in the state records
  size_t pairs_written_ = 0;

  // Of the batch under way.
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> groups_;
  std::vector<uint32_t> places_;
  std::vector<uint32_t> value_numbers_;
  std::vector<uint64_t> pairs_of_rows_;
  std::vector<uint32_t> numbers_;
  std::vector<int8_t> crossed_weights_;
  std::vector<uint32_t> crossed_values_;
};

}  // namespace

std::unique_ptr<Accumulator> make_distinct(Type argument, std::unique_ptr<Accumulator> inner) {
  return std::make_unique<Distinct>(argument, std::move(inner));
}

}  // namespace millrace::engine
