#pragma once
// A syntax tree to a graph of nodes: looks up tables and views, recognises windows, duplicates' removal and
// lookups, and refuses what the engine could not compute exactly. One use per object, one thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/binder.h"
#include "sql/graph.h"
#include "sql/options.h"
#include "sql/syntax.h"

namespace millrace::sql {

// Bounds of a script, so that no input takes more than moderate time, memory or stack.
inline constexpr size_t columns_max = 1'000;  // of a table, a SELECT, a GROUP BY
inline constexpr size_t nodes_max = 500;      // of the plan, before it is made smaller

class Planner {
 public:
  explicit Planner(const std::vector<ConnectorDescription>& connectors) : connectors_(connectors), graph_(tables_) {}
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  Result<Plan> plan(const std::vector<ParsedStatement>& statements);

 private:
  // TABLE(TUMBLE(...)) until its GROUP BY: window_start, window_end and window_time are virtual columns.
  struct Window {
    Position position;
    int time_column = 0;
    int64_t size_ms = 0;
    int64_t slide_ms = 0;
    int64_t offset_ms = 0;
  };
  // A SELECT with ROW_NUMBER() until the reader's WHERE row_number = 1.
  struct Ranked {
    Position position;
    std::vector<int> keys;
  };
  struct Relation {
    NodeId node = 0;
    Scope columns;
    std::optional<Window> window;
    std::optional<Ranked> ranked;
  };
  struct Source {  // of a table, made when it is first read
    CheckedOptions options;
    std::optional<ParsedCreateTable::Watermark> watermark;
    Position position;
    std::optional<Relation> relation;
  };
  struct Item {  // of SELECT, after * was spread out
    std::string name;
    Position position;
    Bound bound;
    bool row_number = false;
  };

  // plan_catalog.cc
  Result<> create_table(const ParsedCreateTable& parsed);
  Result<> create_view(const ParsedCreateView& parsed);
  Result<> check_new_name(const Name& name, bool if_not_exists, bool& exists) const;
  Result<> set(const ParsedSet& parsed);
  std::optional<int> find_table(std::string_view name) const;
  const ConnectorDescription& connector_of(int table) const;
  // "'a' or 'b'": those of which `can` holds.
  std::string connectors_that(bool ConnectorDescription::*can) const;
  std::vector<std::string> relation_names() const;
  Result<Relation> read_table(int table, Position position);
  Result<Relation> read(const Name& name);

  // plan_query.cc
  Result<Relation> plan_query(const ParsedQuery& parsed);
  Result<Relation> plan_union(std::vector<Relation> inputs, Position position);
  Result<Relation> plan_relation(const ParsedRelation& parsed);
  Result<Relation> plan_window(const ParsedRelation& parsed);
  Result<Relation> plan_lookup(Relation input, const ParsedJoin& join);
  Result<Relation> plan_select(const ParsedSelect& parsed);
  Result<Relation> plan_projection(const ParsedSelect& parsed, const Relation& input, const ExpressionPtr& filter);
  Result<std::vector<Item>> bind_items(const ParsedSelect& parsed, const Relation& input,
                                       std::vector<Aggregate>* aggregates);
  Result<> rank(const ParsedExpression& call, const Relation& input, std::vector<ExpressionPtr>& projections,
                Relation& output);
  Result<> keep_first(Relation& input, std::vector<ExpressionPtr>& conditions);
  Result<> check_size(size_t columns, Position position) const;
  // plan_filter.cc
  Result<> check_filter(NodeId node, const std::vector<ExpressionPtr>& conditions, Position position,
                        std::string_view clause) const;

  Result<> require_plain(const Relation& relation, Position position) const;
  Result<> refuse_virtual(const ExpressionPtr& expression, Position position, std::string_view clause) const;

  // plan_aggregate.cc
  struct Grouping;
  Result<Relation> plan_aggregate(const ParsedSelect& parsed, const Relation& input, const ExpressionPtr& filter);
  Result<> bind_keys(const ParsedSelect& parsed, const Relation& input, Grouping& grouping);
  Result<> check_aggregates(const Relation& input, const Grouping& grouping, Position position) const;
  Result<NodeId> add_aggregate(const Relation& input, const ExpressionPtr& filter, Grouping& grouping);

  // plan_insert.cc
  Result<> insert(const ParsedInsert& parsed);
  Result<> check_key(const ParsedInsert& parsed, const SinkNode& sink) const;
  Plan finish();

  const std::vector<ConnectorDescription>& connectors_;
  std::vector<TableDefinition> tables_;
  std::vector<Source> sources_;  // one per table
  std::map<std::string, Relation, std::less<>> views_;
  std::vector<std::map<std::string, Relation, std::less<>>> local_views_;  // WITH, innermost last
  std::map<std::string, std::string> settings_;
  Graph graph_;
  bool inserted_ = false;
};

}  // namespace millrace::sql
