#include <algorithm>
#include <numeric>

#include "sql/names.h"
#include "sql/parser.h"

namespace millrace::sql {

Result<ParsedQueryPtr> Parser::parse_query() {
  const Nesting nesting(nesting_);
  TRY(check_nesting());
  auto query = std::make_unique<ParsedQuery>();
  query->position = peek().position;
  if (accept("WITH")) {
    if (at("RECURSIVE")) return fail_at(peek().position, "WITH RECURSIVE is not supported");
    do {
      ParsedQuery::Common common;
      TRY_ASSIGN(common.name, parse_name("a name after WITH"));
      TRY(expect("AS"));
      TRY(expect_symbol("("));
      TRY_ASSIGN(common.query, parse_query());
      TRY(expect_symbol(")"));
      query->with.push_back(std::move(common));
    } while (accept_symbol(","));
  }
  for (;;) {
    TRY_ASSIGN(auto branch, parse_branch());
    query->branches.push_back(std::move(branch));
    if (at("UNION") && at("ALL", 1)) {
      take();
      take();
      continue;
    }
    break;
  }
  if (at("UNION")) {
    return fail_at(peek().position, "UNION would remove duplicates, which needs all rows ever seen; write UNION ALL");
  }
  for (const std::string_view word : {"INTERSECT", "EXCEPT", "MINUS"}) {
    if (at(word)) return fail_at(peek().position, "{} is not supported; UNION ALL is", word);
  }
  if (at("ORDER")) {
    return fail_at(peek().position,
                   "ORDER BY is not supported: a stream has no last row to sort up to; order the rows "
                   "when the table is read");
  }
  for (const std::string_view word : {"LIMIT", "FETCH", "OFFSET"}) {
    if (at(word)) return fail_at(peek().position, "{} is not supported: a stream has no end", word);
  }
  return query;
}

Result<ParsedQuery::Branch> Parser::parse_branch() {
  ParsedQuery::Branch branch;
  if (accept_symbol("(")) {
    TRY_ASSIGN(branch.nested, parse_query());
    TRY(expect_symbol(")"));
    return branch;
  }
  if (at("VALUES")) {
    return fail_at(peek().position,
                   "VALUES is not supported: a job reads streams; write rows with PutItem or PutRecord");
  }
  if (!at("SELECT")) return unexpected("SELECT", {"SELECT", "WITH"});
  TRY_ASSIGN(branch.select, parse_select());
  return branch;
}

Result<std::unique_ptr<ParsedSelect>> Parser::parse_select() {
  auto select = std::make_unique<ParsedSelect>();
  select->position = take().position;
  accept("ALL");
  if (at("DISTINCT")) {
    return fail_at(peek().position,
                   "SELECT DISTINCT is not supported; GROUP BY the columns, or keep the first row of each "
                   "key with ROW_NUMBER() OVER (PARTITION BY ... ORDER BY a PROCTIME() column) = 1");
  }
  do {
    TRY_ASSIGN(auto item, parse_select_item());
    select->items.push_back(std::move(item));
  } while (accept_symbol(","));
  if (!accept("FROM")) return unexpected("',' or FROM", {"FROM"});
  TRY_ASSIGN(select->from, parse_relation());
  for (;;) {
    TRY_ASSIGN(const bool more, parse_join(*select));
    if (!more) break;
  }
  TRY(refuse_after_from());
  if (accept("WHERE")) {
    TRY_ASSIGN(select->where, parse_expression());
  }
  if (accept("GROUP")) {
    TRY(expect("BY"));
    for (const std::string_view word : {"GROUPING", "ROLLUP", "CUBE"}) {
      if (at(word)) {
        return fail_at(peek().position, "{} is not supported; write one INSERT for each grouping", word);
      }
    }
    do {
      TRY_ASSIGN(auto key, parse_expression());
      select->group_by.push_back(std::move(key));
    } while (accept_symbol(","));
  }
  if (accept("HAVING")) {
    TRY_ASSIGN(select->having, parse_expression());
  }
  for (const std::string_view word : {"WINDOW", "QUALIFY"}) {
    if (at(word)) return fail_at(peek().position, "{} is not supported", word);
  }
  return select;
}

Result<ParsedSelectItem> Parser::parse_select_item() {
  ParsedSelectItem item;
  item.position = peek().position;
  if (accept_symbol("*")) return item;
  const bool name = peek().kind == Token::Kind::word || peek().kind == Token::Kind::quoted_name;
  if (name && at_symbol(".", 1) && at_symbol("*", 2)) {
    TRY_ASSIGN(item.star_qualifier, parse_name("the name of a table"));
    take();
    take();
    return item;
  }
  TRY_ASSIGN(item.expression, parse_expression());
  TRY_ASSIGN(item.alias, parse_alias({}));
  return item;
}

Result<ParsedRelation> Parser::parse_relation() {
  const Nesting nesting(nesting_);
  TRY(check_nesting());
  ParsedRelation relation;
  relation.position = peek().position;
  if (accept_symbol("(")) {
    relation.kind = ParsedRelation::Kind::query;
    TRY_ASSIGN(relation.query, parse_query());
    TRY(expect_symbol(")"));
  } else if (at("TABLE") && at_symbol("(", 1)) {
    TRY_ASSIGN(relation, parse_window());
  } else {
    for (const std::string_view word : {"LATERAL", "UNNEST"}) {
      if (at(word)) return fail_at(peek().position, "{} is not supported: columns hold no arrays", word);
    }
    for (const std::string_view word : {"TUMBLE", "HOP"}) {
      if (at(word) && at_symbol("(", 1)) {
        return fail_at(peek().position, "a window is written TABLE({}(TABLE t, DESCRIPTOR(time), ...))", word);
      }
    }
    TRY_ASSIGN(relation.name, parse_name("the name of a table or a view"));
    if (at_symbol(".")) {
      return fail_at(peek().position, "there are no catalogs or databases; a table has a name of one part");
    }
    if (at_symbol("("))
      return fail_at(relation.position, "there is no table function '{}'; TABLE(TUMBLE(...)) and TABLE(HOP(...)) exist",
                     relation.name.text);
    if (at("FOR") && at("SYSTEM_TIME", 1)) {
      return fail_at(peek().position, "FOR SYSTEM_TIME AS OF belongs to the table on the right of a JOIN");
    }
  }
  TRY_ASSIGN(relation.alias, parse_alias({"JOIN", "LEFT", "ON", "FOR"}));
  if (relation.alias && at_symbol("(")) {
    return fail_at(peek().position,
                   "a list of columns after an alias is not supported; name the columns with AS in SELECT");
  }
  return relation;
}

Result<ParsedRelation> Parser::parse_window() {
  ParsedRelation relation;
  relation.kind = ParsedRelation::Kind::window;
  relation.position = take().position;
  take();  // (
  const Token function = take();
  for (const std::string_view word : {"SESSION", "CUMULATE"}) {
    if (function.capitals == word) {
      return fail_at(function.position, "{} windows are not supported; TUMBLE and HOP are", word);
    }
  }
  if (function.capitals != "TUMBLE" && function.capitals != "HOP") {
    static const std::vector<std::string> known = {"TUMBLE", "HOP"};
    return fail_at(function.position, "there is no table function '{}'{}", function.text,
                   suggestion(function.text, known, "there are"));
  }
  auto window = std::make_unique<ParsedRelation::Window>();
  window->function = function.capitals;
  const bool hop = window->function == "HOP";
  TRY(expect_symbol("("));
  std::vector<std::string> seen;
  size_t index = 0;
  do {
    TRY(parse_window_argument(*window, index++, seen));
  } while (accept_symbol(","));
  TRY(expect_symbol(")"));
  TRY(expect_symbol(")"));
  const std::string_view shape =
      hop ? "HOP(TABLE t, DESCRIPTOR(time), slide INTERVAL, size INTERVAL[, offset INTERVAL])"
          : "TUMBLE(TABLE t, DESCRIPTOR(time), size INTERVAL[, offset INTERVAL])";
  if (!window->input || window->time_column.text.empty() || window->size_ms == 0 || (hop && window->slide_ms == 0)) {
    return fail_at(function.position, "an argument is missing; a window is written {}", shape);
  }
  if (!hop) window->slide_ms = window->size_ms;
  if (window->size_ms % window->slide_ms != 0) {
    return fail_at(function.position,
                   "the size of a HOP window must be a multiple of its slide; HOP takes the slide "
                   "first, then the size");
  }
  constexpr int64_t slides_max = 10'000;
  if (window->size_ms / window->slide_ms > slides_max) {
    return fail_at(function.position, "a HOP window has at most {} slides", slides_max);
  }
  relation.window = std::move(window);
  return relation;
}

Result<> Parser::parse_window_argument(ParsedRelation::Window& window, size_t index, std::vector<std::string>& seen) {
  const std::vector<std::string> order = window.function == "HOP"
                                             ? std::vector<std::string>{"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"}
                                             : std::vector<std::string>{"DATA", "TIMECOL", "SIZE", "OFFSET"};
  const Position position = peek().position;
  std::string name;
  if (at_symbol("=>", 1)) {
    const Token word = take();
    take();
    name = capitals_of(word.text);
    if (std::find(order.begin(), order.end(), name) == order.end()) {
      return fail_at(word.position, "{} has no argument '{}'{}", window.function, word.text,
                     suggestion(word.text, order, "it has"));
    }
  } else if (index < order.size()) {
    name = order[index];
  } else {
    return fail_at(position, "{} takes at most {} arguments: {}", window.function, order.size(), join(order));
  }
  if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
    return fail_at(position, "the argument {} is given twice", name);
  }
  seen.push_back(name);

