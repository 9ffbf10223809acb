// Conditions move towards the sources, through whatever does not change which rows they hold for: below a
// Calc, into every input of a union, below a lookup if they are about the stream, and below an aggregate or
// the removal of duplicates if they are about its keys. Not below a watermark, which follows all rows, and not
// into a node that has another reader.

#include <algorithm>

#include "sql/fold.h"
#include "sql/graph.h"

namespace millrace::sql {
namespace {

constexpr size_t pushed_size_max = 200;  // of a condition with a Calc's expressions put in

class FilterPusher {
 public:
  explicit FilterPusher(const Graph& in)
      : in_(in), out_(in.tables()), readers_(reader_counts(in.nodes())), done_(in.nodes().size(), -1) {}

  Graph run() {
    for (size_t i = 0; i < in_.nodes().size(); ++i) {
      if (std::holds_alternative<SinkNode>(in_.nodes()[i].detail)) whole(static_cast<NodeId>(i));
    }
    return std::move(out_);
  }

 private:
  using Conditions = std::vector<ExpressionPtr>;

  // The node with all conditions of its readers left to them.
  NodeId whole(NodeId node) {
    NodeId& done = done_[static_cast<size_t>(node)];
    if (done < 0) {
      Conditions none;
      const NodeId built = build(node, none);
      done_[static_cast<size_t>(node)] = built;
      return built;
    }
    return done;
  }

  // The node with the conditions (over its output) taken in; what could not be taken in stays in the list.
  NodeId below(NodeId node, Conditions& conditions) {
    if (readers_[static_cast<size_t>(node)] > 1) return whole(node);
    return build(node, conditions);
  }

  // The node with all of the conditions applied.
  NodeId filtered(NodeId node, Conditions conditions) {
    const NodeId built = below(node, conditions);
    return out_.add_filter(built, conjunction_of(conditions));
  }

  NodeId build(NodeId id, Conditions& conditions) {
    Node node = in_.at(id);
    std::visit([&](auto& detail) { take(detail, conditions); }, node.detail);
    if (const auto* calc = std::get_if<CalcNode>(&node.detail)) {
      std::vector<std::string> names;
      for (const auto& field : node.schema) names.push_back(field.name);
      return out_.add_calc(calc->input, calc->filter, calc->projections, names);
    }
    return out_.add(std::move(node));
  }

  void take(ScanNode&, Conditions&) {}
  void take(WatermarkNode& node, Conditions&) { node.input = filtered(node.input, {}); }
  void take(SinkNode& node, Conditions&) { node.input = filtered(node.input, {}); }

  void take(CalcNode& node, Conditions& conditions) {
    Conditions own = conjuncts_of(fold_all(node.filter));
    std::erase_if(conditions, [&](const ExpressionPtr& condition) {
      const ExpressionPtr moved = substitute(condition, node.projections);
      if (calls(moved, Function::proctime) || size_of(moved) > pushed_size_max) return false;
      for (auto& part : conjuncts_of(fold_all(moved))) own.push_back(std::move(part));
      return true;
    });
    node.input = below(node.input, own);
    node.filter = conjunction_of(own);
  }

  void take(UnionNode& node, Conditions& conditions) {
    for (NodeId& input : node.inputs) input = filtered(input, conditions);
    conditions.clear();
  }

  void take(DeduplicateNode& node, Conditions& conditions) {
    Conditions down;
    std::erase_if(conditions, [&](const ExpressionPtr& condition) {
      const auto columns = columns_of(condition);
      const bool keys_only = std::all_of(columns.begin(), columns.end(), [&](int column) {
        return std::find(node.keys.begin(), node.keys.end(), column) != node.keys.end();
      });
      if (keys_only) down.push_back(condition);
      return keys_only;
    });
    node.input = filtered(node.input, std::move(down));
  }

  void take(WindowAggregateNode& node, Conditions& conditions) { take_keys(node, conditions); }
  void take(GroupAggregateNode& node, Conditions& conditions) { take_keys(node, conditions); }

  template <class Aggregation>
  void take_keys(Aggregation& node, Conditions& conditions) {
    Conditions down;
    std::erase_if(conditions, [&](const ExpressionPtr& condition) {
      const auto columns = columns_of(condition);
      if (columns.empty() || *columns.rbegin() >= static_cast<int>(node.keys.size())) return false;
      down.push_back(remap(condition, node.keys));
      return true;
    });
    node.input = filtered(node.input, std::move(down));
  }

  void take(LookupJoinNode& node, Conditions& conditions) {
    const int width = static_cast<int>(in_.schema(node.input).size());
    Conditions down;
    std::erase_if(conditions, [&](const ExpressionPtr& condition) {
      const auto columns = columns_of(condition);
      if (columns.empty() || *columns.rbegin() >= width) return false;
      down.push_back(condition);
      return true;
    });
    node.input = filtered(node.input, std::move(down));
  }

  const Graph& in_;
  Graph out_;
  std::vector<int> readers_;
  std::vector<NodeId> done_;
};

}  // namespace

Graph push_filters(const Graph& graph) {
  return FilterPusher(graph).run();
}

}  // namespace millrace::sql
