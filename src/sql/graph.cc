#include "sql/graph.h"

#include <algorithm>

#include "sql/types.h"

namespace millrace::sql {
namespace {

// Everything that makes a node what it is, as text. Types are part of it, names of columns are not.
void put(std::string& out, const ExpressionPtr& expression) {
  if (!expression) {
    out += "-;";
    return;
  }
  const data::Type& type = expression->type;
  fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}:", static_cast<int>(type.kind), type.precision, type.scale,
                 type.nullable);
  switch (expression->kind) {
    case Expression::Kind::column:
      fmt::format_to(std::back_inserter(out), "${};", expression->column);
      return;
    case Expression::Kind::literal: {
      const std::string text = to_string(expression->literal, type);
      fmt::format_to(std::back_inserter(out), "{}#{}#{};", expression->literal.index(), text.size(), text);
      return;
    }
    case Expression::Kind::call:
      break;
  }
  fmt::format_to(std::back_inserter(out), "f{}(", static_cast<int>(expression->function));
  for (const auto& argument : expression->arguments) put(out, argument);
  out += ");";
}

void put(std::string& out, const std::vector<int>& numbers) {
  for (const int number : numbers) fmt::format_to(std::back_inserter(out), "{},", number);
  out += ';';
}

void put(std::string& out, const std::vector<ExpressionPtr>& expressions) {
  for (const auto& expression : expressions) put(out, expression);
  out += '|';
}

void put(std::string& out, const std::vector<Aggregate>& aggregates) {
  for (const Aggregate& aggregate : aggregates) {
    fmt::format_to(std::back_inserter(out), "a{}.{}.{}:", static_cast<int>(aggregate.function), aggregate.distinct,
                   aggregate.half_life_ms);
    put(out, aggregate.argument);
    put(out, aggregate.filter);
    put(out, aggregate.time);
  }
}

struct Fingerprint {
  std::string out;

  void operator()(const ScanNode& node) {
    fmt::format_to(std::back_inserter(out), "scan {};", node.table);
    put(out, node.columns);
  }
  void operator()(const CalcNode& node) {
    fmt::format_to(std::back_inserter(out), "calc {};", node.input);
    put(out, node.filter);
    put(out, node.projections);
  }
  void operator()(const WatermarkNode& node) {
    fmt::format_to(std::back_inserter(out), "watermark {} {} {} {} {}", node.input, node.time_column, node.delay_ms,
                   node.idle_timeout_ms, node.ahead_max_ms.value_or(-1));
  }
  void operator()(const UnionNode& node) {
    out += "union ";
    put(out, std::vector<int>(node.inputs.begin(), node.inputs.end()));
  }
  void operator()(const DeduplicateNode& node) {
    fmt::format_to(std::back_inserter(out), "deduplicate {} {} {};", node.input, node.ttl_ms, node.time_column);
    put(out, node.keys);
  }
  void operator()(const WindowAggregateNode& node) {
    fmt::format_to(std::back_inserter(out), "window {} {} {} {} {};", node.input, node.time_column, node.size_ms,
                   node.slide_ms, node.offset_ms);
    put(out, node.keys);
    put(out, node.aggregates);
  }
  void operator()(const GroupAggregateNode& node) {
    fmt::format_to(std::back_inserter(out), "group {};", node.input);
    put(out, node.keys);
    put(out, node.aggregates);
  }
  void operator()(const LookupJoinNode& node) {
    fmt::format_to(std::back_inserter(out), "lookup {} {} {};", node.input, node.table, node.left);
    put(out, node.columns);
    for (const auto& [column, expression] : node.keys) {
      fmt::format_to(std::back_inserter(out), "{}=", column);
      put(out, expression);
    }
    put(out, node.condition);
  }
  void operator()(const SinkNode& node) {
    fmt::format_to(std::back_inserter(out), "sink {} {};", node.input, node.table);
    put(out, node.columns);
    put(out, node.projections);
  }
};

}  // namespace

std::vector<NodeId> inputs_of(const Node& node) {
  return std::visit(
      [](const auto& detail) -> std::vector<NodeId> {
        using T = std::decay_t<decltype(detail)>;
        if constexpr (std::is_same_v<T, ScanNode>) {
          return {};
        } else if constexpr (std::is_same_v<T, UnionNode>) {
          return detail.inputs;
        } else {
          return {detail.input};
        }
      },
      node.detail);
}

std::vector<int> reader_counts(const std::vector<Node>& nodes) {
  std::vector<int> counts(nodes.size(), 0);
  for (size_t i = nodes.size(); i-- > 0;) {
    if (counts[i] == 0 && !std::holds_alternative<SinkNode>(nodes[i].detail)) continue;
    for (const NodeId input : inputs_of(nodes[i])) ++counts[static_cast<size_t>(input)];
  }
  return counts;
}