  if (name == "DATA") {
    auto input = std::make_unique<ParsedRelation>();
    input->position = peek().position;
    if (accept_symbol("(")) {
      input->kind = ParsedRelation::Kind::query;
      TRY_ASSIGN(input->query, parse_query());
      TRY(expect_symbol(")"));
    } else {
      if (!at("TABLE")) return unexpected("TABLE and a name", {"TABLE"});
      take();
      TRY_ASSIGN(input->name, parse_name("the name of a table or a view"));
    }
    window.input = std::move(input);
    return {};
  }
  if (name == "TIMECOL") {
    if (!at("DESCRIPTOR")) return unexpected("DESCRIPTOR(time column)", {"DESCRIPTOR"});
    take();
    TRY(expect_symbol("("));
    TRY_ASSIGN(window.time_column, parse_name("the event time column"));
    return expect_symbol(")");
  }
  if (!at("INTERVAL")) return unexpected("INTERVAL '10' SECOND", {"INTERVAL"});
  take();
  TRY_ASSIGN(const int64_t interval_ms, parse_interval("an argument of a window"));
  if (name != "OFFSET" && interval_ms <= 0) return fail_at(position, "the {} of a window must be greater than 0", name);
  if (name == "SIZE") window.size_ms = interval_ms;
  if (name == "SLIDE") window.slide_ms = interval_ms;
  if (name == "OFFSET") window.offset_ms = interval_ms;
  return {};
}

