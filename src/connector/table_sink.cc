#include "connector/table_sink.h"

#include <algorithm>
#include <utility>

#include "connector/attribute.h"

namespace millrace::connector {

namespace {

std::vector<std::string> written_names(const sql::TableDefinition& definition, const sql::SinkNode& node) {
  std::vector<std::string> names;
  for (const int column : node.columns) names.push_back(definition.columns[static_cast<size_t>(column)].name);
  return names;
}

}  // namespace

TableSink::TableSink(const sql::TableDefinition& definition, const sql::SinkNode& node, const table::TablePtr& table)
    : target_(table), names_(written_names(definition, node)), key_(table, names_) {
  const auto physical = std::ranges::count_if(definition.columns, [](const auto& column) { return !column.computed; });
  const bool partial = std::cmp_less(names_.size(), physical);
  if (partial) erased_.emplace();
  for (size_t n = 0; n < names_.size(); ++n) {
    by_name_.push_back(n);
    const bool range = table->range_key && names_[n] == table->range_key->name;
    if (partial && !range && names_[n] != table->hash_key.name) erased_->push_back(names_[n]);
  }
  std::ranges::sort(by_name_, {}, [this](size_t n) { return std::string_view(names_[n]); });
}

uint64_t TableSink::encode(std::span<const Row> rows, data::StringArena& arena, std::vector<Write>& writes) {
  uint64_t errors = 0;
  std::string attributes;
  for (const Row& row : rows) {
    if (!key_.take(*row.columns, row.row)) {
      ++errors;
      continue;
    }
    Write write{.target = &target_, .key = arena.copy(key_.bytes()), .erase = row.erase};
    if (write.erase) {
      write.erased = erased_ ? &*erased_ : nullptr;
    } else {
      attributes.clear();
      table::ItemWriter out(attributes, names_.size());
      for (const size_t n : by_name_) {
        if (key_.put_attribute(out, n)) continue;
        errors += !put_attribute(out, names_[n], *(*row.columns)[n], row.row);
      }
      write.value = arena.copy(attributes);
    }
    writes.push_back(write);
  }
  return errors;
}

}  // namespace millrace::connector
