#include <algorithm>

#include "sql/graph.h"
#include "sql/names.h"
#include "sql/options.h"

namespace millrace::sql {
namespace {

std::string name_of(const data::Schema& schema, int column) {
  return schema[static_cast<size_t>(column)].name;
}

std::string names_of(const data::Schema& schema, const std::vector<int>& columns) {
  std::vector<std::string> names;
  for (const int column : columns) names.push_back(name_of(schema, column));
  return names.empty() ? std::string("all rows") : join(names);
}

std::string column_names_of(const TableDefinition& table, const std::vector<int>& columns) {
  std::vector<std::string> names;
  for (const int column : columns) names.push_back(table.columns[static_cast<size_t>(column)].name);
  return join(names);
}

// "name" where an expression is the column of that name, "name = expression" where it is not.
std::string projection_text(const std::string& name, const ExpressionPtr& expression, const data::Schema& schema) {
  const std::string text = print(expression, schema);
  return text == name ? name : name + " = " + text;
}

// What a node does, in one line; and, for EXPLAIN, with all of its columns.
class Describer {
 public:
  Describer(const Plan& plan, const Node& node, bool full) : plan_(plan), node_(node), full_(full) {}

  std::string run() {
    return std::visit([this](const auto& detail) { return describe(detail); }, node_.detail);
  }

 private:
  const TableDefinition& table(int index) const { return plan_.tables[static_cast<size_t>(index)]; }
  const data::Schema& schema(NodeId node) const { return plan_.nodes[static_cast<size_t>(node)].schema; }

  std::string describe(const ScanNode& node) const {
    const TableDefinition& source = table(node.table);
    if (!full_) return fmt::format("Scan[{}]", source.name);
    const std::string_view start = node.start == ScanNode::Start::latest         ? "LATEST"
                                   : node.start == ScanNode::Start::trim_horizon ? "TRIM_HORIZON"
                                                                                 : "AT_TIMESTAMP";
    std::string text = fmt::format("Scan[{}: {} from {}", source.name, source.label, start);
    if (node.start == ScanNode::Start::at_timestamp) text += fmt::format(" {} ms", node.start_ms);
    if (node.ignore_parse_errors) text += ", skips bad records";
    return text + fmt::format("; {}]", column_names_of(source, node.columns));
  }

  std::string describe(const CalcNode& node) const {
    std::vector<std::string> parts;
    for (size_t i = 0; i < node.projections.size(); ++i) {
      parts.push_back(projection_text(node_.schema[i].name, node.projections[i], schema(node.input)));
    }
    if (!full_) return node.filter ? "Calc[" + print(node.filter, schema(node.input)) + "]" : "Calc";
    const std::string where = node.filter ? "; where " + print(node.filter, schema(node.input)) : "";
    return "Calc[" + join(parts) + where + "]";
  }

  std::string describe(const WatermarkNode& node) const {
    std::string text = fmt::format("Watermark[{}", name_of(schema(node.input), node.time_column));
    if (node.delay_ms != 0) text += " - " + print_duration(node.delay_ms);
    if (full_ && node.idle_timeout_ms != 0) text += ", idle after " + print_duration(node.idle_timeout_ms);
    return text + "]";
  }

  std::string describe(const UnionNode& node) const { return fmt::format("Union[{} inputs]", node.inputs.size()); }

  std::string describe(const DeduplicateNode& node) const {
    std::string text = "Deduplicate[" + names_of(schema(node.input), node.keys) + ", first row";
    if (node.ttl_ms != 0) text += ", forgets after " + print_duration(node.ttl_ms);
    return text + "]";
  }

  std::string aggregates_text(const std::vector<Aggregate>& aggregates, NodeId input) const {
    if (!full_) return {};
    const size_t first = node_.schema.size() - aggregates.size();
    std::string result;
    for (size_t i = 0; i < aggregates.size(); ++i) {
      const std::string text = print(aggregates[i], schema(input));
      const std::string& name = node_.schema[first + i].name;
      result += text == name ? "; " + text : "; " + name + " = " + text;
    }
    return result;
  }

  std::string describe(const WindowAggregateNode& node) const {
    std::string window = node.size_ms == node.slide_ms
                             ? "TUMBLE " + print_duration(node.size_ms)
                             : "HOP " + print_duration(node.size_ms) + " / " + print_duration(node.slide_ms);
    if (node.offset_ms != 0) window += " + " + print_duration(node.offset_ms);
    if (full_) window += " on " + name_of(schema(node.input), node.time_column);
    return fmt::format("WindowAggregate[{}, {}{}]", names_of(schema(node.input), node.keys), window,
                       aggregates_text(node.aggregates, node.input));
  }

