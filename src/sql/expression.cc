#include "sql/expression.h"

#include "sql/names.h"

namespace millrace::sql {

using data::Type;
using data::TypeKind;
using data::Value;

ExpressionPtr make_column(int column, Type type) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::column;
  expression->type = type;
  expression->column = column;
  return expression;
}

ExpressionPtr make_literal(Value value, Type type) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::literal;
  expression->type = type;
  expression->type.nullable = std::holds_alternative<std::monostate>(value);
  expression->literal = std::move(value);
  return expression;
}

ExpressionPtr make_null(Type type) {
  return make_literal(std::monostate(), type);
}

ExpressionPtr make_boolean(bool value) {
  return make_literal(value, Type{TypeKind::boolean});
}

ExpressionPtr make_call(Function function, Type type, std::vector<ExpressionPtr> arguments) {
  auto expression = std::make_shared<Expression>();
  expression->kind = Expression::Kind::call;
  expression->type = type;
  expression->function = function;
  expression->arguments = std::move(arguments);
  return expression;
}

bool is_literal(const ExpressionPtr& expression) {
  return expression->kind == Expression::Kind::literal;
}

bool is_null_literal(const ExpressionPtr& expression) {
  return is_literal(expression) && std::holds_alternative<std::monostate>(expression->literal);
}

bool is_true_literal(const ExpressionPtr& expression) {
  const bool* value = is_literal(expression) ? std::get_if<bool>(&expression->literal) : nullptr;
  return value != nullptr && *value;
}

bool same(const ExpressionPtr& a, const ExpressionPtr& b) {
  if (a == b) return true;
  if (!a || !b) return false;
  if (a->kind != b->kind || a->type != b->type) return false;
  switch (a->kind) {
    case Expression::Kind::column:
      return a->column == b->column;
    case Expression::Kind::literal:
      return a->literal == b->literal;
    case Expression::Kind::call:
      break;
  }
  if (a->function != b->function || a->arguments.size() != b->arguments.size()) return false;
  for (size_t i = 0; i < a->arguments.size(); ++i) {
    if (!same(a->arguments[i], b->arguments[i])) return false;
  }
  return true;
}

void collect_columns(const ExpressionPtr& expression, std::set<int>& columns) {
  if (!expression) return;
  if (expression->kind == Expression::Kind::column) columns.insert(expression->column);
  for (const auto& argument : expression->arguments) collect_columns(argument, columns);
}

std::set<int> columns_of(const ExpressionPtr& expression) {
  std::set<int> columns;
  collect_columns(expression, columns);
  return columns;
}

size_t size_of(const ExpressionPtr& expression, size_t limit) {
  size_t size = 1;
  for (const auto& argument : expression->arguments) {
    if (size >= limit) return limit;
    size += size_of(argument, limit - size);
  }
  return size;
}

bool calls(const ExpressionPtr& expression, Function function) {
  if (!expression || expression->kind != Expression::Kind::call) return false;
  if (expression->function == function) return true;
  for (const auto& argument : expression->arguments) {
    if (calls(argument, function)) return true;
  }
  return false;
}

ExpressionPtr rewrite_columns(const ExpressionPtr& expression,
                              const std::function<ExpressionPtr(const Expression& column)>& replacement) {
  if (!expression) return expression;
  if (expression->kind == Expression::Kind::column) return replacement(*expression);
  bool changed = false;
  std::vector<ExpressionPtr> arguments;
  arguments.reserve(expression->arguments.size());
  for (const auto& argument : expression->arguments) {
    arguments.push_back(rewrite_columns(argument, replacement));
    changed = changed || arguments.back() != argument;
  }
  return changed ? make_call(expression->function, expression->type, std::move(arguments)) : expression;
}

ExpressionPtr substitute(const ExpressionPtr& expression, const std::vector<ExpressionPtr>& projections) {
  return rewrite_columns(expression,
                         [&](const Expression& column) { return projections[static_cast<size_t>(column.column)]; });
}

ExpressionPtr remap(const ExpressionPtr& expression, const std::vector<int>& new_columns) {
  return rewrite_columns(expression, [&](const Expression& column) {
    return make_column(new_columns[static_cast<size_t>(column.column)], column.type);
  });
}

