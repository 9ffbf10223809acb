// Columns that nobody reads are dropped, down to the scans, which then decode only what the plan needs. A node
// with several readers keeps what any of them reads.

#include <algorithm>
#include <set>

#include "sql/graph.h"

namespace millrace::sql {
namespace {

class ColumnPruner {
 public:
  explicit ColumnPruner(const Graph& in) : in_(in), out_(in.tables()), readers_(reader_counts(in.nodes())) {}

  Graph run() {
    const size_t count = in_.nodes().size();
    needed_.resize(count);
    for (size_t i = count; i-- > 0;) {
      if (!is_read(i)) continue;
      keep_one(i);
      std::visit([&](const auto& detail) { require(static_cast<NodeId>(i), detail); }, in_.nodes()[i].detail);
    }
    new_nodes_.assign(count, -1);
    new_columns_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if (!is_read(i)) continue;
      Node node = in_.nodes()[i];
      new_columns_[i].assign(node.schema.size(), -1);
      std::visit([&](auto& detail) { rebuild(i, node, detail); }, node.detail);
    }
    return std::move(out_);
  }

 private:
  bool is_read(size_t node) const {
    return readers_[node] > 0 || std::holds_alternative<SinkNode>(in_.nodes()[node].detail);
  }

  // Rows without any column would have no number: something of them is kept.
  void keep_one(size_t node) {
    if (needed_[node].empty() && !in_.nodes()[node].schema.empty()) needed_[node].insert(0);
  }

  std::set<int>& needed(NodeId node) { return needed_[static_cast<size_t>(node)]; }

  // What a node needs of its inputs.
  void require(NodeId, const ScanNode&) {}
  void require(NodeId id, const CalcNode& node) {
    collect_columns(node.filter, needed(node.input));
    for (const int column : needed(id))
      collect_columns(node.projections[static_cast<size_t>(column)], needed(node.input));
  }
  void require(NodeId id, const WatermarkNode& node) {
    needed(node.input).insert(needed(id).begin(), needed(id).end());
    needed(node.input).insert(node.time_column);
  }
  void require(NodeId id, const UnionNode& node) {
    for (const NodeId input : node.inputs) needed(input).insert(needed(id).begin(), needed(id).end());
  }
  void require(NodeId id, const DeduplicateNode& node) {
    needed(node.input).insert(needed(id).begin(), needed(id).end());
    needed(node.input).insert(node.keys.begin(), node.keys.end());
    if (node.time_column >= 0) needed(node.input).insert(node.time_column);
  }
  void require(NodeId id, const WindowAggregateNode& node) {
    needed(node.input).insert(node.time_column);
    require_aggregates(id, node, static_cast<int>(node.keys.size()) + 3);
  }
  void require(NodeId id, const GroupAggregateNode& node) {
    require_aggregates(id, node, static_cast<int>(node.keys.size()));
  }
  template <class Aggregation>
  void require_aggregates(NodeId id, const Aggregation& node, int first) {
    needed(node.input).insert(node.keys.begin(), node.keys.end());
    for (const int column : needed(id)) {
      if (column < first) continue;
      const Aggregate& aggregate = node.aggregates[static_cast<size_t>(column - first)];
      for (const auto& part : {aggregate.argument, aggregate.filter, aggregate.time}) {
        collect_columns(part, needed(node.input));
      }
    }
  }
  void require(NodeId id, const LookupJoinNode& node) {
    const int width = static_cast<int>(in_.schema(node.input).size());
    collect_columns(node.condition, needed(id));
    for (const int column : needed(id)) {
      if (column < width) needed(node.input).insert(column);
    }
    for (const auto& [column, expression] : node.keys) collect_columns(expression, needed(node.input));
  }
  void require(NodeId, const SinkNode& node) {
    for (const auto& projection : node.projections) collect_columns(projection, needed(node.input));
  }

  NodeId moved(NodeId old) const { return new_nodes_[static_cast<size_t>(old)]; }
  const std::vector<int>& columns(NodeId old) const { return new_columns_[static_cast<size_t>(old)]; }

  void put(size_t id, Node node) { new_nodes_[id] = out_.add(std::move(node)); }

  void rebuild(size_t id, Node& node, ScanNode& detail) {
    std::vector<int> kept;
    data::Schema schema;
    for (const int column : needed_[id]) {
      new_columns_[id][static_cast<size_t>(column)] = static_cast<int>(kept.size());
      kept.push_back(detail.columns[static_cast<size_t>(column)]);
      schema.push_back(node.schema[static_cast<size_t>(column)]);
    }
    detail.columns = std::move(kept);
    node.schema = std::move(schema);
    put(id, std::move(node));
  }

  void rebuild(size_t id, Node& node, CalcNode& detail) {
    std::vector<ExpressionPtr> kept;
    std::vector<std::string> names;
    for (const int column : needed_[id]) {
      new_columns_[id][static_cast<size_t>(column)] = static_cast<int>(kept.size());
      kept.push_back(remap(detail.projections[static_cast<size_t>(column)], columns(detail.input)));
      names.push_back(node.schema[static_cast<size_t>(column)].name);
    }
    new_nodes_[id] =
        out_.add_calc(moved(detail.input), remap(detail.filter, columns(detail.input)), std::move(kept), names);
  }

