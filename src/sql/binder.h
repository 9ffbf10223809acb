#pragma once
// Names and types: a parsed expression and the columns it may use in, a typed expression out. Every conversion
// is an explicit cast, constants are folded. Errors are located and say what exists. One thread at a time.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/expression.h"
#include "sql/syntax.h"
#include "sql/types.h"

namespace millrace::sql {

// What Flink calls a time attribute: a timestamp that watermarks follow, or PROCTIME(). It is lost when the
// value is computed with. https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/concepts/time_attributes/
enum class TimeAttribute : uint8_t { none, event_time, processing_time };

// Columns that the node does not have yet: those of a window before its GROUP BY, and a row number before its
// filter. They are numbered from virtual_column_base on.
enum class VirtualColumn : uint8_t { none, window_start, window_end, window_time, row_number };
inline constexpr int virtual_column_base = 1 << 20;
// In a SELECT with aggregates, an aggregate's result; numbered from here on until the aggregation is planned.
inline constexpr int aggregate_column_base = 1 << 24;

struct ScopeColumn {
  std::string qualifier;  // of the table or its alias; may be empty
  std::string name;
  data::Type type;
  TimeAttribute time = TimeAttribute::none;
  int column = 0;  // of the node's output, or virtual_column_base + VirtualColumn
};
using Scope = std::vector<ScopeColumn>;

struct Bound {
  ExpressionPtr expression;
  bool untyped_null = false;           // a NULL that takes the type of its neighbours
  std::optional<int64_t> interval_ms;  // an interval; expression is then null
  TimeAttribute time = TimeAttribute::none;
  Position position;
};

class Binder {
 public:
  // `clause` is named in errors. Aggregates are allowed if there is a list to collect them in.
  Binder(const Scope& scope, std::string_view clause, std::vector<Aggregate>* aggregates = nullptr)
      : scope_(scope), clause_(clause), aggregates_(aggregates) {}

  // A value: neither an interval nor an untyped NULL.
  Result<Bound> bind_value(const ParsedExpression& parsed);
  Result<ExpressionPtr> bind_condition(const ParsedExpression& parsed);

  // Where each column of the scope was first written outside of an aggregate.
  const std::map<int, Position>& uses() const { return uses_; }

 private:
  Result<Bound> bind(const ParsedExpression& parsed);
  Result<Bound> bind_column(const ParsedExpression& parsed);
  Result<Bound> bind_literal(const ParsedExpression& parsed);
  Result<Bound> bind_unary(const ParsedExpression& parsed);
  Result<Bound> bind_binary(const ParsedExpression& parsed);
  Result<Bound> bind_logical(const ParsedExpression& parsed, Function function);
  Result<Bound> bind_time_arithmetic(const ParsedExpression& parsed, Bound left, Bound right);
  Result<Bound> bind_case(const ParsedExpression& parsed);
  Result<Bound> bind_cast(const ParsedExpression& parsed);
  Result<Bound> bind_in(const ParsedExpression& parsed);
  Result<Bound> bind_between(const ParsedExpression& parsed);
  Result<Bound> bind_like(const ParsedExpression& parsed);
  Result<Bound> bind_null_test(const ParsedExpression& parsed);

  Result<ExpressionPtr> bind_operand(const ParsedExpression& parsed, std::string_view of);
  Result<ExpressionPtr> boolean_operand(const ParsedExpression& parsed, std::string_view of);
  Result<ExpressionPtr> compare(Function function, Bound left, Bound right, Position position);
  Result<> unify(std::vector<Bound>& values, Position position, std::string_view what);
  Bound finish(ExpressionPtr expression, Position position) const;

  // binder_function.cc
  Result<Bound> bind_call(const ParsedExpression& parsed);
  Result<Bound> bind_special(const ParsedExpression& parsed);
  Result<Bound> bind_numeric(const ParsedExpression& parsed);
  Result<Bound> bind_choice(const ParsedExpression& parsed);
  Result<Bound> bind_aggregate(const ParsedExpression& parsed);
  Result<Bound> bind_decayed(const ParsedExpression& parsed, Aggregate aggregate);
  Result<Bound> add_aggregate(Aggregate aggregate, Position position);
  Result<ExpressionPtr> bind_argument(const ParsedExpression& call, size_t index, data::TypeKind kind);
  Result<> check_arguments(const ParsedExpression& call, size_t min, size_t max) const;

  const Scope& scope_;
  std::string_view clause_;
  std::vector<Aggregate>* aggregates_;
  bool inside_aggregate_ = false;
  std::map<int, Position> uses_;
};

bool is_aggregate_name(std::string_view capitals);
bool has_aggregate(const ParsedExpression& parsed);

// Arithmetic and comparison of two numbers of any types, casts included.
ExpressionPtr make_arithmetic(Function function, ExpressionPtr left, ExpressionPtr right);

}  // namespace millrace::sql
