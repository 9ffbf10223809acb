#include "sql/parser.h"

#include <gtest/gtest.h>

namespace millrace::sql {
namespace {

std::string error_of(std::string_view script) {
  const auto statements = parse(script);
  return statements ? "no error" : statements.error().message;
}

// The first item of a SELECT, written with all of its parentheses.
std::string show(const ParsedExpression& e) {
  using Kind = ParsedExpression::Kind;
  const auto list = [&](size_t from) {
    std::string text;
    for (size_t i = from; i < e.arguments.size(); ++i) text += (i > from ? ", " : "") + show(*e.arguments[i]);
    return text;
  };
  switch (e.kind) {
    case Kind::column:
      return e.path.size() == 2 ? e.path[0].text + "." + e.path[1].text : e.path[0].text;
    case Kind::binary:
      return "(" + show(*e.arguments[0]) + " " + e.text + " " + show(*e.arguments[1]) + ")";
    case Kind::unary:
      return "(" + e.text + " " + show(*e.arguments[0]) + ")";
    case Kind::interval_literal:
      return std::to_string(e.interval_ms) + "ms";
    case Kind::between:
      return "(" + show(*e.arguments[0]) + (e.negated ? " not" : "") + " between " + list(1) + ")";
    case Kind::in_list:
      return "(" + show(*e.arguments[0]) + (e.negated ? " not" : "") + " in " + list(1) + ")";
    case Kind::like:
      return "(" + show(*e.arguments[0]) + (e.negated ? " not" : "") + " like " + list(1) + ")";
    case Kind::is_null:
      return "(" + show(*e.arguments[0]) + (e.negated ? " is not null" : " is null") + ")";
    case Kind::call:
      return e.text + "(" + (e.distinct ? "distinct " : "") + list(0) + ")";
    case Kind::case_when:
      return "case(" + list(0) + ")";
    case Kind::star:
      return "*";
    case Kind::null_literal:
      return "null";
    case Kind::cast:
      return e.text + "(" + list(0) + " as " + to_string(e.type) + ")";
    default:
      return e.text;
  }
}

std::string item(const std::string& expression) {
  const auto statements = parse("INSERT INTO o SELECT " + expression + " FROM t");
  if (!statements) return statements.error().message;
  const auto& insert = std::get<ParsedInsert>(statements->at(0));
  return show(*insert.query->branches[0].select->items[0].expression);
}

TEST(Parser, BindsOperatorsAsSqlDoes) {
  EXPECT_EQ(item("a + b * c - d"), "((a + (b * c)) - d)");
  EXPECT_EQ(item("NOT a = b AND c OR d"), "(((NOT (a = b)) AND c) OR d)");
  EXPECT_EQ(item("a BETWEEN b AND c AND d"), "((a between b, c) AND d)");
  EXPECT_EQ(item("a NOT BETWEEN 1 AND 2 + 3"), "(a not between 1, (2 + 3))");
  EXPECT_EQ(item("a || b = c"), "((a || b) = c)");
  EXPECT_EQ(item("a NOT IN (1, -2)"), "(a not in 1, -2)");
  EXPECT_EQ(item("a IS NOT NULL = b"), "((a is not null) = b)");
  EXPECT_EQ(item("a NOT LIKE 'x!%' ESCAPE '!'"), "(a not like x!%, !)");
  EXPECT_EQ(item("- - 3"), "3");
  EXPECT_EQ(item("-(a)"), "(- a)");
  EXPECT_EQ(item("a != b"), "(a <> b)");
}

TEST(Parser, ReadsFunctionsAndCase) {
  EXPECT_EQ(item("count(*)"), "COUNT(*)");
  EXPECT_EQ(item("Count(DISTINCT t.a)"), "COUNT(distinct t.a)");
  EXPECT_EQ(item("CASE a WHEN 1 THEN b ELSE c END"), "case(a, 1, b, c)");
  EXPECT_EQ(item("SUBSTRING(a FROM 2 FOR 3)"), "SUBSTRING(a, 2, 3)");
  EXPECT_EQ(item("EXTRACT(DAY FROM a)"), "DAYOFMONTH(a)");
  EXPECT_EQ(item("TRY_CAST(a AS DECIMAL(10, 2))"), "TRY_CAST(a as DECIMAL(10, 2))");
  EXPECT_EQ(item("IF(a, b, c)"), "IF(a, b, c)");
  EXPECT_EQ(item("`select`"), "select");
}

TEST(Parser, ReadsIntervals) {
  EXPECT_EQ(item("INTERVAL '5' SECOND"), "5000ms");
  EXPECT_EQ(item("INTERVAL '10' MINUTES"), "600000ms");
  EXPECT_EQ(item("INTERVAL '0.25' SECOND"), "250ms");
  EXPECT_EQ(item("INTERVAL -'2' DAY"), "-172800000ms");
  EXPECT_EQ(item("INTERVAL '1:30' HOUR TO MINUTE"), "5400000ms");
  EXPECT_EQ(item("INTERVAL '1 02:03:04.5' DAY TO SECOND"), "93784500ms");
  EXPECT_EQ(item("INTERVAL '90' SECOND(3)"), "90000ms");
  EXPECT_EQ(item("INTERVAL '5' SECNOD"), "line 1, column 35: there is no unit 'SECNOD'; did you mean 'SECOND'?");
  EXPECT_EQ(item("INTERVAL '1:70' HOUR TO MINUTE"), "line 1, column 31: '1:70' is no interval of HOUR TO MINUTE");
  EXPECT_EQ(item("INTERVAL 'five' SECOND"), "line 1, column 31: 'five' is no interval of SECOND");
  EXPECT_TRUE(item("INTERVAL '1' MONTH").starts_with("line 1, column 35: an interval of MONTH is not supported"));
  EXPECT_TRUE(item("INTERVAL 5 SECOND").starts_with("line 1, column 31: expected a number between single quotes"));
}

TEST(Parser, ReadsTables) {
  const auto statements = parse(
      "CREATE TEMPORARY TABLE IF NOT EXISTS t (a INT NOT NULL PRIMARY KEY NOT ENFORCED COMMENT 'x', b AS a + 1,\n"
      "  ts TIMESTAMP(3) WITH LOCAL TIME ZONE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) COMMENT 'y'\n"
      "  WITH ('connector' = 'kinesis', 'x' = '');");
  ASSERT_TRUE(statements.has_value()) << statements.error().message;
  const auto& table = std::get<ParsedCreateTable>(statements->at(0));
  EXPECT_TRUE(table.if_not_exists);
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(to_string(table.columns[0].type), "INT NOT NULL");
  EXPECT_EQ(show(*table.columns[1].computed), "(a + 1)");
  EXPECT_EQ(table.columns[2].type.kind, data::TypeKind::timestamp);
  ASSERT_EQ(table.primary_key.size(), 1u);
  EXPECT_EQ(table.watermark->delay_ms, 5'000);
  ASSERT_EQ(table.options.size(), 2u);
  EXPECT_EQ(table.options[1].key.position.line, 3);
}

TEST(Parser, ReadsStatementSets) {
  for (const char* script :
       {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 FROM t; INSERT INTO b SELECT 1 FROM t; END;",
        "BEGIN STATEMENT SET; INSERT INTO a SELECT 1 FROM t; INSERT INTO b SELECT 1 FROM t; END"}) {
    const auto statements = parse(script);
    ASSERT_TRUE(statements.has_value()) << statements.error().message;
    EXPECT_EQ(statements->size(), 2u);
  }
  EXPECT_EQ(error_of("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 FROM t; EDN;"),
            "line 1, column 60: expected INSERT INTO or END, found 'EDN'; did you mean END?");
  EXPECT_EQ(error_of("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 FROM t;"),
            "line 1, column 59: expected INSERT INTO or END, found the end of the script");
}

TEST(Parser, SaysWhatWasExpected) {
  EXPECT_EQ(error_of("CREATE TABEL t (a INT)"),
            "line 1, column 8: expected TABLE or VIEW, found 'TABEL'; did you mean TABLE?");
  EXPECT_EQ(error_of("CREATE TABLE t (a INT"),
            "line 1, column 22: expected ',' or ')' after a column, found the end of the script");
  EXPECT_EQ(error_of("CREATE TABLE t (a INT)"),
            "line 1, column 23: expected WITH ('connector' = '...', ...), found the end of the script");
  EXPECT_EQ(
      error_of("INSERT INTO o SELECT a, FROM t"),
      "line 1, column 25: expected an expression, found the keyword FROM; a name that is a keyword is written `FROM`");
  EXPECT_EQ(error_of("INSERT INTO o SELECT (a FROM t"), "line 1, column 25: expected ')', found 'FROM'");
  EXPECT_EQ(error_of("INSERT INTO o SELECT a FROM t WHERE"),
            "line 1, column 36: expected an expression, found the end of the script");
  EXPECT_EQ(error_of("INSERT INTO o SELECT a FROM t; ;x"),
            "line 1, column 33: expected a statement, found 'x'; a script has SET, CREATE TABLE, CREATE VIEW, INSERT "
            "INTO and "
            "EXECUTE STATEMENT SET");
  EXPECT_EQ(error_of("SET pipeline.name = 'x'"),
            "line 1, column 5: expected a key between single quotes, as in SET 'pipeline.name' = 'shop'");
  EXPECT_EQ(error_of("CREATE TABLE t (a DECIMAL(39, 2)) WITH ()"),
            "line 1, column 27: expected a precision from 0 to 38, found '39'");
  EXPECT_EQ(error_of("CREATE TABLE t (a DECIMAL(3, 4)) WITH ()"),
            "line 1, column 30: the scale 4 is greater than the precision 3");
}

}  // namespace
}  // namespace millrace::sql
