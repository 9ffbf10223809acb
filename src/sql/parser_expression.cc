#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "sql/names.h"
#include "sql/parser.h"

namespace millrace::sql {
namespace {

using Kind = ParsedExpression::Kind;

struct Unit {
  std::string_view name;
  int64_t ms;
};
// From the largest to the smallest, as in DAY TO SECOND.
constexpr std::array<Unit, 4> units = {
    {{"DAY", 86'400'000}, {"HOUR", 3'600'000}, {"MINUTE", 60'000}, {"SECOND", 1'000}}};

int unit_index(std::string_view capitals) {
  for (size_t i = 0; i < units.size(); ++i) {
    if (capitals == units[i].name || (capitals.size() == units[i].name.size() + 1 &&
                                      capitals.starts_with(units[i].name) && capitals.back() == 'S')) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

// "1 02:03:04.5" as DAY TO SECOND, "02:03" as HOUR TO MINUTE, "10" as SECOND: to milliseconds, or nothing.
std::optional<int64_t> interval_of(std::string_view text, int first, int last) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int64_t total_ms = 0;
  for (int unit = first; unit <= last; ++unit) {
    int64_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || count < 0) return std::nullopt;
    constexpr int64_t days_max = 100'000'000;
    if (count > days_max * 86'400'000 / units[static_cast<size_t>(unit)].ms) return std::nullopt;
    if (unit != first && count > (unit == 1 ? 23 : 59)) return std::nullopt;
    total_ms += count * units[static_cast<size_t>(unit)].ms;
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
    if (unit == last) break;
    if (text.empty() || text.front() != (unit == 0 ? ' ' : ':')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (last == 3 && !text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    if (text.empty() || text.size() > 3) return std::nullopt;  // milliseconds at most
    int64_t fraction = 0;
    for (size_t i = 0; i < 3; ++i) {
      const char c = i < text.size() ? text[i] : '0';
      if (c < '0' || c > '9') return std::nullopt;
      fraction = fraction * 10 + (c - '0');
    }
    total_ms += fraction;
    text = {};
  }
  if (!text.empty()) return std::nullopt;
  return negative ? -total_ms : total_ms;
}

}  // namespace

ParsedExpressionPtr Parser::make(Kind kind, Position position) const {
  auto expression = std::make_unique<ParsedExpression>();
  expression->kind = kind;
  expression->position = position;
  return expression;
}

Result<ParsedExpressionPtr> Parser::finish(ParsedExpressionPtr expression) const {
  int depth = 0;
  for (const auto& argument : expression->arguments) depth = std::max(depth, argument->depth);
  if (expression->filter) depth = std::max(depth, expression->filter->depth);
  expression->depth = depth + 1;
  if (expression->depth > expression_levels_max) {
    return fail_at(expression->position,
                   "the expression is more than {} levels deep; use IN (...) for a long list of "
                   "values, or split it over views",
                   expression_levels_max);
  }
  return expression;
}

Result<ParsedExpressionPtr> Parser::binary(std::string_view op, Position position, ParsedExpressionPtr left,
                                           ParsedExpressionPtr right) const {
  auto expression = make(Kind::binary, position);
  expression->text = op;
  expression->arguments.push_back(std::move(left));
  expression->arguments.push_back(std::move(right));
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_or() {
  const Nesting nesting(nesting_);
  TRY(check_nesting());
  TRY_ASSIGN(auto left, parse_and());
  while (at("OR")) {
    const Position position = take().position;
    TRY_ASSIGN(auto right, parse_and());
    TRY_ASSIGN(left, binary("OR", position, std::move(left), std::move(right)));
  }
  return left;
}

Result<ParsedExpressionPtr> Parser::parse_and() {
  TRY_ASSIGN(auto left, parse_not());
  while (at("AND")) {
    const Position position = take().position;
    TRY_ASSIGN(auto right, parse_not());
    TRY_ASSIGN(left, binary("AND", position, std::move(left), std::move(right)));
  }
  return left;
}

Result<ParsedExpressionPtr> Parser::parse_not() {
  if (!at("NOT")) return parse_predicate();
  if (at("EXISTS", 1)) return fail_at(peek(1).position, "EXISTS is not supported; join the table instead");
  const Nesting nesting(nesting_);
  TRY(check_nesting());
  auto expression = make(Kind::unary, take().position);
  expression->text = "NOT";
  TRY_ASSIGN(auto operand, parse_not());
  expression->arguments.push_back(std::move(operand));
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_predicate() {
  TRY_ASSIGN(auto left, parse_sum());
  for (;;) {
    if (at("IS")) {
      TRY_ASSIGN(left, parse_is(std::move(left)));
    } else if (at("IN") || at("BETWEEN") || at("LIKE") || at("SIMILAR") ||
               (at("NOT") && (at("IN", 1) || at("BETWEEN", 1) || at("LIKE", 1) || at("SIMILAR", 1)))) {
      TRY_ASSIGN(left, parse_negatable(std::move(left)));
    } else {
      static constexpr std::array<std::string_view, 7> comparisons = {"=", "<>", "!=", "<=", ">=", "<", ">"};
      std::string_view found;
      for (const std::string_view symbol : comparisons) {
        if (at_symbol(symbol)) found = symbol;
      }
      if (found.empty()) return left;
      const Position position = take().position;
      TRY_ASSIGN(auto right, parse_sum());
      TRY_ASSIGN(left, binary(found == "!=" ? "<>" : found, position, std::move(left), std::move(right)));
    }
  }
}

Result<ParsedExpressionPtr> Parser::parse_is(ParsedExpressionPtr left) {
  const Position position = take().position;
  const bool negated = accept("NOT");
  auto expression = make(Kind::is_null, position);
  expression->negated = negated;
  expression->arguments.push_back(std::move(left));
  if (accept("NULL")) return finish(std::move(expression));
  expression->kind = Kind::is_truth;
  for (const std::string_view word : {"TRUE", "FALSE", "UNKNOWN"}) {
    if (at(word)) {
      expression->text = take().capitals;
      return finish(std::move(expression));
    }
  }
  if (at("DISTINCT")) return fail_at(position, "IS DISTINCT FROM is not supported; compare with = and IS NULL");
  return unexpected("NULL, TRUE, FALSE or UNKNOWN", {"NULL", "NOT", "TRUE", "FALSE", "UNKNOWN"});
}

Result<ParsedExpressionPtr> Parser::parse_negatable(ParsedExpressionPtr left) {
  auto expression = make(Kind::in_list, peek().position);
  expression->negated = accept("NOT");
  expression->arguments.push_back(std::move(left));
  if (at("SIMILAR")) return fail_at(peek().position, "SIMILAR TO is not supported; LIKE and REGEXP_EXTRACT are");
  if (accept("IN")) {
    TRY(expect_symbol("("));
    if (at("SELECT") || at("WITH")) {
      return fail_at(peek().position, "IN (SELECT ...) is not supported; join the table, or list the values");
    }
    do {
      TRY_ASSIGN(auto item, parse_expression());
      expression->arguments.push_back(std::move(item));
    } while (accept_symbol(","));
    TRY(expect_symbol(")"));
    return finish(std::move(expression));
  }
  if (accept("BETWEEN")) {
    expression->kind = Kind::between;
    if (at("SYMMETRIC"))
      return fail_at(peek().position, "BETWEEN SYMMETRIC is not supported; write the smaller value first");
    accept("ASYMMETRIC");
    TRY_ASSIGN(auto low, parse_sum());
    expression->arguments.push_back(std::move(low));
    TRY(expect("AND"));
    TRY_ASSIGN(auto high, parse_sum());
    expression->arguments.push_back(std::move(high));
    return finish(std::move(expression));
  }
  take();  // LIKE
  expression->kind = Kind::like;
  TRY_ASSIGN(auto pattern, parse_sum());
  expression->arguments.push_back(std::move(pattern));
  if (accept("ESCAPE")) {
    TRY_ASSIGN(auto escape, parse_sum());
    expression->arguments.push_back(std::move(escape));
  }
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_sum() {
  TRY_ASSIGN(auto left, parse_product());
  while (at_symbol("+") || at_symbol("-") || at_symbol("||")) {
    const Token op = take();
    TRY_ASSIGN(auto right, parse_product());
    TRY_ASSIGN(left, binary(op.text, op.position, std::move(left), std::move(right)));
  }
  return left;
}

Result<ParsedExpressionPtr> Parser::parse_product() {
  TRY_ASSIGN(auto left, parse_unary());
  while (at_symbol("*") || at_symbol("/") || at_symbol("%")) {
    const Token op = take();
    TRY_ASSIGN(auto right, parse_unary());
    TRY_ASSIGN(left, binary(op.text, op.position, std::move(left), std::move(right)));
  }
  return left;
}

Result<ParsedExpressionPtr> Parser::parse_unary() {
  if (!at_symbol("-") && !at_symbol("+")) return parse_primary();
  const Nesting nesting(nesting_);
  TRY(check_nesting());
  const Token op = take();
  auto expression = make(Kind::unary, op.position);
  expression->text = op.text;
  TRY_ASSIGN(auto operand, parse_unary());
  if (operand->kind == Kind::integer_literal || operand->kind == Kind::decimal_literal ||
      operand->kind == Kind::real_literal) {
    // -9223372036854775808 is a BIGINT only with its sign.
    if (op.text == "-") {
      operand->text = operand->text.starts_with('-') ? operand->text.substr(1) : "-" + operand->text;
    }
    operand->position = op.position;
    return operand;
  }
  expression->arguments.push_back(std::move(operand));
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_primary() {
  const Token& token = peek();
  switch (token.kind) {
    case Token::Kind::integer:
    case Token::Kind::decimal:
    case Token::Kind::real:
    case Token::Kind::string: {
      auto expression = make(token.kind == Token::Kind::integer   ? Kind::integer_literal
                             : token.kind == Token::Kind::decimal ? Kind::decimal_literal
                             : token.kind == Token::Kind::real    ? Kind::real_literal
                                                                  : Kind::string_literal,
                             token.position);
      expression->text = token.text;
      take();
      return expression;
    }
    case Token::Kind::quoted_name:
      return parse_column();
    case Token::Kind::word:
      return parse_word();
    case Token::Kind::symbol:
      if (token.text == "(") {
        const Position position = take().position;
        if (at("SELECT") || at("WITH")) {
          return fail_at(position, "a query inside an expression is not supported; join the table instead");
        }
        TRY_ASSIGN(auto expression, parse_expression());
        if (at_symbol(",")) return fail_at(peek().position, "a list of values (a row) is not supported here");
        if (!accept_symbol(")")) return unexpected("')'", {"AND", "OR"});
        return expression;
      }
      break;
    case Token::Kind::end:
      break;
  }
  return fail_at(token.position, "expected an expression, found {}", describe(token));
}

Result<ParsedExpressionPtr> Parser::parse_word() {
  const Token& token = peek();
  const std::string& word = token.capitals;
  if (word == "NULL") return make(Kind::null_literal, take().position);
  if (word == "TRUE" || word == "FALSE") {
    auto expression = make(Kind::boolean_literal, token.position);
    expression->text = take().capitals;
    return expression;
  }
  if (word == "CASE") return parse_case();
  if (word == "INTERVAL") {
    auto expression = make(Kind::interval_literal, take().position);
    TRY_ASSIGN(expression->interval_ms, parse_interval("an interval"));
    return expression;
  }
  if (peek(1).kind == Token::Kind::string) {
    if (word == "TIMESTAMP" || word == "TIMESTAMP_LTZ") {
      auto expression = make(Kind::timestamp_literal, take().position);
      expression->text = take().text;
      return expression;
    }
    if (word == "DATE" || word == "TIME") {
      return fail_at(token.position, "{} literals are not supported; write TIMESTAMP '2024-01-31 12:00:00'", word);
    }
  }
  if (word == "EXISTS") return fail_at(token.position, "EXISTS is not supported; join the table instead");
  if (word == "ARRAY" || word == "MAP" || word == "ROW") {
    if (at_symbol("[", 1) || at_symbol("(", 1)) return fail_at(token.position, "{} values are not supported", word);
  }
  if (at_symbol("(", 1)) {
    if (word == "CAST" || word == "TRY_CAST") return parse_cast();
    if (word == "EXTRACT") return parse_extract();
    return parse_call();
  }
  for (const std::string_view now : {"CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"}) {
    if (word == now) {
      return fail_at(token.position,
                     "{} is not supported: its value would differ when the job is repeated; PROCTIME() is "
                     "the time of processing",
                     word);
    }
  }
  return parse_column();
}

Result<ParsedExpressionPtr> Parser::parse_column() {
  auto expression = make(Kind::column, peek().position);
  do {
    TRY_ASSIGN(Name name, parse_name(expression->path.empty() ? "an expression" : "the name of a column"));
    expression->path.push_back(std::move(name));
  } while (accept_symbol("."));
  if (expression->path.size() > 2) {
    return fail_at(expression->position, "nested columns are not supported; write column or table.column");
  }
  if (at_symbol("[")) return fail_at(peek().position, "columns hold no arrays or maps");
  return expression;
}

Result<ParsedExpressionPtr> Parser::parse_case() {
  auto expression = make(Kind::case_when, take().position);
  if (!at("WHEN")) {
    TRY_ASSIGN(auto operand, parse_expression());
    expression->arguments.push_back(std::move(operand));
    expression->has_operand = true;
  }
  if (!at("WHEN")) return unexpected("WHEN", {"WHEN"});
  while (accept("WHEN")) {
    TRY_ASSIGN(auto condition, parse_expression());
    expression->arguments.push_back(std::move(condition));
    TRY(expect("THEN"));
    TRY_ASSIGN(auto value, parse_expression());
    expression->arguments.push_back(std::move(value));
  }
  if (accept("ELSE")) {
    TRY_ASSIGN(auto value, parse_expression());
    expression->arguments.push_back(std::move(value));
    expression->has_else = true;
  }
  if (!accept("END")) return unexpected("WHEN, ELSE or END", {"WHEN", "ELSE", "END"});
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_cast() {
  auto expression = make(Kind::cast, peek().position);
  expression->text = take().capitals;
  take();  // (
  TRY_ASSIGN(auto operand, parse_expression());
  expression->arguments.push_back(std::move(operand));
  TRY(expect("AS"));
  TRY_ASSIGN(expression->type, parse_type());
  TRY(expect_symbol(")"));
  return finish(std::move(expression));
}

Result<ParsedExpressionPtr> Parser::parse_extract() {
  auto expression = make(Kind::call, take().position);
  take();  // (
  const Token unit = take();
  static const std::vector<std::string> known = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
  if (std::find(known.begin(), known.end(), unit.capitals) == known.end()) {
    return fail_at(unit.position, "EXTRACT cannot take {} out of a timestamp{}", describe(unit),
                   suggestion(unit.text, known, "it knows"));
  }
  expression->text = unit.capitals == "DAY" ? "DAYOFMONTH" : unit.capitals;
  TRY(expect("FROM"));
  TRY_ASSIGN(auto operand, parse_expression());
  expression->arguments.push_back(std::move(operand));
  TRY(expect_symbol(")"));
  return finish(std::move(expression));
}

// What has a form of its own in Flink, and would be a puzzling error if it were read as arguments.
Result<> Parser::refuse_special_call(const std::string& function, Position position) const {
  if (function == "TIMESTAMPDIFF") {
    return fail_at(
        position,
        "TIMESTAMPDIFF is not supported: subtract UNIX_TIMESTAMP(time) values, which are seconds, and divide "
        "by 60, 3600 or 86400");
  }
  if (function == "POSITION") {
    return fail_at(position, "POSITION is not supported: LIKE and REGEXP_EXTRACT search in a text");
  }
  if (function == "TIMESTAMPADD" && peek().kind == Token::Kind::word && unit_index(peek().capitals) < 0 &&
      at_symbol(",", 1)) {
    return fail_at(peek().position, "the unit of TIMESTAMPADD is DAY, HOUR, MINUTE or SECOND, not {}", peek().text);
  }
  return {};
}

Result<ParsedExpressionPtr> Parser::parse_call() {
  auto expression = make(Kind::call, peek().position);
  const std::string function = take().capitals;
  expression->text = function;
  take();  // (
  TRY(refuse_special_call(function, expression->position));
  if (accept("DISTINCT")) {
    expression->distinct = true;
  } else {
    accept("ALL");
  }
  if (!at_symbol(")")) {
    if (at_symbol("*")) {
      expression->arguments.push_back(make(Kind::star, take().position));
    } else if (function == "TRIM" && (at("BOTH") || at("LEADING") || at("TRAILING"))) {
      return fail_at(peek().position, "TRIM takes one text and removes the spaces at both ends: TRIM(text)");
    } else if (function == "TIMESTAMPADD" && peek().kind == Token::Kind::word && unit_index(peek().capitals) >= 0) {
      auto unit = make(Kind::interval_literal, peek().position);
      unit->interval_ms = units[static_cast<size_t>(unit_index(take().capitals))].ms;
      expression->arguments.push_back(std::move(unit));
      TRY(expect_symbol(","));
      TRY_ASSIGN(auto first, parse_expression());
      expression->arguments.push_back(std::move(first));
    } else {
      TRY_ASSIGN(auto first, parse_expression());
      expression->arguments.push_back(std::move(first));
    }
    if (function == "SUBSTRING" && accept("FROM")) {
      TRY_ASSIGN(auto start, parse_expression());
      expression->arguments.push_back(std::move(start));
      if (accept("FOR")) {
        TRY_ASSIGN(auto length, parse_expression());
        expression->arguments.push_back(std::move(length));
      }
    }
    if ((function == "FLOOR" || function == "CEIL") && at("TO")) {
      return fail_at(peek().position, "{}(time TO unit) is not supported; use a TUMBLE window, or DATE_FORMAT",
                     function);
    }
    while (accept_symbol(",")) {
      TRY_ASSIGN(auto argument, parse_expression());
      expression->arguments.push_back(std::move(argument));
    }
  }
  if (!accept_symbol(")")) return unexpected("',' or ')'", {"AND", "OR"});
  if (at("WITHIN") || at("IGNORE") || at("RESPECT")) {
    return fail_at(peek().position, "{} is not supported after a function", peek().capitals);
  }
  if (at("FILTER")) {
    take();
    TRY(expect_symbol("("));
    TRY(expect("WHERE"));
    TRY_ASSIGN(expression->filter, parse_expression());
    TRY(expect_symbol(")"));
  }
  if (at("OVER")) TRY(parse_over(*expression));
  return finish(std::move(expression));
}

Result<> Parser::parse_over(ParsedExpression& call) {
  take();
  if (!at_symbol("("))
    return fail_at(peek().position, "a named window is not supported; write OVER (PARTITION BY ... ORDER BY ...)");
  take();
  auto over = std::make_unique<ParsedOver>();
  if (accept("PARTITION")) {
    TRY(expect("BY"));
    do {
      TRY_ASSIGN(auto key, parse_expression());
      over->partition_by.push_back(std::move(key));
    } while (accept_symbol(","));
  }
  if (accept("ORDER")) {
    TRY(expect("BY"));
    do {
      ParsedOver::Order order;
      TRY_ASSIGN(order.expression, parse_expression());
      if (accept("DESC")) {
        order.ascending = false;
      } else {
        accept("ASC");
      }
      over->order_by.push_back(std::move(order));
    } while (accept_symbol(","));
  }
  for (const std::string_view word : {"RANGE", "ROWS"}) {
    if (at(word)) return fail_at(peek().position, "OVER aggregates are not supported; use a HOP window with GROUP BY");
  }
  if (!accept_symbol(")")) return unexpected("PARTITION BY, ORDER BY or ')'", {"PARTITION", "ORDER", "ASC", "DESC"});
  call.over = std::move(over);
  return {};
}

Result<int64_t> Parser::parse_interval(std::string_view purpose) {
  const bool minus = accept_symbol("-");
  if (peek().kind != Token::Kind::string) {
    return fail_at(peek().position, "expected a number between single quotes, as in INTERVAL '5' SECOND, found {}",
                   describe(peek()));
  }
  const Token text = take();
  const auto take_unit = [&]() -> Result<int> {
    const Token unit = peek();
    const int index = unit.kind == Token::Kind::word ? unit_index(unit.capitals) : -1;
    if (index < 0) {
      for (const std::string_view word : {"MONTH", "YEAR", "MONTHS", "YEARS", "WEEK", "WEEKS", "QUARTER"}) {
        if (unit.capitals == word) {
          return fail_at(unit.position, "{} of {} is not supported; {} counts DAY, HOUR, MINUTE or SECOND",
                         "an interval", word, purpose);
        }
      }
      static const std::vector<std::string> known = {"DAY", "HOUR", "MINUTE", "SECOND"};
      if (unit.kind != Token::Kind::word)
        return fail_at(unit.position, "expected DAY, HOUR, MINUTE or SECOND, found {}", describe(unit));
      return fail_at(unit.position, "there is no unit '{}'{}", unit.text, suggestion(unit.text, known, "there are"));
    }
    take();
    if (accept_symbol("(")) {  // a precision has no effect on the value
      TRY_ASSIGN([[maybe_unused]] int digits, parse_count("a precision", 9));
      if (accept_symbol(",")) {
        TRY_ASSIGN(digits, parse_count("a precision", 9));
      }
      TRY(expect_symbol(")"));
    }
    return index;
  };
  TRY_ASSIGN(const int first, take_unit());
  int last = first;
  if (accept("TO")) {
    const Position position = peek().position;
    TRY_ASSIGN(last, take_unit());
    if (last <= first)
      return fail_at(position, "an interval goes from the larger unit to the smaller, as in DAY TO SECOND");
  }
  const auto interval_ms = interval_of(text.text, first, last);
  if (!interval_ms) {
    return fail_at(text.position, "'{}' is no interval of {}{}{}", text.text, units[static_cast<size_t>(first)].name,
                   first == last ? "" : " TO ",
                   first == last ? std::string_view() : units[static_cast<size_t>(last)].name);
  }
  return minus ? -*interval_ms : *interval_ms;
}

}  // namespace millrace::sql
