#include <algorithm>
#include <array>

#include "sql/names.h"
#include "sql/parser.h"

namespace millrace::sql {
namespace {

constexpr std::string_view statements_that_work =
    "a script has SET, CREATE TABLE, CREATE VIEW, INSERT INTO and EXECUTE STATEMENT SET";

// Statements of Flink that have no meaning in a script that is submitted as one job.
constexpr auto missing_statements = std::to_array<std::string_view>(
    {"ALTER", "ANALYZE", "CALL", "DELETE",   "DESC",   "DESCRIBE", "DROP", "HELP",   "LOAD",    "MERGE", "REMOVE",
     "ADD",   "RESET",   "SHOW", "TRUNCATE", "UNLOAD", "UPDATE",   "USE",  "VALUES", "COMPILE", "QUIT"});

}  // namespace

Result<std::vector<ParsedStatement>> Parser::parse_script() {
  std::vector<ParsedStatement> statements;
  while (peek().kind != Token::Kind::end) {
    if (accept_symbol(";")) continue;
    TRY(parse_statement(statements));
    if (peek().kind != Token::Kind::end && !at_symbol(";")) {
      return unexpected("';' after the statement",
                        {"FROM", "WHERE", "GROUP", "HAVING", "UNION", "JOIN", "LEFT", "WITH"});
    }
  }
  return statements;
}

Result<> Parser::parse_statement(std::vector<ParsedStatement>& statements) {
  const Token& first = peek();
  if (at("SET")) {
    TRY_ASSIGN(auto set, parse_set());
    statements.emplace_back(std::move(set));
    return {};
  }
  if (at("INSERT")) {
    TRY_ASSIGN(auto insert, parse_insert());
    statements.emplace_back(std::move(insert));
    return {};
  }
  if (at("EXECUTE") || (at("BEGIN") && at("STATEMENT", 1))) return parse_statement_set(statements);
  if (accept("CREATE")) {
    if (at("OR") && at("REPLACE", 1)) {
      return fail_at(peek().position, "CREATE OR REPLACE is not supported; write CREATE");
    }
    accept("TEMPORARY");
    if (at("SYSTEM") || at("FUNCTION")) {
      return fail_at(peek().position, "user-defined functions are not supported; docs/sql.md lists the built-in ones");
    }
    if (accept("TABLE")) {
      TRY_ASSIGN(auto table, parse_create_table());
      statements.emplace_back(std::move(table));
      return {};
    }
    if (accept("VIEW")) {
      TRY_ASSIGN(auto view, parse_create_view());
      statements.emplace_back(std::move(view));
      return {};
    }
    for (const std::string_view other : {"CATALOG", "DATABASE", "MODEL", "MATERIALIZED"}) {
      if (at(other)) return fail_at(peek().position, "CREATE {} is not supported; {}", other, statements_that_work);
    }
    return unexpected("TABLE or VIEW", {"TABLE", "VIEW", "TEMPORARY"});
  }
  if (at("SELECT") || at("WITH") || at_symbol("(")) {
    return fail_at(first.position, "a query by itself has nowhere to go; write INSERT INTO table SELECT ...");
  }
  if (at("EXPLAIN")) {
    return fail_at(first.position,
                   "EXPLAIN is not supported in a script; millrace sql --explain shows the plan of the script");
  }
  if (std::find(missing_statements.begin(), missing_statements.end(), first.capitals) != missing_statements.end()) {
    return fail_at(first.position, "{} is not supported; {}", first.capitals, statements_that_work);
  }
  static const std::vector<std::string> known = {"SET", "CREATE", "INSERT", "EXECUTE", "SELECT"};
  if (first.kind == Token::Kind::word) {
    if (const std::string near = nearest(first.text, known); !near.empty()) {
      return fail_at(first.position, "there is no statement '{}'; did you mean {}?", first.text, near);
    }
  }
  return fail_at(first.position, "expected a statement, found {}; {}", describe(first), statements_that_work);
}

Result<> Parser::parse_statement_set(std::vector<ParsedStatement>& statements) {
  if (accept("EXECUTE")) {
    if (at("INSERT")) return parse_statement(statements);
    TRY(expect("STATEMENT"));
    TRY(expect("SET"));
    TRY(expect("BEGIN"));
  } else {  // the older form: BEGIN STATEMENT SET;
    take();
    take();
    TRY(expect("SET"));
    TRY(expect_symbol(";"));
  }
  if (!at("INSERT")) return unexpected("INSERT INTO", {"INSERT"});
  while (at("INSERT")) {
    TRY_ASSIGN(auto insert, parse_insert());
    statements.emplace_back(std::move(insert));
    if (!accept_symbol(";")) {
      return unexpected("';' after the INSERT", {"FROM", "WHERE", "GROUP", "HAVING", "UNION", "JOIN", "LEFT"});
    }
  }
  if (!accept("END")) return unexpected("INSERT INTO or END", {"INSERT", "END"});
  return {};
}

Result<ParsedSet> Parser::parse_set() {
  take();
  if (peek().kind != Token::Kind::string) {
    return fail_at(peek().position, "expected a key between single quotes, as in SET 'pipeline.name' = 'shop'");
  }
  ParsedSet set;
  TRY_ASSIGN(set.key, parse_text("a key"));
  TRY(expect_symbol("="));
  TRY_ASSIGN(set.value, parse_text("a value"));
  return set;
}

Result<bool> Parser::parse_if_not_exists() {
  if (!accept("IF")) return false;
  TRY(expect("NOT"));
  TRY(expect("EXISTS"));
  return true;
}

Result<ParsedCreateTable> Parser::parse_create_table() {
  ParsedCreateTable table;
  TRY_ASSIGN(table.if_not_exists, parse_if_not_exists());
  TRY_ASSIGN(table.name, parse_name("the name of the table"));
  if (at_symbol(".")) {
    return fail_at(peek().position, "there are no catalogs or databases; a table has a name of one part");
  }
  TRY(expect_symbol("("));
  do {
    TRY(parse_table_element(table));
  } while (accept_symbol(","));
  if (!accept_symbol(")")) {
    return unexpected("',' or ')' after a column",
                      {"PRIMARY", "NOT", "NULL", "COMMENT", "WATERMARK", "METADATA", "CONSTRAINT"});
  }
  if (accept("COMMENT")) TRY(parse_text("a comment"));
  for (const std::string_view clause : {"PARTITIONED", "DISTRIBUTED"}) {
    if (at(clause)) {
      return fail_at(peek().position, "{} is not supported; PRIMARY KEY (...) NOT ENFORCED names the key of a table",
                     clause);
    }
  }
  if (!at("WITH")) return unexpected("WITH ('connector' = '...', ...)", {"WITH", "COMMENT"});
  take();
  TRY(parse_options(table));
  for (const std::string_view clause : {"LIKE", "AS"}) {
    if (at(clause)) return fail_at(peek().position, "CREATE TABLE ... {} is not supported; list the columns", clause);
  }
  return table;
}

Result<> Parser::parse_table_element(ParsedCreateTable& table) {
  if (at("WATERMARK")) return parse_watermark(table);
  if (at("CONSTRAINT") || (at("PRIMARY") && at("KEY", 1))) {
    if (accept("CONSTRAINT")) TRY(parse_name("the name of the constraint"));
    const Position position = peek().position;
    TRY(expect("PRIMARY"));
    TRY(expect("KEY"));
    if (!table.primary_key.empty()) return fail_at(position, "the table has a primary key already");
    TRY_ASSIGN(table.primary_key, parse_names("a column of the primary key"));
    if (!at("NOT") || !at("ENFORCED", 1)) {
      return fail_at(peek().position, "a primary key is written PRIMARY KEY (...) NOT ENFORCED");
    }
    take();
    take();
    return {};
  }
  for (const std::string_view word : {"UNIQUE", "PERIOD", "LIKE"}) {
    if (at(word)) return fail_at(peek().position, "{} is not supported in CREATE TABLE", word);
  }
  return parse_column(table);
}

Result<> Parser::parse_column(ParsedCreateTable& table) {
  ParsedColumn column;
  TRY_ASSIGN(column.name, parse_name("the name of a column"));
  if (accept("AS")) {
    TRY_ASSIGN(column.computed, parse_expression());
  } else {
    TRY_ASSIGN(column.type, parse_type());
    if (at("METADATA")) {
      return fail_at(peek().position,
                     "metadata columns are not supported; a column comes from the record or is computed "
                     "with AS");
    }
    for (;;) {
      if (at("NOT") && at("NULL", 1)) {
        take();
        take();
        column.type.nullable = false;
      } else if (at("PRIMARY")) {
        const Position position = peek().position;
        take();
        TRY(expect("KEY"));
        if (!at("NOT") || !at("ENFORCED", 1)) {
          return fail_at(peek().position, "a primary key is written PRIMARY KEY NOT ENFORCED");
        }
        take();
        take();
        if (!table.primary_key.empty()) return fail_at(position, "the table has a primary key already");
        table.primary_key.push_back(column.name);
      } else if (!accept("NULL")) {
        break;
      }
    }
  }
  if (accept("COMMENT")) TRY(parse_text("a comment"));
  table.columns.push_back(std::move(column));
  return {};
}

Result<> Parser::parse_watermark(ParsedCreateTable& table) {
  const Position position = take().position;
  if (table.watermark) return fail_at(position, "the table has a watermark already");
  ParsedCreateTable::Watermark watermark;
  TRY(expect("FOR"));
  TRY_ASSIGN(watermark.column, parse_name("the event time column"));
  TRY(expect("AS"));
  const Token source = peek();
  TRY_ASSIGN(Name column, parse_name("the event time column"));
  if (column.text != watermark.column.text) {
    return fail_at(source.position, "a watermark is written WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND",
                   watermark.column.text);
  }
  if (accept_symbol("-")) {
    if (!at("INTERVAL")) return unexpected("INTERVAL '5' SECOND", {"INTERVAL"});
    take();
    TRY_ASSIGN(watermark.delay_ms, parse_interval("the delay of a watermark"));
    if (watermark.delay_ms < 0) return fail_at(source.position, "the delay of a watermark cannot be negative");
  }
  if (!at_symbol(",") && !at_symbol(")")) {
    return fail_at(peek().position,
                   "expected ',' or ')', found {}; a watermark is written WATERMARK FOR {} AS {} - "
                   "INTERVAL '5' SECOND",
                   describe(peek()), column.text, column.text);
  }
  table.watermark = std::move(watermark);
  return {};
}

Result<> Parser::parse_options(ParsedCreateTable& table) {
  TRY(expect_symbol("("));
  do {
    ParsedOption option;
    TRY_ASSIGN(option.key, parse_text("an option"));
    TRY(expect_symbol("="));
    TRY_ASSIGN(option.value, parse_text("the option's value"));
    table.options.push_back(std::move(option));
  } while (accept_symbol(","));
  return expect_symbol(")");
}

Result<ParsedCreateView> Parser::parse_create_view() {
  ParsedCreateView view;
  TRY_ASSIGN(view.if_not_exists, parse_if_not_exists());
  TRY_ASSIGN(view.name, parse_name("the name of the view"));
  if (at_symbol("(")) {
    TRY_ASSIGN(view.columns, parse_names("the name of a column"));
  }
  if (accept("COMMENT")) TRY(parse_text("a comment"));
  TRY(expect("AS"));
  TRY_ASSIGN(view.query, parse_query());
  return view;
}

Result<ParsedInsert> Parser::parse_insert() {
  ParsedInsert insert;
  insert.position = take().position;
  if (at("OVERWRITE")) {
    return fail_at(peek().position, "INSERT OVERWRITE is not supported; INSERT INTO replaces the row of the same key");
  }
  TRY(expect("INTO"));
  TRY_ASSIGN(insert.table, parse_name("the name of a table"));
  if (at("PARTITION")) return fail_at(peek().position, "PARTITION (...) is not supported in INSERT INTO");
  if (at_symbol("(") && !at("SELECT", 1) && !at("WITH", 1) && !at_symbol("(", 1)) {
    TRY_ASSIGN(insert.columns, parse_names("the name of a column"));
  }
  TRY_ASSIGN(insert.query, parse_query());
  return insert;
}

}  // namespace millrace::sql
