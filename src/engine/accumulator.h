#pragma once
// Accumulators: what an aggregate function keeps for each of the groups 0, 1, 2, ... of one table. Types, rounding and
// overflow are Flink's: SUM of integers wraps, AVG of integers cuts, decimals round half up and become NULL when they
// do not fit. One thread.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "data/batch.h"
#include "engine/decayed_sum.h"
#include "engine/expression.h"
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
  // the other gets in between must come here, too; until it is taken away or forgotten it stays at its address.
  virtual void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) = 0;
  // What was added of the other will never be taken away.
  virtual void forget(const Accumulator&) {}
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

}  // namespace millrace::engine
