#pragma once
// The plan while it is made: nodes that only grow, each structurally different from all others, so that what
// is planned twice (a view, a table, a subquery) stands once. Knows of every node whether its rows may be
// taken back and which columns identify one. One thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/expression.h"

namespace millrace::sql {

class Graph {
 public:
  explicit Graph(const std::vector<TableDefinition>& tables) : tables_(&tables) {}

  // Returns the node that is already there if it is the same. Sets what follows from its inputs: `changelog`,
  // `retractable`.
  NodeId add(Node node);
  // Filter, then project; names come from the columns where an expression is one. No node if nothing changes.
  NodeId add_calc(NodeId input, ExpressionPtr filter, std::vector<ExpressionPtr> projections,
                  const std::vector<std::string>& names);
  NodeId add_filter(NodeId input, ExpressionPtr filter);

  const Node& at(NodeId node) const { return nodes_[static_cast<size_t>(node)]; }
  const data::Schema& schema(NodeId node) const { return at(node).schema; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<TableDefinition>& tables() const { return *tables_; }

  bool upserts(NodeId node) const { return at(node).changelog == Changelog::upserts; }
  bool retracts(NodeId node) const { return at(node).changelog == Changelog::retractions; }
  // The columns that identify a row that may be replaced or taken back; nothing if they are not in the output.
  const std::optional<std::vector<int>>& key(NodeId node) const { return properties_[static_cast<size_t>(node)].key; }

 private:
  struct Properties {
    Changelog changelog = Changelog::inserts;
    bool source_retracts = false;  // one of those below, whatever stands between
    std::optional<std::vector<int>> key;
  };
  Properties properties_of(const Node& node) const;

  const std::vector<TableDefinition>* tables_;
  std::vector<Node> nodes_;
  std::vector<Properties> properties_;
  std::map<std::string, NodeId> by_fingerprint_;
};

std::vector<NodeId> inputs_of(const Node& node);

// How many readers each node has, counting only what a sink is fed from.
std::vector<int> reader_counts(const std::vector<Node>& nodes);

// The column that the expression hands on unchanged but for a conversion that keeps different values different;
// -1 if it computes something.
int identifying_column(const ExpressionPtr& expression);

std::vector<ExpressionPtr> identity_projections(const data::Schema& schema);
bool is_identity(const std::vector<ExpressionPtr>& projections, const data::Schema& schema);

// filters.cc: moves conditions towards the sources. calcs.cc: joins neighbouring Calcs. columns.cc: drops what
// nobody reads.
Graph push_filters(const Graph& graph);
Graph merge_calcs(const Graph& graph);
Graph prune_columns(const Graph& graph);

// label.cc
void set_labels(Plan& plan);

}  // namespace millrace::sql
