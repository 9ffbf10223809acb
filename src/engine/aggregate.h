#pragma once
// Aggregates over numbered groups: an accumulator per aggregate function, and the groups of one table (a window's
// slice, or a continuous GROUP BY) with their keys. Types, rounding and overflow are Flink's: SUM of integers wraps,
// AVG of integers cuts, decimals round half up and become NULL when they do not fit.
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
#include "engine/decayed_sum.h"
#include "engine/expression.h"
#include "engine/key_table.h"
#include "sql/plan.h"

namespace millrace::engine {

// One aggregate's arguments over a batch.
struct AggregateInput {
  std::vector<uint8_t> included;  // per row of the batch: the filter holds and the argument is not NULL
  Operand argument;               // without a column: COUNT(*)
  data::ColumnPtr time;           // of a decayed sum
  std::shared_ptr<const std::vector<DecayPlace>> places;
};

// Which rows of the batch go to which groups.
struct RowGroups {
  std::span<const uint32_t> rows;
  std::span<const uint32_t> groups;  // groups[k] is the group of row rows[k]
  const int8_t* weights = nullptr;   // by row; null: all +1
  int weight(size_t row) const { return weights == nullptr ? 1 : weights[row]; }
};

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

class Accumulator {
 public:
  virtual ~Accumulator() = default;
  // New groups are empty.
  virtual void grow(size_t groups) = 0;
  // Room for as much as the other has, which is of the same kind.
  virtual void reserve_like(const Accumulator&) {}
  virtual void update(const AggregateInput& input, const RowGroups& rows) = 0;
  // False: update() does without the argument's values.
  virtual bool reads_argument() const { return true; }
  // Adds the other's group g to group to[g]; sign -1 takes it away again, once and for all (only if invertible()). What
  // the other gets in between must come here by update(), too; until it is taken away it stays at its address.
  virtual void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) = 0;
  virtual bool invertible() const = 0;
  virtual void result(uint32_t group, data::Column& out, size_t row) const = 0;
  virtual void put(std::string& out, std::span<const uint32_t> groups, bool only_changed) const = 0;
  virtual void get(base::ByteReader& in, std::span<const uint32_t> groups) = 0;
  // What changed, in these groups, is in the state records now.
  virtual void clear_changes(std::span<const uint32_t>) {}
  virtual size_t bytes() const = 0;
};

// `retracts`: rows may be taken back, so MIN and MAX keep all their values.
std::unique_ptr<Accumulator> make_accumulator(const sql::Aggregate& aggregate, bool retracts);

// The groups of one table.
class Groups {
 public:
  // `like`: groups of the same aggregates that are likely to be as many.
  Groups(const std::vector<sql::Aggregate>& aggregates, bool retracts, const Groups* like = nullptr);

  // Adds the rows; numbers() are then their groups.
  void add(const std::vector<std::string_view>& keys, const std::vector<uint32_t>& rows,
           const std::vector<AggregateInput>& inputs, const int8_t* weights);
  const std::vector<uint32_t>& numbers() const { return numbers_; }

  void merge(const Groups& other, int sign);
  bool invertible() const;

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

  KeyTable keys_;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  std::vector<int64_t> row_counts_;
  std::vector<uint32_t> numbers_;
  std::vector<uint32_t> changed_;
  std::vector<uint8_t> is_changed_;
  size_t keys_written_ = 0;
};

}  // namespace millrace::engine
