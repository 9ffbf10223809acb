#include <algorithm>
#include <set>

#include "sql/fold.h"
#include "sql/names.h"
#include "sql/planner.h"

namespace millrace::sql {

using data::TypeKind;

Result<Planner::Relation> Planner::plan_query(const ParsedQuery& parsed) {
  struct Leave {
    std::vector<std::map<std::string, Relation, std::less<>>>& views;
    ~Leave() { views.pop_back(); }
  };
  local_views_.emplace_back();
  const Leave leave{local_views_};
  for (const auto& common : parsed.with) {
    TRY_ASSIGN(Relation relation, plan_query(*common.query));
    if (!local_views_.back().emplace(common.name.text, std::move(relation)).second) {
      return fail_at(common.name.position, "WITH names '{}' twice", common.name.text);
    }
  }
  std::vector<Relation> branches;
  for (const auto& branch : parsed.branches) {
    if (branch.select) {
      TRY_ASSIGN(Relation relation, plan_select(*branch.select));
      branches.push_back(std::move(relation));
    } else {
      TRY_ASSIGN(Relation relation, plan_query(*branch.nested));
      branches.push_back(std::move(relation));
    }
  }
  if (branches.size() == 1) return std::move(branches.front());
  return plan_union(std::move(branches), parsed.position);
}

Result<Planner::Relation> Planner::plan_union(std::vector<Relation> inputs, Position position) {
  Relation output;
  output.columns = inputs[0].columns;
  UnionNode detail;
  std::vector<data::Type> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TRY(require_plain(inputs[i], position));
    if (graph_.upserts(inputs[i].node)) {
      return fail_at(position,
                     "UNION ALL cannot take the result of a continuous GROUP BY: its rows replace one another; "
                     "give each an INSERT of its own");
    }
    const Scope& columns = inputs[i].columns;
    if (columns.size() != output.columns.size()) {
      return fail_at(position,
                     "the SELECTs of UNION ALL need the same number of columns: the first has {}, number {} has {}",
                     output.columns.size(), i + 1, columns.size());
    }
    for (size_t c = 0; c < columns.size(); ++c) {
      if (i == 0) {
        types.push_back(columns[c].type);
        continue;
      }
      const auto common = common_type(types[c], columns[c].type);
      if (!common) {
        return fail_at(position,
                       "column {} ('{}') of UNION ALL is {} in the first SELECT and {} in number {}; CAST one of them",
                       c + 1, output.columns[c].name, to_string(with_nullable(types[c], true)),
                       to_string(with_nullable(columns[c].type, true)), i + 1);
      }
      types[c] = *common;
      if (output.columns[c].time != columns[c].time) output.columns[c].time = TimeAttribute::none;
    }
  }
  Node node;
  std::vector<std::string> names;
  for (size_t c = 0; c < types.size(); ++c) {
    names.push_back(output.columns[c].name);
    output.columns[c].type = types[c];
    output.columns[c].column = static_cast<int>(c);
    output.columns[c].qualifier.clear();
    node.schema.push_back({output.columns[c].name, types[c]});
  }
  for (const Relation& input : inputs) {
    std::vector<ExpressionPtr> projections;
    for (size_t c = 0; c < types.size(); ++c) {
      const ScopeColumn& column = input.columns[c];
      projections.push_back(cast_to(make_column(column.column, column.type), types[c]));
    }
    detail.inputs.push_back(graph_.add_calc(input.node, nullptr, std::move(projections), names));
  }
  node.detail = std::move(detail);
  output.node = graph_.add(std::move(node));
  return output;
}

