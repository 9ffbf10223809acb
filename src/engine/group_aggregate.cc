#include "engine/group_aggregate.h"

#include "engine/group_rows.h"

namespace millrace::engine {

Result<std::unique_ptr<GroupAggregate>> GroupAggregate::make(const sql::GroupAggregateNode& node,
                                                             const data::Schema& input, const data::Schema& output) {
  TRY_ASSIGN(AggregateInputs inputs, AggregateInputs::make(node.aggregates));
  return std::unique_ptr<GroupAggregate>(new GroupAggregate(node, input, output, std::move(inputs)));
}

GroupAggregate::GroupAggregate(const sql::GroupAggregateNode& node, const data::Schema& input,
                               const data::Schema& output, AggregateInputs inputs)
    : node_(node),
      output_(output),
      encoder_(types_of(node.keys, input)),
      inputs_(std::move(inputs)),
      groups_(node.aggregates, node.retractable) {}

Result<void> GroupAggregate::process(int, const data::Batch& batch) {
  data::StringArena arena;
  inputs_.evaluate(batch, arena);
  std::vector<const data::Column*> columns;
  for (int key : node_.keys) columns.push_back(batch.columns[key].get());
  encoder_.encode(columns, batch.rows);
  for (size_t i = rows_.size(); i < batch.rows; ++i) rows_.push_back(static_cast<uint32_t>(i));
  rows_.resize(batch.rows);
  groups_.add(encoder_.keys(), rows_, inputs_.inputs(), batch.weights ? batch.weights->data() : nullptr);
  arrived_ = std::max(arrived_, batch.arrived);
  return {};
}

Result<void> GroupAggregate::finish_epoch() {
  const std::vector<uint32_t>& changed = groups_.changed();
  for (size_t from = 0; from < changed.size(); from += data::batch_rows_max) {
    const std::span<const uint32_t> numbers =
        std::span(changed).subspan(from, std::min(data::batch_rows_max, changed.size() - from));
    std::vector<std::shared_ptr<data::Column>> columns;
    data::Batch batch = rows_of_groups(groups_, numbers, encoder_, output_, node_.keys.size(), 0, columns);
    batch.arrived = arrived_;
    auto weights = std::make_shared<data::Weights>(numbers.size(), int8_t{1});
    bool gone = false;
    for (size_t row = 0; row < numbers.size(); ++row) {
      if (groups_.rows_of(numbers[row]) > 0) continue;
      (*weights)[row] = -1;
      gone = true;
    }
    if (gone) batch.weights = std::move(weights);
    TRY(emit(batch));
  }
  return {};
}

}  // namespace millrace::engine
