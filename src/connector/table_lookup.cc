#include "connector/table_lookup.h"

#include "connector/attribute.h"

namespace millrace::connector {

namespace {

std::vector<std::string> key_names(const sql::TableDefinition& definition, const sql::LookupJoinNode& node) {
  std::vector<std::string> names;
  for (const auto& [column, expression] : node.keys) {
    names.push_back(definition.columns[static_cast<size_t>(column)].name);
  }
  return names;
}

}  // namespace

TableLookup::TableLookup(const sql::TableDefinition& definition, const sql::LookupJoinNode& node, table::Tables& tables,
                         table::TablePtr table)
    : tables_(tables), table_(std::move(table)), key_(table_, key_names(definition, node)) {
  for (const int column : node.columns) {
    const sql::ColumnDefinition& read = definition.columns[static_cast<size_t>(column)];
    columns_.push_back({read.name, read.type});
  }
}

Result<uint64_t> TableLookup::look_up(const std::vector<data::ColumnPtr>& keys, std::span<const Asked> asked) {
  uint64_t errors = 0;
  for (const Asked& one : asked) {
    Row& row = *one.row;
    if (!key_.take(keys, one.key)) {
      row.version = nullptr;
      continue;
    }
    auto read = tables_.get_stored(*table_, key_.bytes());
    if (!read && read.error().kind == ErrorKind::not_found) {
      return millrace::fail(ErrorKind::not_found,
                            "table {}, which the job looks up, was deleted; create it again and resume the job",
                            table_->name);
    }
    if (!read) return std::unexpected(read.error());
    if (read->value == row.version) continue;
    row.version = read->value;
    if (!read->value) continue;
    TRY_ASSIGN(const uint64_t unfit, decode(*read->value, row.values));
    errors += unfit;
  }
  return errors;
}

Result<uint64_t> TableLookup::decode(const std::string& stored, std::vector<data::Value>& values) const {
  uint64_t errors = 0;
  values.assign(columns_.size(), {});
  data::StringArena arena;
  for (size_t n = 0; n < columns_.size(); ++n) {
    TRY_ASSIGN(auto attribute, table::get_attribute(stored, columns_[n].name));
    if (!attribute) continue;
    data::Column column(columns_[n].type, 1);
    errors += !set_from_attribute(column, 0, *attribute, arena);
    values[n] = column.get(0);
  }
  return errors;
}

}  // namespace millrace::connector
