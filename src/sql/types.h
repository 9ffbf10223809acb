#pragma once
// Flink's rules for types: which type a mixed expression has, which conversions are made silently and which
// can be asked for. https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/types/ Pure functions.

#include <optional>

#include "sql/expression.h"

namespace millrace::sql {

inline constexpr int decimal_precision_max = 38;

data::Type boolean_type(bool nullable);
data::Type integer_type(bool nullable);
data::Type bigint_type(bool nullable);
data::Type real_type(bool nullable);
data::Type string_type(bool nullable);
data::Type timestamp_type(bool nullable);
data::Type decimal_type(int precision, int scale, bool nullable);
data::Type with_nullable(data::Type type, bool nullable);
bool same_kind(const data::Type& a, const data::Type& b);  // equal but for nullability

// An integer type as the decimal that holds it: INT is DECIMAL(10, 0), BIGINT is DECIMAL(19, 0).
data::Type as_decimal(const data::Type& type);

// The type that both convert to silently, for comparisons, CASE, UNION ALL and the like; nothing if there is none.
std::optional<data::Type> common_type(const data::Type& a, const data::Type& b);

// The result of arithmetic on two numbers. Decimals follow Flink: the scale gives way (to 6) when the
// precision would pass 38.
data::Type arithmetic_type(Function function, const data::Type& a, const data::Type& b);
data::Type round_type(const data::Type& decimal, int digits);
data::Type average_type(const data::Type& type);
data::Type sum_type(const data::Type& type);

bool can_cast(const data::Type& from, const data::Type& to);           // CAST may be written
bool converts_silently(const data::Type& from, const data::Type& to);  // INSERT INTO and arguments: no loss of range

// The expression as the type, by an explicit cast if needed (folded for a literal).
ExpressionPtr cast_to(const ExpressionPtr& expression, data::Type type, bool try_cast = false);

// Whether a cast may give NULL for a value that is not.
bool cast_may_fail(const data::Type& from, const data::Type& to);

}  // namespace millrace::sql