Result<Planner::Relation> Planner::plan_relation(const ParsedRelation& parsed) {
  Relation relation;
  std::string qualifier;
  switch (parsed.kind) {
    case ParsedRelation::Kind::table: {
      TRY_ASSIGN(relation, read(parsed.name));
      qualifier = parsed.name.text;
      break;
    }
    case ParsedRelation::Kind::query: {
      TRY_ASSIGN(relation, plan_query(*parsed.query));
      break;
    }
    case ParsedRelation::Kind::window: {
      TRY_ASSIGN(relation, plan_window(parsed));
      if (parsed.window->input->kind == ParsedRelation::Kind::table) qualifier = parsed.window->input->name.text;
      break;
    }
  }
  if (parsed.alias) qualifier = parsed.alias->text;
  for (ScopeColumn& column : relation.columns) column.qualifier = qualifier;
  return relation;
}

Result<Planner::Relation> Planner::plan_window(const ParsedRelation& parsed) {
  const ParsedRelation::Window& window = *parsed.window;
  TRY_ASSIGN(Relation relation, plan_relation(*window.input));
  TRY(require_plain(relation, window.input->position));
  std::vector<std::string> names;
  const ScopeColumn* time = nullptr;
  for (const ScopeColumn& column : relation.columns) {
    names.push_back(column.name);
    if (column.name == window.time_column.text) time = &column;
    if (column.name == "window_start" || column.name == "window_end" || column.name == "window_time") {
      return fail_at(parsed.position,
                     "the input of a window has a column '{}' already; leave it out or give it another "
                     "name",
                     column.name);
    }
  }
  const Position position = window.time_column.position;
  if (time == nullptr) {
    return fail_at(position, "there is no column '{}'{}", window.time_column.text,
                   suggestion(window.time_column.text, names, "the columns are"));
  }
  if (time->time == TimeAttribute::processing_time) {
    return fail_at(position,
                   "windows over PROCTIME() are not supported: their results could not be repeated; use an event "
                   "time column with a WATERMARK");
  }
  if (time->time != TimeAttribute::event_time) {
    return fail_at(position,
                   "'{0}' has no watermark, so no window would ever close; declare WATERMARK FOR {0} AS {0} - "
                   "INTERVAL '5' SECOND in CREATE TABLE and hand the column on unchanged",
                   window.time_column.text);
  }
  relation.window = Window{parsed.position, time->column, window.size_ms, window.slide_ms, window.offset_ms};
  for (ScopeColumn& column : relation.columns) {
    if (column.time == TimeAttribute::event_time) column.time = TimeAttribute::none;
  }
  const auto add = [&](std::string_view name, VirtualColumn virtual_column, TimeAttribute attribute) {
    relation.columns.push_back({"", std::string(name), timestamp_type(false), attribute,
                                virtual_column_base + static_cast<int>(virtual_column)});
  };
  add("window_start", VirtualColumn::window_start, TimeAttribute::none);
  add("window_end", VirtualColumn::window_end, TimeAttribute::none);
  add("window_time", VirtualColumn::window_time, TimeAttribute::event_time);
  return relation;
}

Result<> Planner::check_size(size_t columns, Position position) const {
  if (columns > columns_max) return fail_at(position, "at most {} columns are allowed", columns_max);
  if (graph_.nodes().size() > nodes_max) {
    return fail_at(position, "the script is too large: its plan has more than {} steps; make two jobs of it",
                   nodes_max);
  }
  return {};
}

Result<> Planner::require_plain(const Relation& relation, Position position) const {
  if (relation.ranked) {
    return fail_at(position,
                   "a query with ROW_NUMBER() can only be read by SELECT ... FROM (...) WHERE row_number = 1, "
                   "which keeps the first row of each key");
  }
  if (relation.window) {
    return fail_at(position, "a window needs a GROUP BY with window_start and window_end before its rows can be used");
  }
  return {};
}

Result<> Planner::refuse_virtual(const ExpressionPtr& expression, Position position, std::string_view clause) const {
  for (const int column : columns_of(expression)) {
    if (column >= virtual_column_base && column < aggregate_column_base) {
      return fail_at(position, "{} cannot use window_start, window_end or window_time before the GROUP BY; HAVING can",
                     clause);
    }
  }
  return {};
}

