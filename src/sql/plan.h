#pragma once
// What the SQL part hands to the engine: a graph of typed nodes, in topological order, with everything
// resolved (columns are indexes, types are known, constants are folded, unused columns are not read). Pure
// data; any thread. What a node means is what Flink's documentation says of its statement:
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/overview/
//
// Rows carry a weight: +1 for an insertion, -1 for a retraction. What that means of a node's rows is its Changelog.
// Nodes that cannot consume what is below them are refused by the planner, not by the engine.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "data/type.h"

namespace millrace::sql {

// Scalar functions, after their arguments were brought to one type by explicit casts. Nulls propagate unless
// said otherwise; AND, OR and NOT are three-valued.
enum class Function : uint8_t {
  // Arithmetic: both arguments of the result's kind; those of decimals may differ in scale. x / 0 and MOD(x, 0) of
  // integers and decimals are errors of the row: the result is NULL and the row is counted.
  // clang-format off
  add, subtract, multiply, divide, modulo, negate, absolute, floor, ceil, round,
  // Comparison: both of one type; the result is BOOLEAN.
  equal, not_equal, less, less_equal, greater, greater_equal,
  logical_and, logical_or, logical_not,
  is_null, is_not_null,  // never null
  in_list,               // (x, literal, ...)
  like,                  // (text, pattern literal[, escape literal])
  coalesce, nullif, greatest, least,
  case_when,             // (condition, value, condition, value, ..., [else]); lazily evaluated
  cast,                  // to the expression's type; a text that is no number is an error of the row (NULL, counted)
  try_cast,              // the same, NULL without counting
  lower, upper, trim, char_length, substring /* (s, from1[, length]) */, concat, replace, split_index, regexp_extract,
  to_timestamp,          // (text[, format literal]); default 'yyyy-MM-dd HH:mm:ss'
  to_timestamp_ltz,      // (number, 0 = seconds or 3 = milliseconds)
  unix_timestamp,        // (timestamp) -> seconds
  date_format,           // (timestamp, format literal)
  timestamp_add_ms,      // (timestamp, bigint)
  extract_hour, extract_day, extract_month, extract_year, extract_minute, extract_second,
  proctime,              // () the time of the batch
  // clang-format on
};

struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind : uint8_t { column, literal, call };
  Kind kind = Kind::column;
  data::Type type;
  int column = 0;  // of the node's input
  data::Value literal;
  Function function = Function::equal;
  std::vector<ExpressionPtr> arguments;
};

enum class AggregateFunction : uint8_t {
  count,  // COUNT(*) without an argument, COUNT(x), COUNT(DISTINCT x); BIGINT NOT NULL
  sum,    // integers -> their type; DECIMAL(p, s) -> DECIMAL(38, s); DOUBLE; NULL for no rows
  average,
  min,
  max,
  decayed_sum,  // DECAYED_SUM(x, time, INTERVAL half life), DECAYED_COUNT(time, half life) = x is 1; DOUBLE
                // NOT NULL
};

// The decayed sum of integer weights x_i at event times t_i with half life h is, as of the newest event time
// T of the group, the sum of x_i * 2^(-(T - t_i) / h). It is kept as exact integers per half-life bucket, so
// the result does not depend on the order of arrival, is retractable, and takes constant state.
struct Aggregate {
  AggregateFunction function = AggregateFunction::count;
  bool distinct = false;
  ExpressionPtr argument;    // null: COUNT(*)
  ExpressionPtr filter;      // FILTER (WHERE ...), or null
  ExpressionPtr time;        // of decayed_sum
  int64_t half_life_ms = 0;  // of decayed_sum
  data::Type type;
};

struct ColumnDefinition {
  std::string name;
  data::Type type;
  ExpressionPtr computed;  // c AS expression, over the table's columns; or null
};

struct TableDefinition {
  std::string name;  // in the script
  std::string connector;
  std::string resource;  // the name of the stream or table on the server; empty: the connector has none
  std::string label;     // "stream clicks", for EXPLAIN
  std::vector<ColumnDefinition> columns;
  std::vector<int> primary_key;
  std::map<std::string, std::string> options;  // as written, checked by the planner: an unknown one is an error
};

using NodeId = int;

// A source. Reads only `columns` (of the definition; never computed ones, which a Calc above makes). Output:
// those columns in that order.
struct ScanNode {
  int table = 0;
  std::vector<int> columns;
  enum class Start : uint8_t { trim_horizon, latest, at_timestamp } start = Start::trim_horizon;
  int64_t start_ms = 0;              // of at_timestamp
  bool ignore_parse_errors = false;  // 'json.ignore-parse-errors': else a bad record stops the job
  bool retracts = false;             // may emit weight -1
};

// Filter, then project. `filter` and `projections` are over the input's columns.
struct CalcNode {
  NodeId input = 0;
  ExpressionPtr filter;  // or null
  std::vector<ExpressionPtr> projections;
};

