#pragma once
// What the steps of the planner do with bound expressions: make, compare, look into, rewrite, print. An
// expression is immutable and shared; a rewrite returns the same pointer where nothing changed. Pure functions.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sql/plan.h"

namespace millrace::sql {

ExpressionPtr make_column(int column, data::Type type);
ExpressionPtr make_literal(data::Value value, data::Type type);  // its type's nullability follows from the value
ExpressionPtr make_null(data::Type type);
ExpressionPtr make_boolean(bool value);
ExpressionPtr make_call(Function function, data::Type type, std::vector<ExpressionPtr> arguments);

bool is_literal(const ExpressionPtr& expression);
bool is_null_literal(const ExpressionPtr& expression);
bool is_true_literal(const ExpressionPtr& expression);  // a boolean literal TRUE
bool same(const ExpressionPtr& a, const ExpressionPtr& b);

void collect_columns(const ExpressionPtr& expression, std::set<int>& columns);
std::set<int> columns_of(const ExpressionPtr& expression);
size_t size_of(const ExpressionPtr& expression, size_t limit = 100'000);  // nodes of the tree, counted up to the limit
bool calls(const ExpressionPtr& expression, Function function);

// Replaces each column by what the function gives for it.
ExpressionPtr rewrite_columns(const ExpressionPtr& expression,
                              const std::function<ExpressionPtr(const Expression& column)>& replacement);
ExpressionPtr substitute(const ExpressionPtr& expression, const std::vector<ExpressionPtr>& projections);
ExpressionPtr remap(const ExpressionPtr& expression, const std::vector<int>& new_columns);

// AND of conditions, and back. An empty list is a null pointer.
std::vector<ExpressionPtr> conjuncts_of(const ExpressionPtr& condition);
ExpressionPtr conjunction_of(const std::vector<ExpressionPtr>& conditions);

// "price * 2", with the columns' names; a column beyond the schema is "$7".
std::string print(const ExpressionPtr& expression, const data::Schema& schema);
std::string print(const Aggregate& aggregate, const data::Schema& schema);
std::string print_duration(int64_t duration_ms);  // "10 s"

}  // namespace millrace::sql