Result<Planner::Relation> Planner::plan_lookup(Relation input, const ParsedJoin& join) {
  const auto index = find_table(join.table.text);
  if (!index) {
    const bool view = views_.contains(join.table.text);
    return fail_at(join.table.position, "{}",
                   view ? fmt::format("'{}' is a view; a lookup needs a table", join.table.text)
                        : fmt::format("there is no table '{}'{}", join.table.text,
                                      suggestion(join.table.text, relation_names(), "there are")));
  }
  const TableDefinition& table = tables_[static_cast<size_t>(*index)];
  if (const ConnectorDescription& connector = connector_of(*index); !connector.lookup) {
    return fail_at(join.table.position, "{} cannot be looked up: its connector is {}; a lookup needs 'connector' = {}",
                   table.name, connector.name, connectors_that(&ConnectorDescription::lookup));
  }
  if (table.primary_key.empty()) {
    return fail_at(join.table.position, "{} cannot be looked up: it has no PRIMARY KEY", table.name);
  }
  if (input.ranked) TRY(require_plain(input, join.position));
  Binder as_of(input.columns, "FOR SYSTEM_TIME AS OF");
  TRY_ASSIGN(Bound time, as_of.bind_value(*join.as_of));
  if (time.time != TimeAttribute::processing_time) {
    return fail_at(join.as_of->position,
                   "FOR SYSTEM_TIME AS OF needs a PROCTIME() column of the stream (the row is looked up "
                   "when it passes); {}",
                   time.time == TimeAttribute::event_time
                       ? "joins as of event time are not supported"
                       : "add PROCTIME() AS proc to its SELECT or proc AS PROCTIME() to its table");
  }

  LookupJoinNode detail;
  detail.input = input.node;
  detail.table = *index;
  detail.left = join.left;
  const int width = static_cast<int>(graph_.schema(input.node).size());
  Node node;
  node.schema = graph_.schema(input.node);
  Scope scope = input.columns;
  const std::string qualifier = join.alias ? join.alias->text : join.table.text;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnDefinition& column = table.columns[i];
    if (column.computed) continue;
    const data::Type type = with_nullable(column.type, true);  // an item may lack any attribute
    scope.push_back(
        {qualifier, column.name, type, TimeAttribute::none, width + static_cast<int>(detail.columns.size())});
    node.schema.push_back({column.name, type});
    detail.columns.push_back(static_cast<int>(i));
  }
  Binder binder(scope, "ON");
  TRY_ASSIGN(auto condition, binder.bind_condition(*join.on));
  std::vector<ExpressionPtr> rest;
  for (const auto& part : conjuncts_of(condition)) {
    TRY(refuse_virtual(part, join.on->position, "ON"));
    bool is_key = false;
    if (part->kind == Expression::Kind::call && part->function == Function::equal) {
      for (const size_t side : {0, 1}) {
        const ExpressionPtr& column = part->arguments[side];
        const ExpressionPtr& value = part->arguments[1 - side];
        const int of_table = column->kind == Expression::Kind::column && column->column >= width
                                 ? detail.columns[static_cast<size_t>(column->column - width)]
                                 : -1;
        const auto& key = table.primary_key;
        if (of_table < 0 || std::find(key.begin(), key.end(), of_table) == key.end()) continue;
        const auto uses = columns_of(value);
        if (!uses.empty() && *uses.rbegin() >= width) continue;
        const bool taken =
            std::any_of(detail.keys.begin(), detail.keys.end(), [&](const auto& k) { return k.first == of_table; });
        if (taken) continue;
        detail.keys.emplace_back(of_table, value);
        is_key = true;
        break;
      }
    }
    if (!is_key) rest.push_back(part);
  }
  for (const int key : table.primary_key) {
    const bool found =
        std::any_of(detail.keys.begin(), detail.keys.end(), [&](const auto& k) { return k.first == key; });
    if (found) continue;
    const ColumnDefinition& column = table.columns[static_cast<size_t>(key)];
    return fail_at(join.on->position, "a lookup in {0} needs its whole key: ON must say {1}.{2} = a {3} of the stream",
                   table.name, qualifier, column.name, to_string(with_nullable(column.type, true)));
  }
  std::sort(detail.keys.begin(), detail.keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (!rest.empty() && !join.left && graph_.upserts(input.node)) {
    return fail_at(join.on->position,
                   "above a continuous GROUP BY an inner lookup can only compare keys: a row that matched "
                   "might later fail, and would have to be taken back; write LEFT JOIN");
  }
  detail.condition = conjunction_of(rest);
  node.detail = std::move(detail);
  input.node = graph_.add(std::move(node));
  input.columns = std::move(scope);
  TRY(check_size(input.columns.size(), join.position));
  return input;
}

