// One SQL expression over the columns b, i, l, r, s, t and d, computed in two ways: over a row of values, by the
// engine, and with the values written into the text, which the compiler folds as far as it can. Both give the same. The
// first byte chooses the row.

#include <array>

#include "connector/known.h"
#include "data/text.h"
#include "engine/expression.h"
#include "input.h"
#include "sql/lexer.h"
#include "sql/plan.h"

namespace millrace::engine {
namespace {

using data::TypeKind;

struct ColumnValue {
  std::string_view name;
  std::string_view declared;
  data::Type type;
  // As the text of a literal of that type.
  std::array<std::string_view, 4> values;
};

const std::array<ColumnValue, 7> columns = {{
    {"b", "BOOLEAN", {TypeKind::boolean}, {"TRUE", "FALSE", "CAST(NULL AS BOOLEAN)", "TRUE"}},
    {"i",
     "INT",
     {TypeKind::integer},
     {"CAST(7 AS INT)", "CAST(0 AS INT)", "CAST(NULL AS INT)", "CAST(-2147483648 AS INT)"}},
    {"l",
     "BIGINT",
     {TypeKind::bigint},
     {"CAST(-3 AS BIGINT)", "CAST(0 AS BIGINT)", "CAST(NULL AS BIGINT)", "CAST('9223372036854775807' AS BIGINT)"}},
    {"r",
     "DOUBLE",
     {TypeKind::real},
     {"CAST(2.5E0 AS DOUBLE)", "CAST('NaN' AS DOUBLE)", "CAST(NULL AS DOUBLE)", "CAST('-Infinity' AS DOUBLE)"}},
    {"s",
     "STRING",
     {TypeKind::string},
     {"CAST('Green tea' AS STRING)", "CAST('' AS STRING)", "CAST(NULL AS STRING)",
      "CAST('2024-02-29 10:00:00' AS STRING)"}},
    {"t",
     "TIMESTAMP(3)",
     {TypeKind::timestamp},
     {"TO_TIMESTAMP('2019-10-01 13:05:07')", "TO_TIMESTAMP('0000-01-01 00:00:00')", "CAST(NULL AS TIMESTAMP(3))",
      "TO_TIMESTAMP('9999-12-31 23:59:59')"}},
    {"d",
     "DECIMAL(10, 2)",
     {TypeKind::decimal, 10, 2},
     {"CAST('12.50' AS DECIMAL(10, 2))", "CAST(0 AS DECIMAL(10, 2))", "CAST(NULL AS DECIMAL(10, 2))",
      "CAST('-99999999.99' AS DECIMAL(10, 2))"}},
}};

Result<sql::Plan> compile(std::string_view expression) {
  std::string script = "CREATE TABLE input (";
  for (const auto& column : columns) script += fmt::format("{} {},", column.name, column.declared);
  script +=
      "id STRING) WITH ('connector' = 'kinesis', 'stream' = 'input', 'format' = 'json');"
      "CREATE TABLE output (x STRING) WITH ('connector' = 'blackhole');"
      "INSERT INTO output SELECT CAST((";
  script += expression;
  script += "\n) AS STRING) FROM input;";
  return sql::compile(script, connector::known_connectors());
}

// Where a column's name stands as a word of its own, its value.
std::optional<std::string> with_values(std::string_view expression, size_t row) {
  const auto tokens = sql::tokenize(expression);
  if (!tokens) return std::nullopt;
  std::string out;
  for (size_t n = 0; n < tokens->size(); ++n) {
    const sql::Token& token = (*tokens)[n];
    switch (token.kind) {
      case sql::Token::Kind::string: {
        out += '\'';
        for (const char c : token.text) out.append(c == '\'' ? 2 : 1, c);
        out += '\'';
        break;
      }
      case sql::Token::Kind::quoted_name:
        return std::nullopt;
      case sql::Token::Kind::word: {
        const auto column =
            std::ranges::find_if(columns, [&](const ColumnValue& one) { return one.name == token.text; });
        out += column == columns.end() ? std::string_view(token.text) : column->values[row];
        break;
      }
      default:
        out += token.text;
    }
    out += ' ';
  }
  return out;
}

struct Outcome {
  std::string text;
  bool null = false;
  bool errors = false;
};

Outcome evaluate(const sql::Plan& plan, const data::Batch& batch) {
  // The projections of the only path from the source to the sink.
  data::Batch current = batch;
  data::StringArena arena;
  std::vector<data::Batch> kept;
  Evaluator evaluator;
  for (const sql::Node& node : plan.nodes) {
    const std::vector<sql::ExpressionPtr>* projections = nullptr;
    if (const auto* scan = std::get_if<sql::ScanNode>(&node.detail)) {
      data::Batch read;
      read.rows = batch.rows;
      for (const int column : scan->columns) {
        read.columns.push_back(static_cast<size_t>(column) < columns.size() ? batch.columns[column] : batch.columns[4]);
      }
      current = read;
      continue;
    }
    if (const auto* calc = std::get_if<sql::CalcNode>(&node.detail)) projections = &calc->projections;
    if (const auto* sink = std::get_if<sql::SinkNode>(&node.detail)) projections = &sink->projections;
    CHECK(projections != nullptr);
    data::Batch next;
    next.rows = current.rows;
    for (const auto& projection : *projections) {
      if (!evaluator.prepare(projection)) return {.text = "not prepared"};
      next.columns.push_back(evaluator.column(*projection, current, arena));
    }
    kept.push_back(current);
    current = std::move(next);
  }
  CHECK(current.columns.size() == 1 && current.columns[0]->size() == 1);
  Outcome outcome;
  outcome.null = current.columns[0]->is_null(0);
  outcome.errors = evaluator.row_errors() > 0;
  if (!outcome.null) outcome.text = std::get<data::Strings>(current.columns[0]->values)[0];
  return outcome;
}

// The row, made by the same casts.
const data::Batch& row_of(size_t row) {
  static const std::array<data::Batch, 4> rows = [] {
    static data::StringArena arena;
    std::array<data::Batch, 4> made;
    for (size_t n = 0; n < made.size(); ++n) {
      made[n].rows = 1;
      for (const auto& column : columns) {
        std::string script = fmt::format(
            "CREATE TABLE input (id STRING) WITH ('connector' = 'kinesis', 'stream' = 'input', 'format' = "
            "'json'); CREATE TABLE output (x {}) WITH ('connector' = 'blackhole'); INSERT INTO output "
            "SELECT {} FROM input;",
            column.declared, column.values[n]);
        const auto plan = sql::compile(script, connector::known_connectors());
        CHECK(plan.has_value(), "{}: {}", script, plan.error().message);
        data::Batch empty;
        empty.rows = 1;
        empty.columns.push_back(std::make_shared<data::Column>(data::Type{TypeKind::string}, 1));
        Evaluator evaluator;
        data::ColumnPtr value;
        for (const sql::Node& node : plan->nodes) {
          const std::vector<sql::ExpressionPtr>* projections = nullptr;
          if (const auto* calc = std::get_if<sql::CalcNode>(&node.detail)) projections = &calc->projections;
          if (const auto* sink = std::get_if<sql::SinkNode>(&node.detail)) projections = &sink->projections;
          if (projections == nullptr || value != nullptr) continue;
          CHECK(evaluator.prepare((*projections)[0]).has_value());
          value = evaluator.column(*(*projections)[0], empty, arena);
        }
        // Texts point into the plan, which goes.
        auto copy = std::make_shared<data::Column>(*value);
        if (column.type.kind == TypeKind::string && !copy->is_null(0)) {
          copy->strings()[0] = arena.copy(copy->strings()[0]);
        }
        made[n].columns.push_back(std::move(copy));
      }
    }
    return made;
  }();
  return rows[row];
}

}  // namespace
}  // namespace millrace::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::engine;
  fuzz::Input input(data, size);
  const size_t row = input.byte() % 4;
  const std::string_view expression = input.rest();
  if (expression.size() > 2000) return 0;
  const auto over_columns = compile(expression);
  if (!over_columns) return 0;
  const auto text = with_values(expression, row);
  if (!text) return 0;
  const auto over_values = compile(*text);
  if (!over_values) return 0;  // a pattern that must be a literal, a column's name that was none
  const Outcome a = evaluate(*over_columns, row_of(row));
  const Outcome b = evaluate(*over_values, row_of(row));
  CHECK(a.null == b.null && a.text == b.text, "{}\n{} {}\n{}\n{} {}", expression, a.null, a.text, *text, b.null,
        b.text);
  return 0;
}
