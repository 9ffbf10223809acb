#pragma once
// Filter, then project. Columns that pass unchanged are shared, not copied.
// Thread and failure: operator.h.

#include "engine/expression.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

class Calc final : public Operator {
 public:
  static Result<std::unique_ptr<Calc>> make(const sql::CalcNode& node);
  Result<void> process(int input, const data::Batch& batch) override;
  void count(Counters& counters) const override { counters.row_errors += evaluator_.row_errors(); }

 private:
  explicit Calc(const sql::CalcNode& node) : node_(node) {}

  sql::CalcNode node_;
  Evaluator evaluator_;
  std::vector<uint32_t> selected_;
};

}  // namespace millrace::engine
