// Types as Flink derives them, and the casts that make them so. Each case binds one expression over the columns
// i INT, n BIGINT, d DECIMAL(10, 2), r DOUBLE, s STRING, b BOOLEAN, t TIMESTAMP, all nullable.

#include "sql/binder.h"

#include <gtest/gtest.h>

#include "sql/fold.h"
#include "sql/parser.h"

namespace millrace::sql {
namespace {

using data::Type;
using data::TypeKind;

const std::vector<data::Field> columns = {
    {"i", integer_type(true)}, {"n", bigint_type(true)},  {"d", decimal_type(10, 2, true)}, {"r", real_type(true)},
    {"s", string_type(true)},  {"b", boolean_type(true)}, {"t", timestamp_type(true)}};

Result<Bound> bind(const std::string& expression, std::vector<Aggregate>* aggregates = nullptr) {
  TRY_ASSIGN(const auto statements, parse("INSERT INTO o SELECT " + expression + " FROM t"));
  Scope scope;
  for (size_t i = 0; i < columns.size(); ++i) {
    scope.push_back({"t", columns[i].name, columns[i].type, TimeAttribute::none, static_cast<int>(i)});
  }
  Binder binder(scope, "SELECT", aggregates);
  return binder.bind_value(*std::get<ParsedInsert>(statements[0]).query->branches[0].select->items[0].expression);
}

// "expression : type", or the error without its place.
std::string bound(const std::string& expression) {
  const auto result = bind(expression);
  if (!result) {
    const std::string& message = result.error().message;
    return message.substr(message.find(": ") + 2);
  }
  return print(result->expression, columns) + " : " + to_string(with_nullable(result->expression->type, true));
}

std::string type_of(const std::string& expression) {
  const std::string text = bound(expression);
  const size_t colon = text.rfind(" : ");
  return colon == std::string::npos ? text : text.substr(colon + 3);
}

std::string aggregate_type(const std::string& expression) {
  std::vector<Aggregate> aggregates;
  const auto result = bind(expression, &aggregates);
  if (!result) return result.error().message;
  EXPECT_EQ(aggregates.size(), 1u);
  return to_string(aggregates[0].type);
}

TEST(Types, ArithmeticIsFlinks) {
  EXPECT_EQ(type_of("i + i"), "INT");
  EXPECT_EQ(type_of("i + n"), "BIGINT");
  EXPECT_EQ(type_of("n / i"), "BIGINT") << "integers divide to an integer";
  EXPECT_EQ(type_of("n + r"), "DOUBLE");
  EXPECT_EQ(type_of("d * r"), "DOUBLE");
  EXPECT_EQ(type_of("d + d"), "DECIMAL(11, 2)");
  EXPECT_EQ(type_of("d * d"), "DECIMAL(21, 4)");
  EXPECT_EQ(type_of("d / d"), "DECIMAL(23, 13)");
  EXPECT_EQ(type_of("0.908 * n"), "DECIMAL(23, 3)") << "a decimal literal never makes a DOUBLE";
  EXPECT_EQ(type_of("i + 1.5"), "DECIMAL(12, 1)");
  EXPECT_EQ(type_of("CAST(s AS DECIMAL(38, 10)) * CAST(s AS DECIMAL(38, 10))"), "DECIMAL(38, 6)")
      << "the scale gives way";
  EXPECT_EQ(type_of("MOD(n, i)"), "INT") << "a remainder has the divisor's type";
  EXPECT_EQ(type_of("n % 10"), "INT");
  EXPECT_EQ(type_of("-d"), "DECIMAL(10, 2)");
}

TEST(Types, LiteralsAreAsSmallAsTheyCanBe) {
  EXPECT_EQ(type_of("2147483647"), "INT");
  EXPECT_EQ(type_of("2147483648"), "BIGINT");
  EXPECT_EQ(type_of("-9223372036854775808"), "BIGINT");
  EXPECT_EQ(type_of("9223372036854775808"), "DECIMAL(19, 0)");
  EXPECT_EQ(type_of("12.50"), "DECIMAL(4, 2)");
  EXPECT_EQ(type_of("0.05"), "DECIMAL(2, 2)");
  EXPECT_EQ(type_of("1e3"), "DOUBLE");
  EXPECT_EQ(type_of("'x'"), "STRING");
  EXPECT_EQ(type_of("TIMESTAMP '2019-10-01 00:00:00'"), "TIMESTAMP(3)");
  EXPECT_EQ(bound("TIMESTAMP '2019-13-01 00:00:00'"),
            "'2019-13-01 00:00:00' is no timestamp; write '2024-01-31 12:00:00.000'");
  EXPECT_EQ(bound("123456789012345678901234567890123456789"), "a number has at most 38 digits");
}

TEST(Types, CastsAreExplicit) {
  EXPECT_EQ(bound("i = n"), "CAST(i AS BIGINT) = n : BOOLEAN");
  EXPECT_EQ(bound("n + d"), "CAST(n AS DECIMAL(19, 0)) + d : DECIMAL(22, 2)");
  EXPECT_EQ(bound("i % 2.55"), "CAST(i AS DECIMAL(10, 0)) % 2.55 : DECIMAL(3, 2)");
  EXPECT_EQ(bound("n * d"), "CAST(n AS DECIMAL(19, 0)) * d : DECIMAL(30, 2)");
  EXPECT_EQ(bound("CASE WHEN b THEN i ELSE n END"), "CASE WHEN b THEN CAST(i AS BIGINT) ELSE n END : BIGINT");
  EXPECT_EQ(bound("COALESCE(i, r)"), "COALESCE(CAST(i AS DOUBLE), r) : DOUBLE");
  EXPECT_EQ(bound("NULLIF(i, NULL)"), "NULLIF(i, NULL) : INT");
}

TEST(Types, ALiteralTakesTheTypeOfItsColumn) {
  EXPECT_EQ(bound("n > 5"), "n > 5 : BOOLEAN");
  EXPECT_EQ(bound("d > 5"), "d > 5.00 : BOOLEAN");
  EXPECT_EQ(bound("5 < d"), "5.00 < d : BOOLEAN");
  EXPECT_EQ(bound("d IN (1, 2.5)"), "d IN (1.00, 2.50) : BOOLEAN");
  EXPECT_EQ(bound("d = 1.005"), "CAST(d AS DECIMAL(11, 3)) = 1.005 : BOOLEAN") << "a finer literal is not cut";
  EXPECT_EQ(bound("i = 3000000000"), "CAST(i AS BIGINT) = 3000000000 : BOOLEAN");
  EXPECT_EQ(bound("t > '2019-10-01 00:00:00'"), "t > TIMESTAMP '2019-10-01 00:00:00' : BOOLEAN");
}

TEST(Types, MixturesThatFlinkRefusesAreRefused) {
  EXPECT_EQ(bound("s = i"), "a comparison needs values of one type, and these are STRING and INT; CAST one of them");
  EXPECT_EQ(bound("CASE WHEN b THEN s ELSE i END"),
            "CASE needs values of one type, and these are STRING and INT; CAST one of them");
  EXPECT_EQ(bound("s || i"), "|| joins texts, and this is INT; write CAST(... AS STRING)");
  EXPECT_EQ(bound("LOWER(i)"), "argument 1 of LOWER must be STRING, and this is INT");
  EXPECT_EQ(bound("CAST(t AS BIGINT)"), "TIMESTAMP(3) cannot be cast to BIGINT; UNIX_TIMESTAMP(time) gives seconds");
  EXPECT_EQ(bound("t - t"),
            "with times there are only timestamp + interval and timestamp - interval; UNIX_TIMESTAMP(time) gives "
            "seconds to compute with");
  EXPECT_EQ(bound("b AND i"), "AND needs a condition, and this is INT");
  EXPECT_EQ(bound("CAST('x' AS INT)"), "'x' is no INT");
}

TEST(Types, FunctionsHaveFlinksResults) {
  EXPECT_EQ(type_of("CHAR_LENGTH(s)"), "INT");
  EXPECT_EQ(type_of("HOUR(t)"), "BIGINT");
  EXPECT_EQ(type_of("EXTRACT(MINUTE FROM t)"), "BIGINT");
  EXPECT_EQ(type_of("UNIX_TIMESTAMP(t)"), "BIGINT");
  EXPECT_EQ(type_of("FLOOR(d)"), "DECIMAL(10, 0)");
  EXPECT_EQ(type_of("ROUND(d, 1)"), "DECIMAL(10, 1)");
  EXPECT_EQ(type_of("ROUND(d, 3)"), "DECIMAL(10, 2)");
  EXPECT_EQ(type_of("ROUND(r)"), "DOUBLE");
  EXPECT_EQ(type_of("ABS(i)"), "INT");
  EXPECT_EQ(bound("CEIL(n)"), "n : BIGINT");
  EXPECT_EQ(bound("TO_TIMESTAMP_LTZ(n, 3)"), "TO_TIMESTAMP_LTZ(n, 3) : TIMESTAMP(3)");
  EXPECT_EQ(bound("TIMESTAMPADD(MINUTE, i, t)"), "TIMESTAMP_ADD_MS(t, CAST(i AS BIGINT) * 60000) : TIMESTAMP(3)");
  EXPECT_EQ(bound("t - INTERVAL '1' MINUTE"), "TIMESTAMP_ADD_MS(t, -60000) : TIMESTAMP(3)");
  EXPECT_EQ(bound("SUBSTRING(s, n)"), "SUBSTRING(s, CAST(n AS INT)) : STRING");
  EXPECT_EQ(bound("TO_TIMESTAMP_LTZ(n, 6)"), "the precision of TO_TIMESTAMP_LTZ is 0 (seconds) or 3 (milliseconds)");
  EXPECT_EQ(bound("IF(b, 1, 2)"), "CASE WHEN b THEN 1 ELSE 2 END : INT");
  EXPECT_EQ(bound("CASE i WHEN 1 THEN 'a' END"), "CASE WHEN i = 1 THEN 'a' END : STRING");
  EXPECT_EQ(bound("SUBSTRING(s)"), "SUBSTRING takes 2 to 3 arguments, not 1");
}

TEST(Types, AggregatesAreFlinks) {
  EXPECT_EQ(aggregate_type("COUNT(*)"), "BIGINT NOT NULL");
  EXPECT_EQ(aggregate_type("SUM(i)"), "INT");
  EXPECT_EQ(aggregate_type("SUM(d)"), "DECIMAL(38, 2)");
  EXPECT_EQ(aggregate_type("AVG(i)"), "INT") << "cut, as Flink does";
  EXPECT_EQ(aggregate_type("AVG(d)"), "DECIMAL(38, 6)");
  EXPECT_EQ(aggregate_type("AVG(r)"), "DOUBLE");
  EXPECT_EQ(aggregate_type("MIN(s)"), "STRING");
  EXPECT_EQ(aggregate_type("DECAYED_COUNT(t, INTERVAL '5' SECOND)"), "DOUBLE NOT NULL");
  EXPECT_EQ(aggregate_type("DECAYED_SUM(i, t, INTERVAL '5' SECOND)"), "DOUBLE NOT NULL");
}

TEST(Types, WhatMayFailIsNullable) {
  const auto nullable = [](const std::string& expression) {
    const auto result = bind(expression);
    EXPECT_TRUE(result.has_value()) << expression;
    return result && result->expression->type.nullable;
  };
  EXPECT_FALSE(nullable("1 + 1"));
  EXPECT_FALSE(nullable("i IS NULL"));
  EXPECT_FALSE(nullable("COALESCE(i, 0)"));
  EXPECT_TRUE(nullable("CASE WHEN i IS NULL THEN 1 END"));
  EXPECT_FALSE(nullable("CASE WHEN i IS NULL THEN 1 ELSE 2 END"));
  EXPECT_TRUE(nullable("CHAR_LENGTH('x') / 0"));
  EXPECT_FALSE(nullable("CHAR_LENGTH('x') / 2"));
  EXPECT_TRUE(nullable("TO_TIMESTAMP('2019-10-01 00:00:00')"));
  EXPECT_FALSE(nullable("PROCTIME()"));
}

TEST(Fold, KnownValuesAreComputed) {
  EXPECT_EQ(bound("2 * 3 + 1"), "7 : INT");
  EXPECT_EQ(bound("1.5 + 2.25"), "3.75 : DECIMAL(4, 2)");
  EXPECT_EQ(bound("1.5 * 1.5"), "2.25 : DECIMAL(5, 2)");
  EXPECT_EQ(bound("-7 / 2"), "-3 : INT");
  EXPECT_EQ(bound("'a' || 'b'"), "'ab' : STRING");
  EXPECT_EQ(bound("CAST('12.345' AS DECIMAL(10, 2))"), "12.35 : DECIMAL(10, 2)");
  EXPECT_EQ(bound("1.5 + 1"), "2.5 : DECIMAL(12, 1)");
  EXPECT_EQ(bound("1.5 - 2.25"), "-0.75 : DECIMAL(4, 2)");
  // Rounded once; both operands alone would be 0 with 37 digits after the point.
  EXPECT_EQ(bound("CAST('4e-38' AS DECIMAL(38, 38)) + CAST('4e-38' AS DECIMAL(38, 38))"),
            "0." + std::string(36, '0') + "1 : DECIMAL(38, 37)");
  EXPECT_EQ(bound("CAST(' 12 ' AS INT)"), "12 : INT");
  EXPECT_EQ(bound("CAST('-12.99' AS BIGINT)"), "-12 : BIGINT");
  EXPECT_EQ(bound("CAST(' 1.5d' AS DOUBLE)"), "1.5 : DOUBLE");
  EXPECT_EQ(bound("CAST('inf' AS DOUBLE)"), "'inf' is no DOUBLE");
  EXPECT_EQ(bound("CAST('1e3' AS INT)"), "'1e3' is no INT");
  EXPECT_EQ(bound("1 < 2 AND 'a' = 'b'"), "FALSE : BOOLEAN");
  EXPECT_EQ(bound("b AND 1 = 1"), "b : BOOLEAN");
  EXPECT_EQ(bound("b OR 1 = 1"), "TRUE : BOOLEAN");
  EXPECT_EQ(bound("NOT 1 = 2"), "TRUE : BOOLEAN");
  EXPECT_EQ(bound("CASE WHEN 1 = 2 THEN i WHEN b THEN 7 ELSE 8 END"), "CASE WHEN b THEN 7 ELSE 8 END : INT");
  EXPECT_EQ(bound("COALESCE(NULL, 5, i)"), "5 : INT");
  EXPECT_EQ(bound("NULL + 1"), "NULL : INT");
  EXPECT_EQ(bound("i = NULL"), "NULL : BOOLEAN");
  EXPECT_EQ(bound("NULL IS NULL"), "TRUE : BOOLEAN");
}

TEST(Fold, WhatFailsIsLeftToTheRows) {
  EXPECT_EQ(bound("1 / 0"), "1 / 0 : INT");
  EXPECT_EQ(bound("2147483647 + 1"), "2147483647 + 1 : INT");
  EXPECT_EQ(bound("TRY_CAST('x' AS INT)"), "TRY_CAST('x' AS INT) : INT");
}

TEST(Fold, NullsAreThreeValued) {
  EXPECT_EQ(bound("i IN (1, NULL)"), "i = 1 OR NULL : BOOLEAN");
  EXPECT_EQ(bound("i NOT IN (1, 2)"), "NOT i IN (1, 2) : BOOLEAN");
  EXPECT_EQ(bound("b IS NOT TRUE"), "NOT COALESCE(b, FALSE) : BOOLEAN");
  EXPECT_EQ(bound("b IS UNKNOWN"), "b IS NULL : BOOLEAN");
}

}  // namespace
}  // namespace millrace::sql
