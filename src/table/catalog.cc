#include "table/catalog.h"

#include <mutex>

#include "base/bytes.h"

namespace millrace::table {

void Catalog::add(TableStatePtr state) {
  std::lock_guard lock(mutex_);
  by_keyspace_[state->definition->keyspace] = state;
  by_name_[state->definition->name] = std::move(state);
}

void Catalog::remove(const TableDefinition& definition) {
  std::lock_guard lock(mutex_);
  by_keyspace_.erase(definition.keyspace);
  by_name_.erase(definition.name);
}

TableStatePtr Catalog::find(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : at->second;
}

TableStatePtr Catalog::find(store::Keyspace keyspace) const {
  std::shared_lock lock(mutex_);
  const auto at = by_keyspace_.find(keyspace);
  return at == by_keyspace_.end() ? nullptr : at->second;
}

std::vector<TableStatePtr> Catalog::list() const {
  std::shared_lock lock(mutex_);
  std::vector<TableStatePtr> states;
  states.reserve(by_name_.size());
  for (const auto& [name, state] : by_name_) states.push_back(state);
  return states;
}

Result<TableStatePtr> Catalog::need(std::string_view name) const {
  if (auto state = find(name)) return state;
  return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", name);
}

Result<void> check_record_key(std::string_view key) {
  if (key.empty() || key.starts_with(own_records)) {
    return fail(ErrorKind::invalid_argument, "the records below \"{}\" are the tables' own", own_records);
  }
  return {};
}

std::string definition_record(std::string_view table_name) {
  return std::string(definition_records).append(table_name);
}
std::string counts_record(store::Keyspace keyspace) {
  return fmt::format("{}{:010}", counts_records, keyspace.value);
}
std::string dropping_record(store::Keyspace keyspace) {
  return fmt::format("{}{:010}", dropping_records, keyspace.value);
}
std::string backfill_record(store::Keyspace index) {
  return fmt::format("table/backfill/{:010}", index.value);
}

std::string encode_counts(int64_t items, int64_t bytes) {
  std::string record;
  base::put_signed_varint(record, items);
  base::put_signed_varint(record, bytes);
  return record;
}

bool decode_counts(std::string_view record, KeyspaceCounts& counts) {
  base::ByteReader in(record);
  counts.items = in.signed_varint();
  counts.bytes = in.signed_varint();
  return in.ok() && in.done();
}

}  // namespace millrace::table
