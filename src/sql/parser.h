#pragma once
// Tokens to a syntax tree, by recursive descent. Names are not looked up. The first error ends it; its message
// is located and says what would work, or which feature of Flink is missing. Nesting is bounded, so no input
// overflows the stack. One use per object, any thread.

#include <initializer_list>
#include <vector>

#include "sql/lexer.h"
#include "sql/syntax.h"

namespace millrace::sql {

Result<std::vector<ParsedStatement>> parse(std::string_view script);

inline constexpr int nesting_levels_max = 64;      // parentheses and subqueries
inline constexpr int expression_levels_max = 500;  // of an expression's tree

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Result<std::vector<ParsedStatement>> parse_script();

 private:
  // parser.cc: tokens, names, types.
  const Token& peek(size_t ahead = 0) const;
  const Token& take();
  bool at(std::string_view capitals, size_t ahead = 0) const;  // an unquoted word
  bool at_symbol(std::string_view symbol, size_t ahead = 0) const;
  bool accept(std::string_view capitals);
  bool accept_symbol(std::string_view symbol);
  Result<> expect(std::string_view capitals);
  Result<> expect_symbol(std::string_view symbol);
  std::unexpected<Error> unexpected(std::string_view wanted, std::initializer_list<std::string_view> words = {}) const;
  Result<Name> parse_name(std::string_view what);
  Result<std::vector<Name>> parse_names(std::string_view what);  // (a, b, ...)
  Result<Name> parse_text(std::string_view what);                // a text literal
  Result<int> parse_count(std::string_view what, int max);
  Result<std::optional<Name>> parse_alias(std::initializer_list<std::string_view> following);
  Result<data::Type> parse_type();
  Result<data::Type> parse_timestamp_type(Position position, bool local_time_zone);

  // parser_statement.cc
  Result<> parse_statement(std::vector<ParsedStatement>& statements);
  Result<> parse_statement_set(std::vector<ParsedStatement>& statements);
  Result<ParsedSet> parse_set();
  Result<ParsedCreateTable> parse_create_table();
  Result<> parse_table_element(ParsedCreateTable& table);
  Result<> parse_column(ParsedCreateTable& table);
  Result<> parse_watermark(ParsedCreateTable& table);
  Result<> parse_options(ParsedCreateTable& table);
  Result<bool> parse_if_not_exists();
  Result<ParsedCreateView> parse_create_view();
  Result<ParsedInsert> parse_insert();

  // parser_query.cc
  Result<ParsedQueryPtr> parse_query();
  Result<ParsedQuery::Branch> parse_branch();
  Result<std::unique_ptr<ParsedSelect>> parse_select();
  Result<ParsedSelectItem> parse_select_item();
  Result<ParsedRelation> parse_relation();
  Result<ParsedRelation> parse_window();
  Result<> parse_window_argument(ParsedRelation::Window& window, size_t index, std::vector<std::string>& seen);
  Result<bool> parse_join(ParsedSelect& select);
  Result<> refuse_after_from() const;

  // parser_expression.cc
  Result<ParsedExpressionPtr> parse_expression() { return parse_or(); }
  Result<ParsedExpressionPtr> parse_or();
  Result<ParsedExpressionPtr> parse_and();
  Result<ParsedExpressionPtr> parse_not();
  Result<ParsedExpressionPtr> parse_predicate();
  Result<ParsedExpressionPtr> parse_negatable(ParsedExpressionPtr left);
  Result<ParsedExpressionPtr> parse_is(ParsedExpressionPtr left);
  Result<ParsedExpressionPtr> parse_sum();
  Result<ParsedExpressionPtr> parse_product();
  Result<ParsedExpressionPtr> parse_unary();
  Result<ParsedExpressionPtr> parse_primary();
  Result<ParsedExpressionPtr> parse_word();
  Result<ParsedExpressionPtr> parse_column();
  Result<ParsedExpressionPtr> parse_case();
  Result<ParsedExpressionPtr> parse_cast();
  Result<ParsedExpressionPtr> parse_extract();
  Result<> refuse_special_call(const std::string& function, Position position) const;
  Result<ParsedExpressionPtr> parse_call();
  Result<> parse_over(ParsedExpression& call);
  Result<int64_t> parse_interval(std::string_view purpose);                  // after INTERVAL
  Result<ParsedExpressionPtr> finish(ParsedExpressionPtr expression) const;  // sets and checks the depth
  Result<ParsedExpressionPtr> binary(std::string_view op, Position position, ParsedExpressionPtr left,
                                     ParsedExpressionPtr right) const;
  ParsedExpressionPtr make(ParsedExpression::Kind kind, Position position) const;

  struct Nesting {
    explicit Nesting(int& levels) : levels(levels) { ++levels; }
    ~Nesting() { --levels; }
    int& levels;
  };
  Result<> check_nesting() const;

  std::vector<Token> tokens_;
  size_t next_ = 0;
  int nesting_ = 0;
};

}  // namespace millrace::sql
