#include "engine/aggregate.h"

#include <algorithm>

namespace millrace::engine {

using data::Column;
using data::TypeKind;
using sql::Aggregate;
using sql::AggregateFunction;

namespace {

bool equal(const sql::Expression& a, const sql::Expression& b) {
  return a.kind == b.kind && a.type == b.type && a.column == b.column && a.literal == b.literal &&
         a.function == b.function &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const auto& x, const auto& y) { return equal(*x, *y); });
}

}  // namespace

Result<AggregateInputs> AggregateInputs::make(const std::vector<Aggregate>& aggregates) {
  AggregateInputs made;
  made.aggregates_ = aggregates;
  made.inputs_.resize(aggregates.size());
  for (const Aggregate& aggregate : aggregates) {
    int place = -1;
    if (aggregate.filter) {
      const auto same = std::find_if(made.filters_.begin(), made.filters_.end(),
                                     [&](const auto& filter) { return equal(*filter, *aggregate.filter); });
      place = static_cast<int>(same - made.filters_.begin());
      if (same == made.filters_.end()) made.filters_.push_back(aggregate.filter);
    }
    made.filter_of_.push_back(place);
    TRY(made.evaluator_.prepare(aggregate.argument));
    TRY(made.evaluator_.prepare(aggregate.filter));
    TRY(made.evaluator_.prepare(aggregate.time));
    if (aggregate.function != AggregateFunction::decayed_sum) continue;
    if (aggregate.half_life_ms <= 0) {
      return millrace::fail(ErrorKind::invalid_argument, "a decayed sum needs a half life of at least 1 ms");
    }
    if (aggregate.argument && !aggregate.argument->type.is_integer() &&
        aggregate.argument->type.kind != TypeKind::decimal) {
      return millrace::fail(ErrorKind::unsupported, "DECAYED_SUM takes integers or decimals, not {}; use CAST",
                            to_string(aggregate.argument->type));
    }
  }
  made.filter_rows_.resize(made.filters_.size());
  return made;
}

void AggregateInputs::evaluate(const data::Batch& batch, data::StringArena& arena) {
  for (size_t f = 0; f < filters_.size(); ++f) {
    const Operand filter = evaluator_.evaluate(*filters_[f], batch, arena);
    const auto& truth = filter.column->booleans();
    filter_rows_[f].resize(batch.rows);
    for (size_t i = 0; i < batch.rows; ++i) {
      filter_rows_[f][i] = filter.column->valid[i & filter.mask] & truth[i & filter.mask];
    }
  }
  for (size_t n = 0; n < aggregates_.size(); ++n) {
    const Aggregate& aggregate = aggregates_[n];
    AggregateInput& input = inputs_[n];
    if (filter_of_[n] < 0) {
      input.included.assign(batch.rows, 1);
    } else {
      input.included = filter_rows_[filter_of_[n]];
    }
    if (aggregate.argument) {
      input.argument = evaluator_.evaluate(*aggregate.argument, batch, arena);
      const auto& valid = input.argument.column->valid;
      for (size_t i = 0; i < batch.rows; ++i) input.included[i] &= valid[i & input.argument.mask];
    }
    if (!aggregate.time) continue;
    input.time = evaluator_.column(*aggregate.time, batch, arena);
    for (size_t i = 0; i < batch.rows; ++i) input.included[i] &= input.time->valid[i];
    input.places = nullptr;
    for (size_t other = 0; other < n; ++other) {
      if (aggregates_[other].half_life_ms == aggregate.half_life_ms && inputs_[other].time == input.time) {
        input.places = inputs_[other].places;
      }
    }
    if (input.places) continue;
    auto places = std::make_shared<std::vector<DecayPlace>>(batch.rows);
    const auto& times = input.time->integers();
    for (size_t i = 0; i < batch.rows; ++i) {
      if (i > 0 && times[i] == times[i - 1]) {
        (*places)[i] = (*places)[i - 1];
      } else {
        (*places)[i] = decay_place(times[i], aggregate.half_life_ms);
      }
    }
    input.places = std::move(places);
  }
}

Groups::Groups(const std::vector<Aggregate>& aggregates, bool retracts, const Groups* like) {
  for (const Aggregate& aggregate : aggregates) accumulators_.push_back(make_accumulator(aggregate, retracts));
  if (like == nullptr) return;
  keys_.reserve(like->keys_.size());
  for (size_t n = 0; n < accumulators_.size(); ++n) accumulators_[n]->reserve_like(*like->accumulators_[n]);
}

