// Two Calcs in a row become one, and a Calc below a sink becomes the sink's projections, unless an expression
// would then be computed twice. A Calc that changes nothing goes.

#include <algorithm>

#include "sql/fold.h"
#include "sql/graph.h"

namespace millrace::sql {
namespace {

constexpr size_t merged_size_max = 1'000;  // of an expression

void count_uses(const ExpressionPtr& expression, std::vector<int>& uses) {
  if (!expression) return;
  if (expression->kind == Expression::Kind::column) ++uses[static_cast<size_t>(expression->column)];
  for (const auto& argument : expression->arguments) count_uses(argument, uses);
}

bool is_plain(const ExpressionPtr& expression) {
  return expression->kind != Expression::Kind::call;
}

class CalcMerger {
 public:
  explicit CalcMerger(const Graph& in) : in_(in), out_(in.tables()), readers_(reader_counts(in.nodes())) {}

  Graph run() {
    new_nodes_.assign(in_.nodes().size(), -1);
    for (size_t i = 0; i < in_.nodes().size(); ++i) {
      const bool sink = std::holds_alternative<SinkNode>(in_.nodes()[i].detail);
      if (sink || readers_[i] > 0) new_nodes_[i] = rebuild(in_.nodes()[i]);
    }
    return std::move(out_);
  }

 private:
  NodeId moved(NodeId old) const { return new_nodes_[static_cast<size_t>(old)]; }

  NodeId rebuild(Node node) {
    if (auto* calc = std::get_if<CalcNode>(&node.detail)) {
      merge(calc->input, calc->filter, calc->projections, true);
      std::vector<std::string> names;
      for (const auto& field : node.schema) names.push_back(field.name);
      return out_.add_calc(calc->input, calc->filter, calc->projections, names);
    }
    if (auto* sink = std::get_if<SinkNode>(&node.detail)) {
      ExpressionPtr none;
      merge(sink->input, none, sink->projections, false);
      return out_.add(std::move(node));
    }
    std::visit(
        [&](auto& detail) {
          using T = std::decay_t<decltype(detail)>;
          if constexpr (std::is_same_v<T, UnionNode>) {
            for (NodeId& input : detail.inputs) input = moved(input);
          } else if constexpr (!std::is_same_v<T, ScanNode>) {
            detail.input = moved(detail.input);
          }
        },
        node.detail);
    return out_.add(std::move(node));
  }

  // Turns expressions over the old input into expressions over the new one, or over what is below it.
  void merge(NodeId& input, ExpressionPtr& filter, std::vector<ExpressionPtr>& projections, bool takes_filter) {
    bool alone = readers_[static_cast<size_t>(input)] == 1;
    input = moved(input);
    for (;;) {
      const auto* lower = std::get_if<CalcNode>(&out_.at(input).detail);
      if (lower == nullptr || (lower->filter && !takes_filter)) return;
      const bool plain = !lower->filter && std::all_of(lower->projections.begin(), lower->projections.end(), is_plain);
      if (!alone && !plain) return;
      std::vector<int> uses(lower->projections.size(), 0);
      count_uses(filter, uses);
      for (const auto& projection : projections) count_uses(projection, uses);
      for (size_t i = 0; i < uses.size(); ++i) {
        if (uses[i] > 1 && !is_plain(lower->projections[i])) return;
      }
      std::vector<ExpressionPtr> merged;
      for (const auto& projection : projections) {
        merged.push_back(fold_all(substitute(projection, lower->projections)));
        if (size_of(merged.back()) > merged_size_max) return;
      }
      ExpressionPtr condition = filter ? fold_all(substitute(filter, lower->projections)) : nullptr;
      if (condition && size_of(condition) > merged_size_max) return;
      std::vector<ExpressionPtr> conditions = conjuncts_of(lower->filter);
      for (auto& part : conjuncts_of(condition)) conditions.push_back(std::move(part));
      filter = conjunction_of(conditions);
      projections = std::move(merged);
      input = lower->input;
      // What is further below was merged with this Calc already if it could be.
      alone = false;
    }
  }

  const Graph& in_;
  Graph out_;
  std::vector<int> readers_;
  std::vector<NodeId> new_nodes_;
};

}  // namespace

Graph merge_calcs(const Graph& graph) {
  return CalcMerger(graph).run();
}

}  // namespace millrace::sql