int identifying_column(const ExpressionPtr& expression) {
  if (expression->kind == Expression::Kind::column) return expression->column;
  if (expression->kind != Expression::Kind::call || expression->function != Function::cast) return -1;
  const data::Type& from = expression->arguments[0]->type;
  const data::Type& to = expression->type;
  const bool keeps =
      from.is_integer() &&
      (to.kind == data::TypeKind::bigint || to.kind == data::TypeKind::decimal || to.kind == data::TypeKind::string) &&
      !cast_may_fail(from, to);
  return keeps ? identifying_column(expression->arguments[0]) : -1;
}

std::vector<ExpressionPtr> identity_projections(const data::Schema& schema) {
  std::vector<ExpressionPtr> projections;
  for (size_t i = 0; i < schema.size(); ++i) projections.push_back(make_column(static_cast<int>(i), schema[i].type));
  return projections;
}

bool is_identity(const std::vector<ExpressionPtr>& projections, const data::Schema& schema) {
  if (projections.size() != schema.size()) return false;
  for (size_t i = 0; i < projections.size(); ++i) {
    if (projections[i]->kind != Expression::Kind::column || projections[i]->column != static_cast<int>(i)) return false;
  }
  return true;
}

Graph::Properties Graph::properties_of(const Node& node) const {
  Properties properties;
  const auto inputs = inputs_of(node);
  for (const NodeId input : inputs) {
    const Properties& from = properties_[static_cast<size_t>(input)];
    // Of a union, the only node with several inputs, none has upserts.
    properties.changelog = std::max(properties.changelog, from.changelog);
    properties.source_retracts = properties.source_retracts || from.source_retracts;
    properties.key = from.key;
  }
  if (inputs.size() > 1) properties.key.reset();
  const auto through = [&](const std::vector<ExpressionPtr>& projections) {
    if (!properties.key) return;
    std::vector<int> key;
    for (const int column : *properties.key) {
      const auto found = std::find_if(projections.begin(), projections.end(), [&](const ExpressionPtr& projection) {
        return identifying_column(projection) == column;
      });
      if (found == projections.end()) {
        properties.key.reset();
        return;
      }
      key.push_back(static_cast<int>(found - projections.begin()));
    }
    properties.key = std::move(key);
  };
  if (const auto* scan = std::get_if<ScanNode>(&node.detail)) {
    properties.source_retracts = scan->retracts;
    if (scan->retracts) properties.changelog = Changelog::retractions;
    std::vector<int> key;
    for (const int column : tables()[static_cast<size_t>(scan->table)].primary_key) {
      const auto found = std::find(scan->columns.begin(), scan->columns.end(), column);
      if (found == scan->columns.end()) return properties;
      key.push_back(static_cast<int>(found - scan->columns.begin()));
    }
    if (!key.empty()) properties.key = std::move(key);
  } else if (const auto* calc = std::get_if<CalcNode>(&node.detail)) {
    through(calc->projections);
  } else if (const auto* group = std::get_if<GroupAggregateNode>(&node.detail)) {
    properties.changelog = Changelog::upserts;
    properties.key.emplace();
    for (size_t i = 0; i < group->keys.size(); ++i) properties.key->push_back(static_cast<int>(i));
  } else if (std::holds_alternative<WindowAggregateNode>(node.detail)) {
    properties.changelog = Changelog::inserts;
    properties.key.reset();
  }
  return properties;
}

NodeId Graph::add(Node node) {
  Fingerprint fingerprint;
  std::visit(fingerprint, node.detail);
  const auto [found, inserted] =
      by_fingerprint_.try_emplace(std::move(fingerprint.out), static_cast<NodeId>(nodes_.size()));
  if (!inserted) return found->second;
  const Properties& properties = properties_.emplace_back(properties_of(node));
  node.changelog = properties.changelog;
  if (auto* window = std::get_if<WindowAggregateNode>(&node.detail)) window->retractable = properties.source_retracts;
  if (auto* group = std::get_if<GroupAggregateNode>(&node.detail)) group->retractable = properties.source_retracts;
  nodes_.push_back(std::move(node));
  return found->second;
}

NodeId Graph::add_calc(NodeId input, ExpressionPtr filter, std::vector<ExpressionPtr> projections,
                       const std::vector<std::string>& names) {
  const data::Schema& from = schema(input);
  if (!filter && is_identity(projections, from)) return input;
  Node node;
  for (size_t i = 0; i < projections.size(); ++i) {
    std::string name;
    if (i < names.size()) {
      name = names[i];
    } else if (projections[i]->kind == Expression::Kind::column) {
      name = from[static_cast<size_t>(projections[i]->column)].name;
    } else {
      name = print(projections[i], from);
    }
    node.schema.push_back({std::move(name), projections[i]->type});
  }
  node.detail = CalcNode{input, std::move(filter), std::move(projections)};
  return add(std::move(node));
}

NodeId Graph::add_filter(NodeId input, ExpressionPtr filter) {
  if (!filter) return input;
  return add_calc(input, std::move(filter), identity_projections(schema(input)), {});
}

}  // namespace millrace::sql