// WATERMARK FOR column AS column - delay: stands right above the source's Calc. The watermark is made per
// shard and is the minimum over the shards that are not idle. Flink: "the watermark is t" = no more rows with
// time <= t are expected; rows at or below it are late (dropped and counted by windows).
struct WatermarkNode {
  NodeId input = 0;
  int time_column = 0;
  int64_t delay_ms = 0;
  int64_t idle_timeout_ms = 0;  // 'scan.watermark.idle-timeout'; 0: a silent shard holds the watermark back
  // 'scan.event-time.ahead-max', ours: a row whose time is further ahead of its record's arrival is set aside and
  // counted.
  std::optional<int64_t> ahead_max_ms;  // nullopt: off
};

struct UnionNode {
  std::vector<NodeId> inputs;  // of one schema
};

// ROW_NUMBER() OVER (PARTITION BY keys ORDER BY proctime ASC) = 1: the first row of each key passes, at once.
// A key is forgotten when `ttl_ms` of event time passed since it was seen (0: never).
struct DeduplicateNode {
  NodeId input = 0;
  std::vector<int> keys;
  int64_t ttl_ms = 0;
  int time_column = -1;  // the rows' event time, which may be far ahead of the watermark; -1: they have none
};

// GROUP BY keys over TUMBLE or HOP: one row per key and window when the watermark passes window_end - 1,
// inserts only. Output: keys, window_start, window_end, window_time (all three timestamps), aggregates.
struct WindowAggregateNode {
  NodeId input = 0;
  int time_column = 0;
  int64_t size_ms = 0;
  int64_t slide_ms = 0;  // = size for TUMBLE; size is a multiple of it
  int64_t offset_ms = 0;
  std::vector<int> keys;
  std::vector<Aggregate> aggregates;
  bool retractable = false;  // as of GroupAggregateNode
};

// A continuous GROUP BY: the newest result of each touched key, once per batch, as an upsert by `keys`.
// Output: keys, aggregates.
struct GroupAggregateNode {
  NodeId input = 0;
  std::vector<int> keys;
  std::vector<Aggregate> aggregates;
  // MIN and MAX keep each value, not only the result, since a source below takes rows back. So also above a window,
  // which only inserts and would not need it: that is how such state lies in the store. Set by the planner's Graph.
  bool retractable = false;
};

// JOIN t FOR SYSTEM_TIME AS OF proctime ON t.key = expression: looks the row up when the input's row passes.
// Output: the input's columns, then `columns` of the table.
struct LookupJoinNode {
  NodeId input = 0;
  int table = 0;
  std::vector<std::pair<int, ExpressionPtr>> keys;  // column of the table (its whole key) = expression over the input
  std::vector<int> columns;
  bool left = false;        // LEFT JOIN: NULLs where there is no row
  ExpressionPtr condition;  // the rest of ON, over the output; or null
};

// INSERT INTO: upserts by the table's primary key. `projections` are over the input, one per column of the
// table in `columns`; a column that is not listed is left as it is in the item.
struct SinkNode {
  NodeId input = 0;
  int table = 0;
  std::vector<int> columns;
  std::vector<ExpressionPtr> projections;
};

// What the rows of a node do to those before them.
enum class Changelog : uint8_t {
  inserts,      // they are added; all have weight 1
  retractions,  // one of weight -1 takes back an equal one, as the old image of a change feed does
  // One of weight 1 replaces the earlier one of its key (above a GroupAggregate, which never emits the former row), one
  // of weight -1 says that the key has no row any more. A filter above stands only where a row that passed once passes
  // ever after (COUNT(*) > 3), so rows that do not pass can just be dropped.
  upserts,
};

struct Node {
  data::Schema schema;                       // of the output; empty for a sink
  Changelog changelog = Changelog::inserts;  // of the output; of a sink: of what it takes
  std::variant<ScanNode, CalcNode, WatermarkNode, UnionNode, DeduplicateNode, WindowAggregateNode, GroupAggregateNode,
               LookupJoinNode, SinkNode>
      detail;
  std::string label;  // for EXPLAIN and metrics: "WindowAggregate[product_id, HOP 60 s / 10 s]"
};

struct Plan {
  std::vector<TableDefinition> tables;
  std::vector<Node> nodes;  // inputs come before their readers; a node read twice (a shared view) stands once
  std::map<std::string, std::string> settings;  // SET 'pipeline.name' = '...', ...
};

// Compiles a script: CREATE TABLE, CREATE VIEW, SET, INSERT INTO, EXECUTE STATEMENT SET BEGIN ... END. All
// INSERTs make one plan (one job). `connectors` are those that CREATE TABLE may name (connector.h). Errors are
// invalid_argument with "line L, column C: what is wrong; what would work".
struct ConnectorDescription;
Result<Plan> compile(std::string_view script, const std::vector<ConnectorDescription>& connectors);

// The plan as indented text, one line per node, with changelog mode and state.
std::string explain(const Plan& plan);

}  // namespace millrace::sql
