#include <algorithm>

#include "sql/names.h"
#include "sql/parser.h"
#include "sql/planner.h"

namespace millrace::sql {

Result<> Planner::insert(const ParsedInsert& parsed) {
  const auto index = find_table(parsed.table.text);
  if (!index) {
    if (views_.contains(parsed.table.text)) {
      return fail_at(parsed.table.position, "'{}' is a view; INSERT INTO needs a table", parsed.table.text);
    }
    std::vector<std::string> names;
    for (const TableDefinition& table : tables_) names.push_back(table.name);
    return fail_at(parsed.table.position, "there is no table '{}'{}", parsed.table.text,
                   suggestion(parsed.table.text, names, "there are"));
  }
  const TableDefinition& table = tables_[static_cast<size_t>(*index)];
  const ConnectorDescription& connector = connector_of(*index);
  if (!connector.sink) {
    return fail_at(parsed.table.position, "{} cannot be written: its connector {} is a source; INSERT INTO needs {}",
                   table.name, connector.name, connectors_that(&ConnectorDescription::sink));
  }
  if (connector.key == ConnectorDescription::Key::item && table.primary_key.empty()) {
    return fail_at(parsed.table.position,
                   "{} needs a PRIMARY KEY (...) NOT ENFORCED to be written: it names the item that a "
                   "row replaces",
                   table.name);
  }
  SinkNode sink;
  sink.table = *index;
  std::vector<std::string> names;
  std::vector<int> physical;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].computed) continue;
    names.push_back(table.columns[i].name);
    physical.push_back(static_cast<int>(i));
  }
  for (const Name& name : parsed.columns) {
    const auto found = std::find(names.begin(), names.end(), name.text);
    if (found == names.end()) {
      return fail_at(name.position, "there is no column '{}' in the table {}{}", name.text, table.name,
                     suggestion(name.text, names, "the columns are"));
    }
    const int column = physical[static_cast<size_t>(found - names.begin())];
    if (std::find(sink.columns.begin(), sink.columns.end(), column) != sink.columns.end()) {
      return fail_at(name.position, "the column '{}' is listed twice", name.text);
    }
    sink.columns.push_back(column);
  }
  if (parsed.columns.empty()) sink.columns = physical;

  TRY_ASSIGN(Relation relation, plan_query(*parsed.query));
  TRY(require_plain(relation, parsed.query->position));
  if (relation.columns.size() != sink.columns.size()) {
    return fail_at(parsed.query->position, "the query has {} columns and {} takes {}: {}", relation.columns.size(),
                   table.name, sink.columns.size(),
                   parsed.columns.empty() ? join(names) : std::string("those in the list"));
  }
  sink.input = relation.node;
  for (size_t i = 0; i < sink.columns.size(); ++i) {
    const ScopeColumn& from = relation.columns[i];
    const ColumnDefinition& to = table.columns[static_cast<size_t>(sink.columns[i])];
    if (!converts_silently(from.type, to.type)) {
      return fail_at(parsed.query->position,
                     "column {} of the query ('{}', {}) does not fit the column '{}' of {}, which is "
                     "{}; CAST it",
                     i + 1, from.name, to_string(with_nullable(from.type, true)), to.name, table.name,
                     to_string(with_nullable(to.type, true)));
    }
    sink.projections.push_back(cast_to(make_column(from.column, from.type), to.type));
  }
  TRY(check_key(parsed, sink));
  Node node;
  node.detail = std::move(sink);
  graph_.add(std::move(node));
  inserted_ = true;
  return {};
}

