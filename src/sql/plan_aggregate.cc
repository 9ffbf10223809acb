#include <algorithm>

#include "sql/names.h"
#include "sql/planner.h"

namespace millrace::sql {

using data::TypeKind;

// GROUP BY while it is planned: expressions are over the input until `keys` and `arguments` are columns of the
// Calc below the aggregate.
struct Planner::Grouping {
  std::vector<ExpressionPtr> keys;
  std::vector<std::string> names;     // of the keys
  std::vector<VirtualColumn> window;  // which of the window's columns are grouped by
  std::vector<Aggregate> aggregates;
  std::vector<std::string> aggregate_names;  // the alias of an item that is just the aggregate; may be shorter
  bool windowed = false;
  int first_window_column = 0;  // window_start in the aggregate's output
  int first_aggregate = 0;
};

namespace {

ExpressionPtr grouped(const ExpressionPtr& expression, const std::vector<ExpressionPtr>& keys,
                      const std::function<ExpressionPtr(const Expression&)>& column) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (same(expression, keys[i])) return make_column(static_cast<int>(i), keys[i]->type);
  }
  if (expression->kind == Expression::Kind::column) return column(*expression);
  if (expression->kind == Expression::Kind::literal) return expression;
  std::vector<ExpressionPtr> arguments;
  for (const auto& argument : expression->arguments) {
    arguments.push_back(grouped(argument, keys, column));
    if (!arguments.back()) return nullptr;
  }
  return make_call(expression->function, expression->type, std::move(arguments));
}

}  // namespace

Result<> Planner::bind_keys(const ParsedSelect& parsed, const Relation& input, Grouping& grouping) {
  for (const auto& parsed_key : parsed.group_by) {
    const bool ordinal = parsed_key->kind == ParsedExpression::Kind::integer_literal;
    if (ordinal) return fail_at(parsed_key->position, "GROUP BY takes columns and expressions, not their positions");
    Binder binder(input.columns, "GROUP BY");
    auto bound = binder.bind_value(*parsed_key);
    if (!bound) {
      // An alias of SELECT is not known in GROUP BY, as in Flink.
      for (const ParsedSelectItem& item : parsed.items) {
        const bool alias = item.alias && parsed_key->kind == ParsedExpression::Kind::column &&
                           parsed_key->path.size() == 1 && item.alias->text == parsed_key->path[0].text;
        if (alias) {
          return fail_at(parsed_key->position, "GROUP BY does not know the alias '{}'; repeat its expression",
                         item.alias->text);
        }
      }
      return std::unexpected(std::move(bound).error());
    }
    const ExpressionPtr& key = bound->expression;
    if (key->kind == Expression::Kind::column && key->column >= virtual_column_base) {
      grouping.window.push_back(static_cast<VirtualColumn>(key->column - virtual_column_base));
      continue;
    }
    TRY(refuse_virtual(key, parsed_key->position, "an expression of GROUP BY"));
    const bool twice =
        std::any_of(grouping.keys.begin(), grouping.keys.end(), [&](const auto& k) { return same(k, key); });
    if (twice) continue;
    grouping.keys.push_back(key);
    grouping.names.push_back(parsed_key->kind == ParsedExpression::Kind::column
                                 ? parsed_key->path.back().text
                                 : fmt::format("key{}", grouping.keys.size()));
  }
  if (!input.window) return {};
  const auto has = [&](VirtualColumn column) {
    return std::find(grouping.window.begin(), grouping.window.end(), column) != grouping.window.end();
  };
  if (!has(VirtualColumn::window_start) || !has(VirtualColumn::window_end)) {
    const Position position = parsed.group_by.empty() ? parsed.position : parsed.group_by[0]->position;
    return fail_at(position, "a window needs both window_start and window_end in GROUP BY");
  }
  grouping.windowed = true;
  return {};
}

Result<> Planner::check_aggregates(const Relation& input, const Grouping& grouping, Position position) const {
  if (graph_.upserts(input.node)) {
    return fail_at(position,
                   "the result of a continuous GROUP BY cannot be {}: its rows replace one another; group in one "
                   "step, or use a window first",
                   grouping.windowed ? "put into windows" : "grouped again");
  }
  return {};
}