Result<Planner::Relation> Planner::plan_select(const ParsedSelect& parsed) {
  TRY_ASSIGN(Relation input, plan_relation(parsed.from));
  TRY(check_size(std::max(parsed.items.size(), parsed.group_by.size()), parsed.position));
  for (const ParsedJoin& join : parsed.joins) {
    TRY_ASSIGN(input, plan_lookup(std::move(input), join));
  }
  std::vector<ExpressionPtr> conditions;
  if (parsed.where) {
    Binder binder(input.columns, "WHERE");
    TRY_ASSIGN(auto condition, binder.bind_condition(*parsed.where));
    conditions = conjuncts_of(condition);
  }
  if (input.ranked) {
    TRY(keep_first(input, conditions));
  }
  for (const auto& condition : conditions) TRY(refuse_virtual(condition, parsed.where->position, "WHERE"));
  if (parsed.where) TRY(check_filter(input.node, conditions, parsed.where->position, "WHERE"));
  const ExpressionPtr filter = conjunction_of(conditions);
  const bool aggregated = !parsed.group_by.empty() || parsed.having ||
                          std::any_of(parsed.items.begin(), parsed.items.end(), [](const ParsedSelectItem& item) {
                            return item.expression && has_aggregate(*item.expression);
                          });
  return aggregated ? plan_aggregate(parsed, input, filter) : plan_projection(parsed, input, filter);
}

Result<std::vector<Planner::Item>> Planner::bind_items(const ParsedSelect& parsed, const Relation& input,
                                                       std::vector<Aggregate>* aggregates) {
  std::vector<Item> items;
  for (const ParsedSelectItem& parsed_item : parsed.items) {
    if (!parsed_item.expression) {
      const size_t before = items.size();
      std::vector<std::string> qualifiers;
      for (const ScopeColumn& column : input.columns) {
        if (!column.qualifier.empty()) qualifiers.push_back(column.qualifier);
        if (parsed_item.star_qualifier && column.qualifier != parsed_item.star_qualifier->text) continue;
        Item item{column.name, parsed_item.position, {}};
        item.bound.expression = make_column(column.column, column.type);
        item.bound.time = column.time;
        item.bound.position = parsed_item.position;
        items.push_back(std::move(item));
      }
      TRY(check_size(items.size(), parsed_item.position));
      if (items.size() == before) {
        return fail_at(parsed_item.position, "there is no table '{}' in this query{}", parsed_item.star_qualifier->text,
                       suggestion(parsed_item.star_qualifier->text, qualifiers, "there are"));
      }
      continue;
    }
    const ParsedExpression& expression = *parsed_item.expression;
    Item item;
    item.position = parsed_item.position;
    item.name = parsed_item.alias                                   ? parsed_item.alias->text
                : expression.kind == ParsedExpression::Kind::column ? expression.path.back().text
                                                                    : fmt::format("EXPR${}", items.size());
    if (expression.kind == ParsedExpression::Kind::call && expression.text == "ROW_NUMBER" && expression.over) {
      item.row_number = true;
    } else {
      Binder binder(input.columns, "SELECT", aggregates);
      TRY_ASSIGN(item.bound, binder.bind_value(expression));
      if (aggregates != nullptr) item.bound.position = parsed_item.position;
    }
    items.push_back(std::move(item));
  }
  return items;
}