Result<bool> Parser::parse_join(ParsedSelect& select) {
  constexpr std::string_view what_works =
      "a stream is joined with a table by [LEFT] JOIN t FOR SYSTEM_TIME AS OF time ON t.key = ..., where time is a "
      "PROCTIME() column";
  ParsedJoin join;
  join.position = peek().position;
  for (const std::string_view word : {"RIGHT", "FULL", "CROSS", "NATURAL"}) {
    if (at(word)) return fail_at(join.position, "{} JOIN is not supported; {}", word, what_works);
  }
  if (at("MATCH_RECOGNIZE")) return fail_at(join.position, "MATCH_RECOGNIZE is not supported");
  if (at_symbol(",")) return fail_at(join.position, "a list of tables in FROM is not supported; {}", what_works);
  if (accept("LEFT")) {
    join.left = true;
    accept("OUTER");
    for (const std::string_view word : {"SEMI", "ANTI"}) {
      if (at(word)) return fail_at(join.position, "{} JOIN is not supported; {}", word, what_works);
    }
    TRY(expect("JOIN"));
  } else if (at("INNER")) {
    take();
    TRY(expect("JOIN"));
  } else if (!accept("JOIN")) {
    return false;
  }
  const Position table_position = peek().position;
  if (at_symbol("(") || at("TABLE") || at("LATERAL") || at("UNNEST")) {
    return fail_at(table_position, "only a table can be joined: {}", what_works);
  }
  TRY_ASSIGN(join.table, parse_name("the name of a table"));
  if (!at("FOR")) {
    // Without FOR SYSTEM_TIME this would be a regular, interval or window join.
    std::vector<std::string> near = {"FOR"};
    if (peek().kind == Token::Kind::word && !at("AS") && !at("ON") && !nearest(peek().text, near).empty()) {
      return unexpected("FOR SYSTEM_TIME AS OF", {"FOR"});
    }
    return fail_at(join.position, "a join of two streams is not supported; {}", what_works);
  }
  take();
  TRY(expect("SYSTEM_TIME"));
  TRY(expect("AS"));
  TRY(expect("OF"));
  TRY_ASSIGN(join.as_of, parse_sum());
  TRY_ASSIGN(join.alias, parse_alias({"ON", "JOIN", "LEFT"}));
  if (at("USING")) return fail_at(peek().position, "USING is not supported; write ON t.key = s.key");
  TRY(expect("ON"));
  TRY_ASSIGN(join.on, parse_expression());
  select.joins.push_back(std::move(join));
  return true;
}

Result<> Parser::refuse_after_from() const {
  for (const std::string_view word : {"TABLESAMPLE", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE"}) {
    if (at(word)) return fail_at(peek().position, "{} is not supported", word);
  }
  return {};
}

}  // namespace millrace::sql