// A row that is replaced or taken back must find its item: the table's key and the query's must be the same.
Result<> Planner::check_key(const ParsedInsert& parsed, const SinkNode& sink) const {
  const TableDefinition& table = tables_[static_cast<size_t>(sink.table)];
  std::vector<int> key;
  for (const int column : table.primary_key) {
    const auto found = std::find(sink.columns.begin(), sink.columns.end(), column);
    if (found == sink.columns.end()) {
      return fail_at(parsed.table.position, "the INSERT must give a value to '{}', which is in the primary key of {}",
                     table.columns[static_cast<size_t>(column)].name, table.name);
    }
    const auto& projection = sink.projections[static_cast<size_t>(found - sink.columns.begin())];
    // A constant key column does not tell rows apart.
    const auto* calc = std::get_if<CalcNode>(&graph_.at(sink.input).detail);
    const int source = identifying_column(projection);
    if (source >= 0 && calc != nullptr && is_literal(calc->projections[static_cast<size_t>(source)])) continue;
    key.push_back(source);
  }
  const bool upserts = graph_.upserts(sink.input);
  if (!upserts && !graph_.retracts(sink.input)) return {};
  if (connector_of(sink.table).key == ConnectorDescription::Key::any && table.primary_key.empty()) return {};
  const auto describe = [&](std::vector<int> columns, const data::Schema& schema) {
    std::vector<std::string> names;
    for (const int column : columns) {
      names.push_back(column < 0 ? "an expression" : schema[static_cast<size_t>(column)].name);
    }
    return names.empty() ? std::string("nothing") : "(" + join(names) + ")";
  };
  std::vector<std::string> of_table;
  for (const int column : table.primary_key) of_table.push_back(table.columns[static_cast<size_t>(column)].name);
  const auto& of_query = graph_.key(sink.input);
  const std::string_view what =
      upserts ? "replaces rows by the key of its GROUP BY" : "takes back rows by the key of a change feed";
  if (!of_query) {
    return fail_at(parsed.table.position,
                   "the query {}, and not all columns of that key reach {} as they are, whose primary key is ({}): {}",
                   what, table.name, join(of_table),
                   upserts ? "the two keys must be the same, so SELECT every column of the GROUP BY"
                           : "declare the feed's PRIMARY KEY and SELECT its columns, or set 'scan.changelog-mode' = "
                             "'insert-only'");
  }
  std::vector<int> a = key;
  std::vector<int> b = *of_query;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  if (a == b) return {};
  const data::Schema& schema = graph_.schema(sink.input);
  return fail_at(parsed.table.position,
                 "the query {}, {}, but the primary key of {} is ({}), which is given {}; the two keys "
                 "must be the same columns",
                 what, describe(*of_query, schema), table.name, join(of_table), describe(key, schema));
}

Result<Plan> Planner::plan(const std::vector<ParsedStatement>& statements) {
  for (const ParsedStatement& statement : statements) {
    TRY(std::visit(
        [this](const auto& parsed) -> Result<> {
          using T = std::decay_t<decltype(parsed)>;
          if constexpr (std::is_same_v<T, ParsedSet>) return set(parsed);
          if constexpr (std::is_same_v<T, ParsedCreateTable>) return create_table(parsed);
          if constexpr (std::is_same_v<T, ParsedCreateView>) return create_view(parsed);
          if constexpr (std::is_same_v<T, ParsedInsert>) return insert(parsed);
        },
        statement));
  }
  if (!inserted_) {
    return fail_at({}, "the script has no INSERT INTO, so there is nothing to run; add INSERT INTO table SELECT ...");
  }
  return finish();
}

// Optimises, and keeps only the nodes and tables that an INSERT needs.
Plan Planner::finish() {
  const Graph graph = merge_calcs(prune_columns(merge_calcs(push_filters(graph_))));
  Plan plan;
  plan.settings = settings_;
  const auto readers = reader_counts(graph.nodes());
  std::vector<NodeId> new_nodes(graph.nodes().size(), -1);
  std::vector<int> new_tables(tables_.size(), -1);
  const auto keep_table = [&](int& table) {
    int& index = new_tables[static_cast<size_t>(table)];
    if (index < 0) {
      index = static_cast<int>(plan.tables.size());
      plan.tables.push_back(tables_[static_cast<size_t>(table)]);
    }
    table = index;
  };
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    Node node = graph.nodes()[i];
    if (readers[i] == 0 && !std::holds_alternative<SinkNode>(node.detail)) continue;
    std::visit(
        [&](auto& detail) {
          using T = std::decay_t<decltype(detail)>;
          if constexpr (std::is_same_v<T, UnionNode>) {
            for (NodeId& input : detail.inputs) input = new_nodes[static_cast<size_t>(input)];
          } else if constexpr (!std::is_same_v<T, ScanNode>) {
            detail.input = new_nodes[static_cast<size_t>(detail.input)];
          }
          if constexpr (std::is_same_v<T, ScanNode> || std::is_same_v<T, LookupJoinNode> ||
                        std::is_same_v<T, SinkNode>) {
            keep_table(detail.table);
          }
        },
        node.detail);
    new_nodes[i] = static_cast<NodeId>(plan.nodes.size());
    plan.nodes.push_back(std::move(node));
  }
  set_labels(plan);
  return plan;
}

Result<Plan> compile(std::string_view script, const std::vector<ConnectorDescription>& connectors) {
  TRY_ASSIGN(const auto statements, parse(script));
  return Planner(connectors).plan(statements);
}

}  // namespace millrace::sql
