#include "connector/table_connector.h"

#include <algorithm>

#include "connector/declared_table.h"
#include "connector/options.h"
#include "connector/table_lookup.h"
#include "connector/table_sink.h"

namespace millrace::connector {

namespace {

class TableConnector final : public Connector {
 public:
  explicit TableConnector(table::Tables& tables) : tables_(tables) {}

  Result<std::unique_ptr<Sink>> sink(const sql::TableDefinition& definition, const sql::SinkNode& node) override {
    TRY_ASSIGN(const table::TablePtr table, find_table(tables_, definition, TableUse::stored));
    TRY(check_key(definition, *table));
    for (const int key : definition.primary_key) {
      if (std::ranges::find(node.columns, key) != node.columns.end()) continue;
      return millrace::fail(ErrorKind::invalid_argument, "INSERT INTO {} must give the key column {}", definition.name,
                            definition.columns[static_cast<size_t>(key)].name);
    }
    return std::make_unique<TableSink>(definition, node, table);
  }

  Result<std::unique_ptr<Lookup>> lookup(const sql::TableDefinition& definition,
                                         const sql::LookupJoinNode& node) override {
    TRY_ASSIGN(const table::TablePtr table, find_table(tables_, definition, TableUse::stored));
    // The keys of the join are the table's whole key, in any order.
    const size_t key_size = table->range_key ? 2 : 1;
    size_t matched = 0;
    for (const auto& [column, expression] : node.keys) {
      const std::string& name = definition.columns[static_cast<size_t>(column)].name;
      matched += name == table->hash_key.name || (table->range_key && name == table->range_key->name);
    }
    if (matched != key_size || node.keys.size() != key_size) {
      return millrace::fail(ErrorKind::invalid_argument,
                            "the join with {} must compare the whole key of table {} ({}{})", definition.name,
                            table->name, table->hash_key.name,
                            table->range_key ? ", " + table->range_key->name : std::string());
    }
    if (!definition.primary_key.empty()) TRY(check_key(definition, *table));
    return std::make_unique<TableLookup>(definition, node, tables_, table);
  }

 private:
  table::Tables& tables_;
};

}  // namespace

sql::ConnectorDescription describe_tables() {
  using Value = OptionDescription::Value;
  sql::ConnectorDescription description{.name = "dynamodb", .label = "table", .sink = true, .lookup = true};
  description.key = sql::ConnectorDescription::Key::item;
  description.resource_example = table_name_example;
  description.other_source = "'dynamodb-streams' reads a table's changes";
  // Rows are committed with the job's state, so what says how to batch and to try again has no effect.
  description.options = {
      table_name(),
      ignored("aws.region"),
      endpoint(),
      ignored("aws.credentials.provider"),
      ignored("aws.credentials.basic.accesskeyid"),
      ignored("aws.credentials.basic.secretkey"),
      {.key = "sink.batch.max-size", .value = Value::count},
      {.key = "sink.requests.max-inflight", .value = Value::count},
      {.key = "sink.requests.max-buffered", .value = Value::count},
      {.key = "sink.flush-buffer.size", .value = Value::count},
      {.key = "sink.flush-buffer.timeout", .value = Value::count},
      {.key = "sink.fail-on-error", .value = Value::boolean},
      {.key = "sink.ignore-nulls", .value = Value::boolean},
  };
  return description;
}

std::unique_ptr<Connector> make_table_connector(table::Tables& tables) {
  return std::make_unique<TableConnector>(tables);
}

}  // namespace millrace::connector
