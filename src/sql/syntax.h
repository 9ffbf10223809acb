#pragma once
// The syntax tree of a script: what was written, with the line and column of every part, before any name is
// looked up. Made by the parser, read by the planner. Pure data.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "data/type.h"

namespace millrace::sql {

struct Position {
  int line = 1;
  int column = 1;  // in characters, from 1
};

// The error of a script: "line L, column C: message".
template <class... Args>
std::unexpected<Error> fail_at(Position position, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      Error{ErrorKind::invalid_argument, fmt::format("line {}, column {}: {}", position.line, position.column,
                                                     fmt::format(text, std::forward<Args>(args)...))});
}

struct Name {
  std::string text;
  Position position;
};

struct ParsedExpression;
using ParsedExpressionPtr = std::unique_ptr<ParsedExpression>;

struct ParsedOver {
  std::vector<ParsedExpressionPtr> partition_by;
  struct Order {
    ParsedExpressionPtr expression;
    bool ascending = true;
  };
  std::vector<Order> order_by;
};

struct ParsedExpression {
  enum class Kind : uint8_t {
    null_literal,
    boolean_literal,    // text: TRUE or FALSE
    integer_literal,    // text: the digits
    decimal_literal,    // text: digits with a point
    real_literal,       // text: with an exponent
    string_literal,     // text
    timestamp_literal,  // text: what stands between the quotes
    interval_literal,   // interval_ms
    column,             // path: [table,] column
    star,               // only as the argument of COUNT
    call,               // text: the function's name in capitals; filter, distinct, over
    unary,              // text: "-", "+" or "NOT"
    binary,             // text: the operator
    case_when,          // arguments: condition, value, ..., [else]; has_operand: operand first
    cast,               // type; text: CAST or TRY_CAST
    in_list,            // arguments: x, items; negated
    between,            // arguments: x, low, high; negated
    like,               // arguments: x, pattern[, escape]; negated
    is_null,            // arguments: x; negated
    is_truth,           // x IS [NOT] TRUE, FALSE or UNKNOWN: text; negated
  };
  Kind kind = Kind::null_literal;
  Position position;
  int depth = 1;  // of the tree below, so that no later step recurses without bound
  std::string text;
  std::vector<Name> path;
  std::vector<ParsedExpressionPtr> arguments;
  bool negated = false;
  bool distinct = false;
  bool has_operand = false;
  bool has_else = false;
  int64_t interval_ms = 0;
  data::Type type;
  ParsedExpressionPtr filter;
  std::unique_ptr<ParsedOver> over;
};

struct ParsedQuery;
using ParsedQueryPtr = std::unique_ptr<ParsedQuery>;

// FROM: a table or view, a subquery, or a window over one of them.
struct ParsedRelation {
  enum class Kind : uint8_t { table, query, window };
  Kind kind = Kind::table;
  Position position;
  Name name;             // of the table or view
  ParsedQueryPtr query;  // of the subquery
  std::optional<Name> alias;
  struct Window {
    std::string function;                   // TUMBLE or HOP
    std::unique_ptr<ParsedRelation> input;  // a table or a query
    Name time_column;
    int64_t size_ms = 0;
    int64_t slide_ms = 0;
    int64_t offset_ms = 0;
  };
  std::unique_ptr<Window> window;
};

// [LEFT] JOIN table FOR SYSTEM_TIME AS OF time AS alias ON condition.
struct ParsedJoin {
  Position position;
  bool left = false;
  Name table;
  std::optional<Name> alias;
  ParsedExpressionPtr as_of;
  ParsedExpressionPtr on;
};

struct ParsedSelectItem {
  Position position;
  ParsedExpressionPtr expression;      // null: * or qualifier.*
  std::optional<Name> star_qualifier;  // of qualifier.*
  std::optional<Name> alias;
};

struct ParsedSelect {
  Position position;
  std::vector<ParsedSelectItem> items;
  ParsedRelation from;
  std::vector<ParsedJoin> joins;
  ParsedExpressionPtr where;
  std::vector<ParsedExpressionPtr> group_by;
  ParsedExpressionPtr having;
};

// [WITH ...] branch UNION ALL branch ...
struct ParsedQuery {
  struct Common {
    Name name;
    ParsedQueryPtr query;
  };
  struct Branch {  // one of the two
    std::unique_ptr<ParsedSelect> select;
    ParsedQueryPtr nested;
  };
  Position position;
  std::vector<Common> with;
  std::vector<Branch> branches;
};

struct ParsedSet {
  Name key;
  Name value;
};

struct ParsedColumn {
  Name name;
  data::Type type;
  ParsedExpressionPtr computed;  // or null: a physical column
};

struct ParsedOption {
  Name key;
  Name value;
};

struct ParsedCreateTable {
  Name name;
  bool if_not_exists = false;
  std::vector<ParsedColumn> columns;
  std::vector<Name> primary_key;
  struct Watermark {
    Name column;
    int64_t delay_ms = 0;
  };
  std::optional<Watermark> watermark;
  std::vector<ParsedOption> options;
};

struct ParsedCreateView {
  Name name;
  bool if_not_exists = false;
  std::vector<Name> columns;
  ParsedQueryPtr query;
};

struct ParsedInsert {
  Position position;
  Name table;
  std::vector<Name> columns;  // empty: all
  ParsedQueryPtr query;
};

using ParsedStatement = std::variant<ParsedSet, ParsedCreateTable, ParsedCreateView, ParsedInsert>;

}  // namespace millrace::sql
