#pragma once
// Aggregates over numbered groups: the arguments of all aggregates of a batch, and the groups of one table (a window's
// slice, or a continuous GROUP BY) with their keys and an accumulator per aggregate.
//
// State goes out as "what changed since the last commit" or whole, and comes back by applying such pieces in order.
// Groups are numbered in order of arrival and never renumbered, so a piece names a group by its number. One thread.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "data/batch.h"
#include "engine/accumulator.h"
#include "engine/expression.h"
#include "engine/key_table.h"
#include "sql/plan.h"

namespace millrace::engine {

// Evaluates the arguments of several aggregates, sharing what they share.
class AggregateInputs {
 public:
  static Result<AggregateInputs> make(const std::vector<sql::Aggregate>& aggregates);
  void evaluate(const data::Batch& batch, data::StringArena& arena);
  const std::vector<AggregateInput>& inputs() const { return inputs_; }
  uint64_t row_errors() const { return evaluator_.row_errors(); }

 private:
  std::vector<sql::Aggregate> aggregates_;
  std::vector<sql::ExpressionPtr> filters_;        // the different ones
  std::vector<int> filter_of_;                     // by aggregate, an index of filters_; -1: none
  std::vector<std::vector<uint8_t>> filter_rows_;  // by filter, of the batch under way
  Evaluator evaluator_;
  std::vector<AggregateInput> inputs_;
};

// The groups of one table.
class Groups {
 public:
  // `like`: groups of the same aggregates that are likely to be as many.
  Groups(const std::vector<sql::Aggregate>& aggregates, bool retracts, const Groups* like = nullptr);

  // Adds the rows; numbers() are then their groups.
  void add(const std::vector<std::string_view>& keys, const std::vector<uint32_t>& rows,
           const std::vector<AggregateInput>& inputs, const int8_t* weights);
  const std::vector<uint32_t>& numbers() const { return numbers_; }

  // Adds the other's groups, or takes them away again (accumulator.h).
  void merge(const Groups& other, int sign);
  bool invertible() const;
  // Adds the other's groups for good, as if their rows had been added here.
  void absorb(const Groups& other);

  size_t size() const { return keys_.size(); }
  std::string_view key(uint32_t group) const { return keys_.key(group); }
  int64_t rows_of(uint32_t group) const { return row_counts_[group]; }
  void result(uint32_t group, size_t aggregate, data::Column& out, size_t row) const;
  size_t aggregates() const { return accumulators_.size(); }

  const std::vector<uint32_t>& changed() const { return changed_; }
  bool has_changes() const { return !changed_.empty(); }
  void put(std::string& out, bool only_changed) const;
  Result<void> get(base::ByteReader& in);
  void clear_changes();
  size_t bytes() const;

 private:
  void grow();
  void mark(uint32_t group);
  std::vector<uint32_t> merge_groups(const Groups& other, int sign);

  KeyTable keys_;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  std::vector<int64_t> row_counts_;
  std::vector<uint32_t> numbers_;
  std::vector<uint32_t> changed_;
  std::vector<uint8_t> is_changed_;
  size_t keys_written_ = 0;
};

}  // namespace millrace::engine
