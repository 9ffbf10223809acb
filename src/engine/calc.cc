#include "engine/calc.h"

namespace millrace::engine {

Result<std::unique_ptr<Calc>> Calc::make(const sql::CalcNode& node) {
  std::unique_ptr<Calc> calc(new Calc(node));
  TRY(calc->evaluator_.prepare(node.filter));
  for (const auto& projection : node.projections) TRY(calc->evaluator_.prepare(projection));
  return calc;
}

Result<void> Calc::process(int, const data::Batch& batch) {
  auto arena = std::make_shared<data::StringArena>();
  data::Batch selected;
  const data::Batch* input = &batch;
  if (node_.filter && evaluator_.select(*node_.filter, batch, *arena, selected_)) {
    if (selected_.empty()) return {};
    selected = gather(batch, selected_);
    input = &selected;
  }
  data::Batch out;
  out.rows = input->rows;
  out.weights = input->weights;
  out.owners = input->owners;
  out.shard = input->shard;
  out.arrived = input->arrived;
  out.arrivals = input->arrivals;
  out.columns.reserve(node_.projections.size());
  for (const auto& projection : node_.projections)
    out.columns.push_back(evaluator_.column(*projection, *input, *arena));
  if (arena->bytes() > 0) out.owners.push_back(std::move(arena));
  return emit(out);
}

}  // namespace millrace::engine