// A Calc with each expression once, and the aggregate above it.
Result<NodeId> Planner::add_aggregate(const Relation& input, const ExpressionPtr& filter, Grouping& grouping) {
  const data::Schema from = graph_.schema(input.node);  // a copy: the graph grows below
  std::vector<ExpressionPtr> projections;
  std::vector<std::string> names;
  const auto place = [&](const ExpressionPtr& expression, const std::string& name) -> int {
    for (size_t i = 0; i < projections.size(); ++i) {
      if (same(projections[i], expression)) return static_cast<int>(i);
    }
    projections.push_back(expression);
    names.push_back(!name.empty() ? name : print(expression, from));
    return static_cast<int>(projections.size()) - 1;
  };
  std::vector<int> keys;
  for (size_t i = 0; i < grouping.keys.size(); ++i) keys.push_back(place(grouping.keys[i], grouping.names[i]));
  int time_column = 0;
  if (grouping.windowed) {
    const int column = input.window->time_column;
    time_column =
        place(make_column(column, from[static_cast<size_t>(column)].type), from[static_cast<size_t>(column)].name);
  }
  std::vector<Aggregate> aggregates = grouping.aggregates;
  for (Aggregate& aggregate : aggregates) {
    for (ExpressionPtr* part : {&aggregate.argument, &aggregate.filter, &aggregate.time}) {
      if (!*part || is_literal(*part)) continue;
      const int column = place(*part, "");
      *part = make_column(column, (*part)->type);
    }
  }
  if (projections.empty()) place(make_column(0, from[0].type), from[0].name);  // COUNT(*) over all: rows need a column
  const NodeId below = graph_.add_calc(input.node, filter, std::move(projections), names);

  Node node;
  for (size_t i = 0; i < keys.size(); ++i) {
    node.schema.push_back({grouping.names[i], graph_.schema(below)[static_cast<size_t>(keys[i])].type});
  }
  grouping.first_window_column = static_cast<int>(node.schema.size());
  if (grouping.windowed) {
    for (const std::string_view name : {"window_start", "window_end", "window_time"}) {
      node.schema.push_back({std::string(name), timestamp_type(false)});
    }
  }
  grouping.first_aggregate = static_cast<int>(node.schema.size());
  for (size_t i = 0; i < grouping.aggregates.size(); ++i) {
    const bool named = i < grouping.aggregate_names.size() && !grouping.aggregate_names[i].empty();
    node.schema.push_back(
        {named ? grouping.aggregate_names[i] : print(grouping.aggregates[i], from), grouping.aggregates[i].type});
  }
  if (grouping.windowed) {
    node.detail = WindowAggregateNode{
        below,           time_column,          input.window->size_ms, input.window->slide_ms, input.window->offset_ms,
        std::move(keys), std::move(aggregates)};
  } else {
    node.detail = GroupAggregateNode{below, std::move(keys), std::move(aggregates)};
  }
  return graph_.add(std::move(node));
}

Result<Planner::Relation> Planner::plan_aggregate(const ParsedSelect& parsed, const Relation& input,
                                                  const ExpressionPtr& filter) {
  Grouping grouping;
  TRY(bind_keys(parsed, input, grouping));
  TRY_ASSIGN(auto items, bind_items(parsed, input, &grouping.aggregates));
  for (const Item& item : items) {
    if (item.row_number) {
      return fail_at(item.position,
                     "ROW_NUMBER() beside GROUP BY is not supported; remove the duplicates in a subquery");
    }
    const ExpressionPtr& expression = item.bound.expression;
    if (expression->kind != Expression::Kind::column || expression->column < aggregate_column_base) continue;
    const auto index = static_cast<size_t>(expression->column - aggregate_column_base);
    grouping.aggregate_names.resize(grouping.aggregates.size());
    if (grouping.aggregate_names[index].empty() && !item.name.starts_with("EXPR$")) {
      grouping.aggregate_names[index] = item.name;
    }
  }
  ExpressionPtr having;
  if (parsed.having) {
    Binder binder(input.columns, "HAVING", &grouping.aggregates);
    TRY_ASSIGN(having, binder.bind_condition(*parsed.having));
  }
  for (const Aggregate& aggregate : grouping.aggregates) {
    for (const auto& part : {aggregate.argument, aggregate.filter, aggregate.time}) {
      TRY(refuse_virtual(part, parsed.position, "an aggregate"));
    }
  }
  TRY(check_aggregates(input, grouping, parsed.group_by.empty() ? parsed.position : parsed.group_by[0]->position));
  TRY_ASSIGN(const NodeId aggregate, add_aggregate(input, filter, grouping));

  // From the input's columns to those of the aggregate.
  std::string missing;
  const auto column = [&](const Expression& expression) -> ExpressionPtr {
    if (expression.column >= aggregate_column_base) {
      return make_column(grouping.first_aggregate + expression.column - aggregate_column_base, expression.type);
    }
    if (expression.column >= virtual_column_base) {
      const auto which = static_cast<VirtualColumn>(expression.column - virtual_column_base);
      if (std::find(grouping.window.begin(), grouping.window.end(), which) != grouping.window.end()) {
        const int offset = static_cast<int>(which) - static_cast<int>(VirtualColumn::window_start);
        return make_column(grouping.first_window_column + offset, expression.type);
      }
    }
    for (const ScopeColumn& candidate : input.columns) {
      if (candidate.column == expression.column) missing = candidate.name;
    }
    return nullptr;
  };
  const auto rewrite = [&](const ExpressionPtr& expression, Position position) -> Result<ExpressionPtr> {
    ExpressionPtr result = grouped(expression, grouping.keys, column);
    if (result) return result;
    return fail_at(position,
                   "the column '{}' has more than one value per group; put it into GROUP BY or into an aggregate",
                   missing);
  };
  if (having) {
    TRY_ASSIGN(having, rewrite(having, parsed.having->position));
    if (is_true_literal(having)) having = nullptr;
    TRY(check_filter(aggregate, conjuncts_of(having), parsed.having->position, "HAVING"));
  }
  Relation output;
  std::vector<ExpressionPtr> projections;
  std::vector<std::string> names;
  for (const Item& item : items) {
    TRY_ASSIGN(auto expression, rewrite(item.bound.expression, item.position));
    const bool is_window_time =
        item.bound.expression->kind == Expression::Kind::column &&
        item.bound.expression->column == virtual_column_base + static_cast<int>(VirtualColumn::window_time);
    const bool keeps_time = is_window_time || item.bound.time == TimeAttribute::processing_time;
    output.columns.push_back({"", item.name, expression->type, keeps_time ? item.bound.time : TimeAttribute::none,
                              static_cast<int>(projections.size())});
    projections.push_back(std::move(expression));
    names.push_back(item.name);
  }
  output.node = graph_.add_calc(aggregate, having, std::move(projections), names);
  return output;
}

}  // namespace millrace::sql