std::vector<ExpressionPtr> conjuncts_of(const ExpressionPtr& condition) {
  std::vector<ExpressionPtr> conditions;
  if (!condition) return conditions;
  if (condition->kind == Expression::Kind::call && condition->function == Function::logical_and) {
    for (const auto& argument : condition->arguments) {
      for (auto& part : conjuncts_of(argument)) conditions.push_back(std::move(part));
    }
  } else {
    conditions.push_back(condition);
  }
  return conditions;
}

namespace {

// Halves, so that a long list does not make a deep tree.
ExpressionPtr conjunction_of(const std::vector<ExpressionPtr>& conditions, size_t from, size_t to) {
  if (to - from == 1) return conditions[from];
  const size_t middle = from + (to - from + 1) / 2;
  ExpressionPtr left = conjunction_of(conditions, from, middle);
  ExpressionPtr right = conjunction_of(conditions, middle, to);
  const Type type{TypeKind::boolean, 0, 0, left->type.nullable || right->type.nullable};
  return make_call(Function::logical_and, type, {std::move(left), std::move(right)});
}

}  // namespace

ExpressionPtr conjunction_of(const std::vector<ExpressionPtr>& conditions) {
  std::vector<ExpressionPtr> kept;
  for (const auto& condition : conditions) {
    if (!is_true_literal(condition)) kept.push_back(condition);
  }
  return kept.empty() ? nullptr : conjunction_of(kept, 0, kept.size());
}

namespace {

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c;
  }
  return result + "'";
}

std::string_view infix_of(Function function) {
  switch (function) {
    case Function::add:
      return "+";
    case Function::subtract:
      return "-";
    case Function::multiply:
      return "*";
    case Function::divide:
      return "/";
    case Function::modulo:
      return "%";
    case Function::equal:
      return "=";
    case Function::not_equal:
      return "<>";
    case Function::less:
      return "<";
    case Function::less_equal:
      return "<=";
    case Function::greater:
      return ">";
    case Function::greater_equal:
      return ">=";
    case Function::logical_and:
      return "AND";
    case Function::logical_or:
      return "OR";
    default:
      return {};
  }
}

// How tightly the printed form binds: an argument that binds less tightly is put in parentheses.
int strength_of(const ExpressionPtr& expression) {
  if (expression->kind != Expression::Kind::call) return 9;
  switch (expression->function) {
    case Function::logical_or:
      return 1;
    case Function::logical_and:
      return 2;
    case Function::logical_not:
      return 3;
    case Function::equal:
    case Function::not_equal:
    case Function::less:
    case Function::less_equal:
    case Function::greater:
    case Function::greater_equal:
    case Function::is_null:
    case Function::is_not_null:
    case Function::in_list:
    case Function::like:
      return 4;
    case Function::add:
    case Function::subtract:
      return 5;
    case Function::multiply:
    case Function::divide:
    case Function::modulo:
      return 6;
    case Function::negate:
      return 7;
    default:
      return 9;
  }
}

std::string_view name_of(Function function) {
  switch (function) {
    case Function::absolute:
      return "ABS";
    case Function::floor:
      return "FLOOR";
    case Function::ceil:
      return "CEIL";
    case Function::round:
      return "ROUND";
    case Function::coalesce:
      return "COALESCE";
    case Function::nullif:
      return "NULLIF";
    case Function::greatest:
      return "GREATEST";
    case Function::least:
      return "LEAST";
    case Function::lower:
      return "LOWER";
    case Function::upper:
      return "UPPER";
    case Function::trim:
      return "TRIM";
    case Function::char_length:
      return "CHAR_LENGTH";
    case Function::substring:
      return "SUBSTRING";
    case Function::concat:
      return "CONCAT";
    case Function::replace:
      return "REPLACE";
    case Function::split_index:
      return "SPLIT_INDEX";
    case Function::regexp_extract:
      return "REGEXP_EXTRACT";
    case Function::to_timestamp:
      return "TO_TIMESTAMP";
    case Function::to_timestamp_ltz:
      return "TO_TIMESTAMP_LTZ";
    case Function::unix_timestamp:
      return "UNIX_TIMESTAMP";
    case Function::date_format:
      return "DATE_FORMAT";
    case Function::timestamp_add_ms:
      return "TIMESTAMP_ADD_MS";
    case Function::extract_hour:
      return "HOUR";
    case Function::extract_day:
      return "DAYOFMONTH";
    case Function::extract_month:
      return "MONTH";
    case Function::extract_year:
      return "YEAR";
    case Function::extract_minute:
      return "MINUTE";
    case Function::extract_second:
      return "SECOND";
    case Function::proctime:
      return "PROCTIME";
    default:
      return "?";
  }
}

