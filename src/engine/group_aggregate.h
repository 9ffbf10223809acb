#pragma once
// A continuous GROUP BY: at the end of each epoch the newest result of every key that was touched, as an upsert. A key
// whose rows were all taken back is emitted once with weight -1.

#include "engine/aggregate.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

class GroupAggregate final : public Operator {
 public:
  static Result<std::unique_ptr<GroupAggregate>> make(const sql::GroupAggregateNode& node, const data::Schema& input,
                                                      const data::Schema& output);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> finish_epoch() override;

  bool has_changes() const override { return groups_.has_changes(); }
  void put_state(std::string& out, bool only_changed) const override { groups_.put(out, only_changed); }
  Result<void> get_state(base::ByteReader& in) override { return groups_.get(in); }
  void clear_changes() override { groups_.clear_changes(); }
  size_t state_bytes() const override { return groups_.bytes(); }
  void count(Counters& counters) const override { counters.row_errors += inputs_.row_errors(); }

 private:
  GroupAggregate(const sql::GroupAggregateNode& node, const data::Schema& input, const data::Schema& output,
                 AggregateInputs inputs);

  sql::GroupAggregateNode node_;
  data::Schema output_;
  KeyEncoder encoder_;
  AggregateInputs inputs_;
  Groups groups_;
  std::vector<uint32_t> rows_;
  ProcessingTime arrived_{0};
};

}  // namespace millrace::engine