Result<Planner::Relation> Planner::plan_projection(const ParsedSelect& parsed, const Relation& input,
                                                   const ExpressionPtr& filter) {
  TRY_ASSIGN(auto items, bind_items(parsed, input, nullptr));
  Relation output;
  std::vector<ExpressionPtr> projections;
  std::vector<std::string> names;
  const ParsedExpression* row_number = nullptr;
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    if (item.row_number) {
      if (row_number != nullptr) return fail_at(item.position, "a SELECT has one ROW_NUMBER() at most");
      row_number = parsed.items.size() == items.size() ? parsed.items[i].expression.get() : nullptr;
      for (const ParsedSelectItem& candidate : parsed.items) {
        if (row_number == nullptr && candidate.expression && candidate.expression->over)
          row_number = candidate.expression.get();
      }
      output.columns.push_back({"", item.name, bigint_type(false), TimeAttribute::none,
                                virtual_column_base + static_cast<int>(VirtualColumn::row_number)});
      continue;
    }
    const ExpressionPtr& expression = item.bound.expression;
    if (expression->kind == Expression::Kind::column && expression->column >= virtual_column_base) {
      output.columns.push_back({"", item.name, expression->type, item.bound.time, expression->column});
      continue;
    }
    TRY(refuse_virtual(expression, item.position, "an expression"));
    output.columns.push_back({"", item.name, expression->type, item.bound.time, static_cast<int>(projections.size())});
    projections.push_back(expression);
    names.push_back(item.name);
  }
  if (row_number != nullptr) {
    if (input.window) TRY(require_plain(input, row_number->position));
    TRY(rank(*row_number, input, projections, output));
  }
  if (input.window) {  // the window goes on to the reader, with its time
    output.window = input.window;
    output.window->time_column = static_cast<int>(projections.size());
    projections.push_back(make_column(input.window->time_column,
                                      graph_.schema(input.node)[static_cast<size_t>(input.window->time_column)].type));
  }
  if (projections.empty()) return fail_at(parsed.position, "the SELECT has no column of the stream");
  output.node = graph_.add_calc(input.node, filter, std::move(projections), names);
  return output;
}

// Recognises Flink's pattern for removing duplicates:
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/deduplication/
Result<> Planner::rank(const ParsedExpression& call, const Relation& input, std::vector<ExpressionPtr>& projections,
                       Relation& output) {
  if (!call.arguments.empty()) return fail_at(call.position, "ROW_NUMBER() takes no argument");
  if (call.over->partition_by.empty()) {
    return fail_at(call.position, "ROW_NUMBER() needs PARTITION BY the columns that make two rows duplicates");
  }
  constexpr std::string_view what_works =
      "to keep the first row of each key, write ORDER BY a PROCTIME() column, ascending";
  if (call.over->order_by.size() != 1)
    return fail_at(call.position, "ROW_NUMBER() needs one ORDER BY column: {}", what_works);
  Binder binder(input.columns, "OVER");
  const ParsedOver::Order& order = call.over->order_by[0];
  TRY_ASSIGN(Bound time, binder.bind_value(*order.expression));
  if (time.time == TimeAttribute::event_time) {
    return fail_at(order.expression->position, "keeping the {} row by event time is not supported; {}",
                   order.ascending ? "first" : "last", what_works);
  }
  if (time.time != TimeAttribute::processing_time) {
    return fail_at(order.expression->position, "Top-N (ROW_NUMBER() by a column that is no time) is not supported; {}",
                   what_works);
  }
  if (!order.ascending) {
    return fail_at(order.expression->position,
                   "keeping the last row is not supported, INSERT INTO a table with that "
                   "primary key does it; {}",
                   what_works);
  }
  Ranked ranked;
  ranked.position = call.position;
  for (const auto& parsed : call.over->partition_by) {
    TRY_ASSIGN(Bound key, binder.bind_value(*parsed));
    size_t column = 0;
    while (column < projections.size() && !same(projections[column], key.expression)) ++column;
    if (column == projections.size()) projections.push_back(key.expression);
    if (std::find(ranked.keys.begin(), ranked.keys.end(), static_cast<int>(column)) == ranked.keys.end()) {
      ranked.keys.push_back(static_cast<int>(column));
    }
  }
  output.ranked = std::move(ranked);
  return {};
}