std::string print_argument(const ExpressionPtr& expression, const data::Schema& schema, int strength) {
  const std::string text = print(expression, schema);
  return strength_of(expression) < strength ? "(" + text + ")" : text;
}

std::string print_case(const Expression& expression, const data::Schema& schema) {
  std::string text = "CASE";
  size_t i = 0;
  for (; i + 1 < expression.arguments.size(); i += 2) {
    text += " WHEN " + print(expression.arguments[i], schema) + " THEN " + print(expression.arguments[i + 1], schema);
  }
  if (i < expression.arguments.size()) text += " ELSE " + print(expression.arguments[i], schema);
  return text + " END";
}

std::string print_call(const Expression& call, const data::Schema& schema, int strength) {
  const auto argument = [&](size_t i, int at_least) { return print_argument(call.arguments[i], schema, at_least); };
  if (const std::string_view infix = infix_of(call.function); !infix.empty()) {
    // a - (b - c) needs its parentheses, a AND (b AND c) does not.
    const bool associative = call.function == Function::logical_and || call.function == Function::logical_or;
    return fmt::format("{} {} {}", argument(0, strength), infix, argument(1, associative ? strength : strength + 1));
  }
  const auto list = [&](size_t from) {
    std::vector<std::string> parts;
    for (size_t i = from; i < call.arguments.size(); ++i) parts.push_back(print(call.arguments[i], schema));
    return join(parts);
  };
  Type type = call.type;
  type.nullable = true;
  switch (call.function) {
    case Function::negate:
      return "-" + argument(0, 8);
    case Function::logical_not:
      return "NOT " + argument(0, 3);
    case Function::is_null:
      return argument(0, 5) + " IS NULL";
    case Function::is_not_null:
      return argument(0, 5) + " IS NOT NULL";
    case Function::in_list:
      return fmt::format("{} IN ({})", argument(0, 5), list(1));
    case Function::like:
      return fmt::format("{} LIKE {}{}", argument(0, 5), argument(1, 5),
                         call.arguments.size() > 2 ? " ESCAPE " + argument(2, 5) : "");
    case Function::case_when:
      return print_case(call, schema);
    case Function::cast:
      return fmt::format("CAST({} AS {})", list(0), to_string(type));
    case Function::try_cast:
      return fmt::format("TRY_CAST({} AS {})", list(0), to_string(type));
    default:
      return fmt::format("{}({})", name_of(call.function), list(0));
  }
}

}  // namespace

std::string print(const ExpressionPtr& expression, const data::Schema& schema) {
  switch (expression->kind) {
    case Expression::Kind::column: {
      const auto column = static_cast<size_t>(expression->column);
      return column < schema.size() ? schema[column].name : fmt::format("${}", expression->column);
    }
    case Expression::Kind::literal:
      if (is_null_literal(expression)) return "NULL";
      if (expression->type.kind == TypeKind::string) return quoted(std::get<std::string>(expression->literal));
      if (expression->type.kind == TypeKind::timestamp) {
        return "TIMESTAMP " + quoted(to_string(expression->literal, expression->type));
      }
      return to_string(expression->literal, expression->type);
    case Expression::Kind::call:
      break;
  }
  return print_call(*expression, schema, strength_of(expression));
}

std::string print(const Aggregate& aggregate, const data::Schema& schema) {
  std::string text;
  if (aggregate.function == AggregateFunction::decayed_sum) {
    const bool count = is_literal(aggregate.argument);
    text = fmt::format("{}({}{}, {})", count ? "DECAYED_COUNT" : "DECAYED_SUM",
                       count ? "" : print(aggregate.argument, schema) + ", ", print(aggregate.time, schema),
                       print_duration(aggregate.half_life_ms));
  } else {
    static constexpr std::string_view names[] = {"COUNT", "SUM", "AVG", "MIN", "MAX"};
    text =
        fmt::format("{}({}{})", names[static_cast<size_t>(aggregate.function)], aggregate.distinct ? "DISTINCT " : "",
                    aggregate.argument ? print(aggregate.argument, schema) : "*");
  }
  if (aggregate.filter) text += " FILTER (WHERE " + print(aggregate.filter, schema) + ")";
  return text;
}

std::string print_duration(int64_t duration_ms) {
  if (duration_ms % 1000 != 0) return fmt::format("{} ms", duration_ms);
  return fmt::format("{} s", duration_ms / 1000);
}

}  // namespace millrace::sql
