#pragma once
// Constant folding: a call whose arguments are literals becomes a literal, and AND, OR, NOT and CASE with a
// known condition become shorter. What would be an error of a row (x / 0, an overflow, a text that is no
// number) is left for the rows to meet. Pure.

#include "sql/expression.h"

namespace millrace::sql {

// Of a call whose arguments were folded already; anything else is returned as it is.
ExpressionPtr fold(const ExpressionPtr& expression);

// Folds from the leaves up.
ExpressionPtr fold_all(const ExpressionPtr& expression);

}  // namespace millrace::sql
