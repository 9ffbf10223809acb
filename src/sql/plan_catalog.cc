#include <algorithm>

#include "sql/names.h"
#include "sql/planner.h"

namespace millrace::sql {

using data::TypeKind;

Result<> Planner::set(const ParsedSet& parsed) {
  TRY(check_setting(parsed));
  settings_[parsed.key.text] = parsed.value.text;
  return {};
}

std::optional<int> Planner::find_table(std::string_view name) const {
  for (size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].name == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

const ConnectorDescription& Planner::connector_of(int table) const {
  return *sources_[static_cast<size_t>(table)].options.connector;
}

std::string Planner::connectors_that(bool ConnectorDescription::*can) const {
  std::vector<std::string> names;
  for (const ConnectorDescription& connector : connectors_) {
    if (connector.*can) names.push_back("'" + connector.name + "'");
  }
  return join(names, " or ");
}

std::vector<std::string> Planner::relation_names() const {
  std::vector<std::string> names;
  for (const TableDefinition& table : tables_) names.push_back(table.name);
  for (const auto& [name, view] : views_) names.push_back(name);
  for (const auto& views : local_views_) {
    for (const auto& [name, view] : views) names.push_back(name);
  }
  return names;
}

Result<> Planner::check_new_name(const Name& name, bool if_not_exists, bool& exists) const {
  exists = find_table(name.text).has_value() || views_.contains(name.text);
  if (exists && !if_not_exists) {
    return fail_at(name.position, "there is a table or view '{}' already", name.text);
  }
  return {};
}

Result<> Planner::create_table(const ParsedCreateTable& parsed) {
  bool exists = false;
  TRY(check_new_name(parsed.name, parsed.if_not_exists, exists));
  if (exists) return {};
  Source source;
  source.position = parsed.name.position;
  TRY_ASSIGN(source.options, check_options(parsed, connectors_));
  TableDefinition table;
  table.name = parsed.name.text;
  const ConnectorDescription& connector = *source.options.connector;
  table.connector = connector.name;
  table.resource = source.options.resource;
  table.label = table.resource.empty() ? connector.label : connector.label + " " + table.resource;
  table.options = source.options.options;

  TRY(check_size(parsed.columns.size(), parsed.name.position));
  std::vector<std::string> names;
  Scope physical;
  for (size_t i = 0; i < parsed.columns.size(); ++i) {
    const ParsedColumn& column = parsed.columns[i];
    if (std::find(names.begin(), names.end(), column.name.text) != names.end()) {
      return fail_at(column.name.position, "there are two columns '{}' in the table {}", column.name.text, table.name);
    }
    names.push_back(column.name.text);
    if (!column.computed) {
      physical.push_back({table.name, column.name.text, column.type, TimeAttribute::none, static_cast<int>(i)});
    }
  }
  if (physical.empty()) return fail_at(parsed.name.position, "the table {} has no column to read or write", table.name);
  for (const ParsedColumn& column : parsed.columns) {
    ColumnDefinition definition{column.name.text, column.type, nullptr};
    if (column.computed) {
      Binder binder(physical, "a computed column");
      TRY_ASSIGN(Bound bound, binder.bind_value(*column.computed));
      definition.type = bound.expression->type;
      definition.computed = bound.expression;
    }
    table.columns.push_back(std::move(definition));
  }
  const auto find_column = [&](const Name& name) -> Result<int> {
    const auto found = std::find(names.begin(), names.end(), name.text);
    if (found != names.end()) return static_cast<int>(found - names.begin());
    return fail_at(name.position, "there is no column '{}' in the table {}{}", name.text, table.name,
                   suggestion(name.text, names, "the columns are"));
  };
  for (const Name& name : parsed.primary_key) {
    TRY_ASSIGN(const int column, find_column(name));
    if (table.columns[static_cast<size_t>(column)].computed) {
      return fail_at(name.position, "the computed column '{}' cannot be part of the primary key", name.text);
    }
    if (std::find(table.primary_key.begin(), table.primary_key.end(), column) != table.primary_key.end()) {
      return fail_at(name.position, "the column '{}' is in the primary key twice", name.text);
    }
    if (connector.key != ConnectorDescription::Key::any &&
        table.columns[static_cast<size_t>(column)].type.kind == TypeKind::boolean) {
      return fail_at(name.position, "the key of a table is made of texts, numbers and timestamps; '{}' is BOOLEAN",
                     name.text);
    }
    table.primary_key.push_back(column);
  }
  if (connector.key == ConnectorDescription::Key::none && !table.primary_key.empty()) {
    return fail_at(parsed.primary_key[0].position, "the records of a {} have no key; leave the PRIMARY KEY out",
                   connector.label);
  }
  constexpr size_t key_columns_max = 2;  // DynamoDB's hash and range key
  if (connector.key != ConnectorDescription::Key::any && table.primary_key.size() > key_columns_max) {
    return fail_at(parsed.primary_key[2].position, "the key of a table has one or two columns, not {}",
                   table.primary_key.size());
  }
  if (parsed.watermark) {
    TRY_ASSIGN(const int column, find_column(parsed.watermark->column));
    if (table.columns[static_cast<size_t>(column)].type.kind != TypeKind::timestamp) {
      return fail_at(parsed.watermark->column.position,
                     "a watermark needs a TIMESTAMP(3) column, and '{}' is {}; compute one "
                     "with AS TO_TIMESTAMP_LTZ(milliseconds, 3) or TO_TIMESTAMP(text)",
                     parsed.watermark->column.text,
                     to_string(with_nullable(table.columns[static_cast<size_t>(column)].type, true)));
    }
    source.watermark = parsed.watermark;
  }
  tables_.push_back(std::move(table));
  sources_.push_back(std::move(source));
  return {};
}

Result<> Planner::create_view(const ParsedCreateView& parsed) {
  bool exists = false;
  TRY(check_new_name(parsed.name, parsed.if_not_exists, exists));
  if (exists) return {};
  TRY_ASSIGN(Relation relation, plan_query(*parsed.query));
  if (!parsed.columns.empty()) {
    if (parsed.columns.size() != relation.columns.size()) {
      return fail_at(parsed.columns[0].position, "the view {} names {} columns, and its query has {}", parsed.name.text,
                     parsed.columns.size(), relation.columns.size());
    }
    for (size_t i = 0; i < parsed.columns.size(); ++i) relation.columns[i].name = parsed.columns[i].text;
  }
  views_.emplace(parsed.name.text, std::move(relation));
  return {};
}

Result<Planner::Relation> Planner::read_table(int index, Position position) {
  const TableDefinition& table = tables_[static_cast<size_t>(index)];
  Source& source = sources_[static_cast<size_t>(index)];
  if (const ConnectorDescription& connector = connector_of(index); !connector.source) {
    return fail_at(position, "{} cannot be read as a stream: its connector {} is for INSERT INTO{}{}", table.name,
                   connector.name, connector.lookup ? " and for JOIN ... FOR SYSTEM_TIME AS OF" : "",
                   connector.other_source.empty() ? "" : "; " + connector.other_source);
  }
  if (source.relation) return *source.relation;

  Node scan;
  ScanNode detail;
  detail.table = index;
  detail.start = source.options.start;
  detail.start_ms = source.options.start_ms;
  detail.ignore_parse_errors = source.options.ignore_parse_errors;
  detail.retracts = source.options.retracts;
  std::vector<int> positions(table.columns.size(), -1);  // of a column in the scan's output
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].computed) continue;
    positions[i] = static_cast<int>(detail.columns.size());
    detail.columns.push_back(static_cast<int>(i));
    scan.schema.push_back({table.columns[i].name, table.columns[i].type});
  }
  scan.detail = std::move(detail);

  Relation relation;
  relation.node = graph_.add(std::move(scan));
  std::vector<ExpressionPtr> projections;
  std::vector<std::string> names;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnDefinition& column = table.columns[i];
    ScopeColumn scope{table.name, column.name, column.type, TimeAttribute::none, static_cast<int>(i)};
    if (column.computed) {
      projections.push_back(remap(column.computed, positions));
      if (column.computed->kind == Expression::Kind::call && column.computed->function == Function::proctime) {
        scope.time = TimeAttribute::processing_time;
      }
    } else {
      projections.push_back(make_column(positions[i], column.type));
    }
    if (source.watermark && source.watermark->column.text == column.name) scope.time = TimeAttribute::event_time;
    names.push_back(column.name);
    relation.columns.push_back(std::move(scope));
  }
  relation.node = graph_.add_calc(relation.node, nullptr, std::move(projections), names);
  if (source.watermark) {
    Node node;
    node.schema = graph_.schema(relation.node);
    WatermarkNode watermark;
    watermark.input = relation.node;
    watermark.delay_ms = source.watermark->delay_ms;
    for (const ScopeColumn& column : relation.columns) {
      if (column.time == TimeAttribute::event_time) watermark.time_column = column.column;
    }
    if (source.options.idle_timeout_ms) {
      watermark.idle_timeout_ms = *source.options.idle_timeout_ms;
    } else if (const auto global = settings_.find("table.exec.source.idle-timeout"); global != settings_.end()) {
      watermark.idle_timeout_ms = parse_duration(global->second).value_or(0);
    }
    watermark.ahead_max_ms = source.options.ahead_max_ms;
    node.detail = watermark;
    relation.node = graph_.add(std::move(node));
  }
  source.relation = relation;
  return relation;
}

Result<Planner::Relation> Planner::read(const Name& name) {
  for (size_t i = local_views_.size(); i-- > 0;) {
    if (const auto found = local_views_[i].find(name.text); found != local_views_[i].end()) return found->second;
  }
  if (const auto found = views_.find(name.text); found != views_.end()) return found->second;
  if (const auto table = find_table(name.text)) return read_table(*table, name.position);
  return fail_at(name.position, "there is no table or view '{}'{}", name.text,
                 suggestion(name.text, relation_names(), "there are"));
}

}  // namespace millrace::sql