Result<> Planner::keep_first(Relation& input, std::vector<ExpressionPtr>& conditions) {
  const int number = virtual_column_base + static_cast<int>(VirtualColumn::row_number);
  const auto is_first = [&](const ExpressionPtr& condition) {
    if (condition->kind != Expression::Kind::call || condition->arguments.size() != 2) return false;
    Function function = condition->function;
    ExpressionPtr column = condition->arguments[0];
    ExpressionPtr literal = condition->arguments[1];
    if (column->kind != Expression::Kind::column) {
      std::swap(column, literal);
      if (function == Function::greater_equal) {
        function = Function::less_equal;
      } else if (function == Function::greater) {
        function = Function::less;
      } else if (function != Function::equal) {
        return false;
      }
    }
    if (column->kind != Expression::Kind::column || column->column != number || !is_literal(literal)) return false;
    const auto* value = std::get_if<int64_t>(&literal->literal);
    if (value == nullptr) return false;
    if (function == Function::equal || function == Function::less_equal) return *value == 1;
    return function == Function::less && *value == 2;
  };
  const auto found = std::find_if(conditions.begin(), conditions.end(), is_first);
  if (found == conditions.end()) TRY(require_plain(input, input.ranked->position));
  conditions.erase(found);
  if (graph_.upserts(input.node)) {
    return fail_at(input.ranked->position,
                   "the result of a continuous GROUP BY cannot be deduplicated: its rows replace one "
                   "another; remove the duplicates before the GROUP BY");
  }
  if (graph_.retracts(input.node)) {
    return fail_at(input.ranked->position,
                   "duplicates cannot be removed from a change feed whose rows are taken back; set "
                   "'scan.changelog-mode' = 'insert-only' in the table's WITH if items are only ever added");
  }
  Node node;
  node.schema = graph_.schema(input.node);
  DeduplicateNode detail;
  detail.input = input.node;
  detail.keys = input.ranked->keys;
  for (const ScopeColumn& column : input.columns) {
    const bool physical = column.column >= 0 && column.column < static_cast<int>(node.schema.size());
    if (physical && column.time == TimeAttribute::event_time) detail.time_column = column.column;
  }
  if (const auto ttl = settings_.find("table.exec.state.ttl"); ttl != settings_.end()) {
    detail.ttl_ms = parse_duration(ttl->second).value_or(0);
  }
  node.detail = std::move(detail);
  input.node = graph_.add(std::move(node));
  input.ranked.reset();

  // The row number itself is 1 from here on.
  auto projections = identity_projections(graph_.schema(input.node));
  std::vector<std::string> names;
  for (const auto& field : graph_.schema(input.node)) names.push_back(field.name);
  for (ScopeColumn& column : input.columns) {
    if (column.column != number) continue;
    column.column = static_cast<int>(projections.size());
    names.push_back(column.name);
  }
  const int width = static_cast<int>(projections.size());
  projections.push_back(make_literal(int64_t{1}, bigint_type(false)));
  conditions = [&] {
    std::vector<ExpressionPtr> rewritten;
    for (const auto& condition : conditions) {
      rewritten.push_back(rewrite_columns(condition, [&](const Expression& column) {
        return make_column(column.column == number ? width : column.column, column.type);
      }));
    }
    return rewritten;
  }();
  input.node = graph_.add_calc(input.node, nullptr, std::move(projections), names);
  return {};
}

}  // namespace millrace::sql