  // Its output is its input's.
  template <class Detail>
  void rebuild_passing(size_t id, Node& node, Detail& detail) {
    new_columns_[id] = columns(detail.input);
    detail.input = moved(detail.input);
    node.schema = out_.schema(detail.input);
    put(id, std::move(node));
  }
  void rebuild(size_t id, Node& node, WatermarkNode& detail) {
    detail.time_column = columns(detail.input)[static_cast<size_t>(detail.time_column)];
    rebuild_passing(id, node, detail);
  }
  void rebuild(size_t id, Node& node, DeduplicateNode& detail) {
    for (int& key : detail.keys) key = columns(detail.input)[static_cast<size_t>(key)];
    if (detail.time_column >= 0) detail.time_column = columns(detail.input)[static_cast<size_t>(detail.time_column)];
    rebuild_passing(id, node, detail);
  }

  // Its inputs must have the same columns in the same places; one that has more, for another reader, gets a Calc.
  void rebuild(size_t id, Node& node, UnionNode& detail) {
    data::Schema schema;
    std::vector<std::string> names;
    for (const int column : needed_[id]) {
      new_columns_[id][static_cast<size_t>(column)] = static_cast<int>(schema.size());
      schema.push_back(node.schema[static_cast<size_t>(column)]);
      names.push_back(schema.back().name);
    }
    for (NodeId& input : detail.inputs) {
      std::vector<ExpressionPtr> projections;
      for (const int column : needed_[id]) {
        const auto place = static_cast<size_t>(column);
        projections.push_back(make_column(columns(input)[place], in_.schema(input)[place].type));
      }
      input = out_.add_calc(moved(input), nullptr, std::move(projections), names);
    }
    node.schema = std::move(schema);
    put(id, std::move(node));
  }

  void rebuild(size_t id, Node& node, WindowAggregateNode& detail) {
    detail.time_column = columns(detail.input)[static_cast<size_t>(detail.time_column)];
    rebuild_aggregates(id, node, detail, detail.keys.size() + 3);
  }
  void rebuild(size_t id, Node& node, GroupAggregateNode& detail) {
    rebuild_aggregates(id, node, detail, detail.keys.size());
  }
  template <class Aggregation>
  void rebuild_aggregates(size_t id, Node& node, Aggregation& detail, size_t first) {
    const std::vector<int>& below = columns(detail.input);
    for (int& key : detail.keys) key = below[static_cast<size_t>(key)];
    data::Schema schema;
    std::vector<Aggregate> kept;
    for (size_t column = 0; column < node.schema.size(); ++column) {
      if (column >= first) {
        if (!needed_[id].contains(static_cast<int>(column))) continue;
        Aggregate aggregate = detail.aggregates[column - first];
        for (ExpressionPtr* part : {&aggregate.argument, &aggregate.filter, &aggregate.time})
          *part = remap(*part, below);
        kept.push_back(std::move(aggregate));
      }
      new_columns_[id][column] = static_cast<int>(schema.size());
      schema.push_back(node.schema[column]);
    }
    detail.aggregates = std::move(kept);
    detail.input = moved(detail.input);
    node.schema = std::move(schema);
    put(id, std::move(node));
  }

  void rebuild(size_t id, Node& node, LookupJoinNode& detail) {
    const size_t width = in_.schema(detail.input).size();
    const std::vector<int>& below = columns(detail.input);
    std::vector<int> kept;
    data::Schema schema = out_.schema(moved(detail.input));
    for (size_t column = 0; column < node.schema.size(); ++column) {
      if (column < width) {
        new_columns_[id][column] = below[column];
      } else if (needed_[id].contains(static_cast<int>(column))) {
        new_columns_[id][column] = static_cast<int>(schema.size());
        schema.push_back(node.schema[column]);
        kept.push_back(detail.columns[column - width]);
      }
    }
    detail.columns = std::move(kept);
    for (auto& [column, expression] : detail.keys) expression = remap(expression, below);
    detail.condition = remap(detail.condition, new_columns_[id]);
    detail.input = moved(detail.input);
    node.schema = std::move(schema);
    put(id, std::move(node));
  }

  void rebuild(size_t id, Node& node, SinkNode& detail) {
    for (auto& projection : detail.projections) projection = remap(projection, columns(detail.input));
    detail.input = moved(detail.input);
    put(id, std::move(node));
  }

  const Graph& in_;
  Graph out_;
  std::vector<int> readers_;
  std::vector<std::set<int>> needed_;  // of a node's output
  std::vector<NodeId> new_nodes_;
  std::vector<std::vector<int>> new_columns_;  // of a node's output: old place to new, -1 if dropped
};

}  // namespace

Graph prune_columns(const Graph& graph) {
  return ColumnPruner(graph).run();
}

}  // namespace millrace::sql
