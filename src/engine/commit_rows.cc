#include "engine/commit_rows.h"

#include <algorithm>

#include "base/bytes.h"

namespace millrace::engine {

namespace {
enum class Kind : uint8_t { merge, erase, erase_attributes };
}  // namespace

std::string encode_rows(std::span<const SinkWrite> writes) {
  std::vector<const table::TableDefinition*> tables;
  size_t bytes = 0;
  for (const SinkWrite& row : writes) {
    if (std::ranges::find(tables, row.table) == tables.end()) tables.push_back(row.table);
    bytes += row.key.size() + row.attributes.size() + 16;
  }
  std::string out;
  out.reserve(bytes);
  base::put_varint(out, tables.size());
  for (const table::TableDefinition* table : tables) {
    base::put_bytes(out, table->name);
    base::put_varint(out, table->keyspace.value);
  }
  base::put_varint(out, writes.size());
  for (const SinkWrite& row : writes) {
    base::put_varint(out, std::ranges::find(tables, row.table) - tables.begin());
    const Kind kind = !row.erase ? Kind::merge : row.erased == nullptr ? Kind::erase : Kind::erase_attributes;
    base::put_u8(out, static_cast<uint8_t>(kind));
    base::put_bytes(out, row.key);
    base::put_bytes(out, row.attributes);
    if (kind != Kind::erase_attributes) continue;
    base::put_varint(out, row.erased->size());
    for (const std::string_view name : *row.erased) base::put_bytes(out, name);
  }
  return out;
}

Result<CommitRows> CommitRows::decode(std::string bytes, table::Tables& tables) {
  CommitRows rows;
  rows.bytes_ = std::make_unique<const std::string>(std::move(bytes));
  base::ByteReader in(*rows.bytes_);
  const uint64_t table_count = in.varint();
  for (uint64_t n = 0; n < table_count && in.ok(); ++n) {
    const std::string_view name = in.bytes();
    const uint64_t keyspace = in.varint();
    auto found = tables.find(name);
    if (!found && found.error().kind != ErrorKind::not_found) return std::unexpected(found.error());
    rows.tables_.push_back(found && (*found)->keyspace.value == keyspace ? *found : nullptr);
  }
  const uint64_t count = in.varint();
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    SinkWrite row{};
    const uint64_t table = in.varint();
    const auto kind = static_cast<Kind>(in.u8());
    row.key = in.bytes();
    row.attributes = in.bytes();
    row.erase = kind != Kind::merge;
    if (kind == Kind::erase_attributes) {
      auto& names = rows.erased_.emplace_back();
      const uint64_t name_count = in.varint();
      for (uint64_t i = 0; i < name_count && in.ok(); ++i) names.push_back(in.bytes());
      row.erased = &names;
    }
    if (table >= rows.tables_.size()) break;
    row.table = rows.tables_[table].get();
    rows.writes_.push_back(row);
  }
  if (!in.ok() || !in.done() || rows.writes_.size() != count) {
    return millrace::fail(ErrorKind::corrupt, "the rows of a job's last commit are damaged");
  }
  return rows;
}

}  // namespace millrace::engine
