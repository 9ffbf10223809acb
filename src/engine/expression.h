#pragma once
// Evaluates expressions over batches, a column at a time. A row whose evaluation is an error (x / 0, a text that is no
// number) gives NULL and is counted, unless the row does not take the branch (CASE, COALESCE).
//
// One thread. A result may share a column of the batch, and its strings may point into the batch or into `arena`, which
// whoever keeps the result must keep too.

#include <re2/re2.h>

#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "data/batch.h"
#include "sql/plan.h"

namespace millrace::engine {

// A column of one value per row, or of a single value that stands for all rows.
struct Operand {
  data::ColumnPtr column;
  size_t mask = ~size_t{0};  // 0: constant. Row i's value is at i & mask

  bool constant() const { return mask == 0; }
  bool is_null(size_t row) const { return column->valid[row & mask] == 0; }
};

class LiteralSet;

class Evaluator {
 public:
  // What the expressions need beside themselves, made once: patterns, formats. invalid_argument: a pattern that is
  // none.
  Result<void> prepare(const sql::ExpressionPtr& expression);

  // The value for each row. `arena` takes new strings.
  Operand evaluate(const sql::Expression& expression, const data::Batch& batch, data::StringArena& arena);
  // The same, one value per row in memory.
  data::ColumnPtr column(const sql::Expression& expression, const data::Batch& batch, data::StringArena& arena);
  // The rows where the condition is true, not NULL. False: all rows passed and `rows` was left empty.
  bool select(const sql::Expression& condition, const data::Batch& batch, data::StringArena& arena,
              std::vector<uint32_t>& rows);

  uint64_t row_errors() const { return row_errors_; }

 private:
  friend struct Kernels;

  Operand run(const sql::Expression& expression, const uint8_t* active);
  Operand call(const sql::Expression& expression, const uint8_t* active);
  Operand case_when(const sql::Expression& expression, const uint8_t* active);
  Operand coalesce(const sql::Expression& expression, const uint8_t* active);

  std::map<const sql::Expression*, std::unique_ptr<re2::RE2>> patterns_;
  std::map<const sql::Expression*, std::shared_ptr<const LiteralSet>> sets_;
  std::map<const sql::Expression*, Operand> literals_;
  std::map<const sql::Expression*, sql::ExpressionPtr> kept_;  // whose addresses are keys above
  uint64_t row_errors_ = 0;

  // Of the evaluation under way.
  const data::Batch* batch_ = nullptr;
  data::StringArena* arena_ = nullptr;
};

// A column of `rows` equal values from a constant; the column itself if it is none.
data::ColumnPtr materialized(const Operand& operand, size_t rows);

}  // namespace millrace::engine