  std::string describe(const GroupAggregateNode& node) const {
    return fmt::format("GroupAggregate[{}{}]", names_of(schema(node.input), node.keys),
                       aggregates_text(node.aggregates, node.input));
  }

  std::string describe(const LookupJoinNode& node) const {
    const TableDefinition& looked_up = table(node.table);
    std::vector<std::string> keys;
    for (const auto& [column, expression] : node.keys) {
      keys.push_back(looked_up.columns[static_cast<size_t>(column)].name + " = " +
                     print(expression, schema(node.input)));
    }
    std::string text =
        fmt::format("LookupJoin[{} {} on {}", node.left ? "LEFT" : "INNER", looked_up.name, join(keys, " AND "));
    if (full_ && node.condition) {
      data::Schema qualified = node_.schema;
      for (size_t i = schema(node.input).size(); i < qualified.size(); ++i) {
        qualified[i].name = looked_up.name + "." + qualified[i].name;
      }
      text += " AND " + print(node.condition, qualified);
    }
    if (full_ && !node.columns.empty()) text += "; " + column_names_of(looked_up, node.columns);
    return text + "]";
  }

  std::string describe(const SinkNode& node) const {
    const TableDefinition& target = table(node.table);
    if (!full_) return fmt::format("Sink[{}]", target.name);
    std::vector<std::string> parts;
    for (size_t i = 0; i < node.columns.size(); ++i) {
      parts.push_back(projection_text(target.columns[static_cast<size_t>(node.columns[i])].name, node.projections[i],
                                      schema(node.input)));
    }
    return fmt::format("Sink[{}: {}; {}]", target.name, target.label, join(parts));
  }

  const Plan& plan_;
  const Node& node_;
  bool full_;
};

class Printer {
 public:
  explicit Printer(const Plan& plan) : plan_(plan), readers_(reader_counts(plan.nodes)) {}

  std::string run() {
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (std::holds_alternative<SinkNode>(plan_.nodes[i].detail)) put(static_cast<NodeId>(i), 0);
    }
    return std::move(out_);
  }

 private:
  static std::string_view name_of(Changelog changelog) {
    switch (changelog) {
      case Changelog::inserts:
        return "inserts";
      case Changelog::retractions:
        return "inserts and retractions";
      case Changelog::upserts:
        return "upserts";
    }
    return {};
  }

  std::string state_of(const Node& node) const {
    const auto each = [&](const auto& detail) {
      if (detail.keys.empty()) return std::string("a row");
      return "a row for each " + names_of(plan_.nodes[static_cast<size_t>(detail.input)].schema, detail.keys);
    };
    if (const auto* group = std::get_if<GroupAggregateNode>(&node.detail)) return "; state: " + each(*group);
    if (const auto* window = std::get_if<WindowAggregateNode>(&node.detail)) {
      return fmt::format("; state: {} and {}", each(*window), print_duration(window->slide_ms));
    }
    if (const auto* first = std::get_if<DeduplicateNode>(&node.detail)) return "; state: " + each(*first);
    return {};
  }

  void put(NodeId id, int depth) {
    const auto index = static_cast<size_t>(id);
    const Node& node = plan_.nodes[index];
    const std::string indent(static_cast<size_t>(depth) * 2, ' ');
    if (!printed_.insert(id).second) {
      out_ += fmt::format("{}#{} {} (see above)\n", indent, id, node.label);
      return;
    }
    const std::string shared = readers_[index] > 1 ? fmt::format("; {} readers", readers_[index]) : "";
    out_ += fmt::format("{}#{} {}  -- {}{}{}\n", indent, id, Describer(plan_, node, true).run(),
                        name_of(node.changelog), state_of(node), shared);
    for (const NodeId input : inputs_of(node)) put(input, depth + 1);
  }

  const Plan& plan_;
  std::vector<int> readers_;
  std::set<NodeId> printed_;
  std::string out_;
};

}  // namespace

void set_labels(Plan& plan) {
  for (Node& node : plan.nodes) node.label = Describer(plan, node, false).run();
}

std::string explain(const Plan& plan) {
  return Printer(plan).run();
}

}  // namespace millrace::sql