void Groups::grow() {
  row_counts_.resize(keys_.size());
  is_changed_.resize(keys_.size());
  for (auto& accumulator : accumulators_) accumulator->grow(keys_.size());
}

void Groups::mark(uint32_t group) {
  if (is_changed_[group]) return;
  is_changed_[group] = 1;
  changed_.push_back(group);
}

void Groups::add(const std::vector<std::string_view>& keys, const std::vector<uint32_t>& rows,
                 const std::vector<AggregateInput>& inputs, const int8_t* weights) {
  keys_.add_all(keys, rows, numbers_);
  grow();
  const RowGroups row_groups{rows, numbers_, weights};
  for (size_t k = 0; k < rows.size(); ++k) {
    row_counts_[numbers_[k]] += row_groups.weight(rows[k]);
    mark(numbers_[k]);
  }
  for (size_t n = 0; n < accumulators_.size(); ++n) accumulators_[n]->update(inputs[n], row_groups);
}

void Groups::merge(const Groups& other, int sign) {
  merge_groups(other, sign);
}

void Groups::absorb(const Groups& other) {
  for (uint32_t group : merge_groups(other, 1)) mark(group);
  for (size_t n = 0; n < accumulators_.size(); ++n) accumulators_[n]->forget(*other.accumulators_[n]);
}

std::vector<uint32_t> Groups::merge_groups(const Groups& other, int sign) {
  std::vector<uint32_t> to;
  keys_.add_all(other.keys_.keys(), to);
  grow();
  for (uint32_t g = 0; g < other.size(); ++g) row_counts_[to[g]] += sign * other.row_counts_[g];
  for (size_t n = 0; n < accumulators_.size(); ++n) accumulators_[n]->merge(*other.accumulators_[n], to, sign);
  return to;
}

bool Groups::invertible() const {
  return std::all_of(accumulators_.begin(), accumulators_.end(), [](const auto& a) { return a->invertible(); });
}

void Groups::result(uint32_t group, size_t aggregate, Column& out, size_t row) const {
  accumulators_[aggregate]->result(group, out, row);
}

void Groups::put(std::string& out, bool only_changed) const {
  const size_t from = only_changed ? keys_written_ : 0;
  base::put_varint(out, from);
  base::put_varint(out, keys_.size() - from);
  for (size_t n = from; n < keys_.size(); ++n) base::put_bytes(out, keys_.key(static_cast<uint32_t>(n)));
  std::vector<uint32_t> all;
  if (!only_changed) {
    all.resize(keys_.size());
    for (uint32_t g = 0; g < all.size(); ++g) all[g] = g;
  }
  const std::span<const uint32_t> groups = only_changed ? std::span(changed_) : std::span(all);
  base::put_varint(out, groups.size());
  for (uint32_t g : groups) {
    base::put_varint(out, g);
    base::put_signed_varint(out, row_counts_[g]);
  }
  for (const auto& accumulator : accumulators_) accumulator->put(out, groups, only_changed);
}

Result<void> Groups::get(base::ByteReader& in) {
  const uint64_t from = in.varint();
  const uint64_t added = in.varint();
  if (!in.ok() || from != keys_.size() || added > in.remaining()) {
    return millrace::fail(ErrorKind::corrupt, "a state record does not continue the one before");
  }
  for (uint64_t i = 0; i < added; ++i) keys_.add(in.bytes());
  if (keys_.size() != from + added) return millrace::fail(ErrorKind::corrupt, "a state record repeats a key");
  grow();
  std::vector<uint32_t> groups(std::min<uint64_t>(in.varint(), in.remaining()));
  for (uint32_t& g : groups) {
    const uint64_t number = in.varint();
    const int64_t rows = in.signed_varint();
    if (number >= keys_.size()) return millrace::fail(ErrorKind::corrupt, "a state record names an unknown group");
    g = static_cast<uint32_t>(number);
    row_counts_[g] = rows;
  }
  for (auto& accumulator : accumulators_) accumulator->get(in, groups);
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a state record ends early");
  clear_changes();
  return {};
}

void Groups::clear_changes() {
  for (auto& accumulator : accumulators_) accumulator->clear_changes(changed_);
  for (uint32_t g : changed_) is_changed_[g] = 0;
  changed_.clear();
  keys_written_ = keys_.size();
}

size_t Groups::bytes() const {
  size_t bytes = keys_.bytes() + row_counts_.capacity() * 13;
  for (const auto& accumulator : accumulators_) bytes += accumulator->bytes();
  return bytes;
}

}  // namespace millrace::engine
