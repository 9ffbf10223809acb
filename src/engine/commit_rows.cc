#include "engine/commit_rows.h"

#include <algorithm>

#include "base/bytes.h"

namespace millrace::engine {

namespace {
enum class Kind : uint8_t { merge, erase, erase_attributes };
}  // namespace

std::string encode_rows(std::span<const connector::Write> writes) {
  std::vector<const connector::Target*> targets;
  size_t bytes = 0;
  for (const connector::Write& row : writes) {
    if (std::ranges::find(targets, row.target) == targets.end()) targets.push_back(row.target);
    bytes += row.key.size() + row.value.size() + 16;
  }
  std::string out;
  out.reserve(bytes);
  base::put_varint(out, targets.size());
  for (const connector::Target* target : targets) {
    base::put_bytes(out, target->name);
    base::put_varint(out, target->shard.value);
  }
  base::put_varint(out, writes.size());
  for (const connector::Write& row : writes) {
    base::put_varint(out, std::ranges::find(targets, row.target) - targets.begin());
    const Kind kind = !row.erase ? Kind::merge : row.erased == nullptr ? Kind::erase : Kind::erase_attributes;
    base::put_u8(out, static_cast<uint8_t>(kind));
    base::put_bytes(out, row.key);
    base::put_bytes(out, row.value);
    if (kind != Kind::erase_attributes) continue;
    base::put_varint(out, row.erased->size());
    for (const std::string_view name : *row.erased) base::put_bytes(out, name);
  }
  return out;
}

Result<CommitRows> CommitRows::decode(std::string bytes, connector::Storage& storage) {
  CommitRows rows;
  rows.bytes_ = std::make_unique<const std::string>(std::move(bytes));
  base::ByteReader in(*rows.bytes_);
  const uint64_t target_count = in.varint();
  for (uint64_t n = 0; n < target_count && in.ok(); ++n) {
    const std::string_view name = in.bytes();
    const ShardId shard(static_cast<uint32_t>(in.varint()));
    TRY_ASSIGN(auto target, storage.target(name, shard));
    rows.targets_.push_back(std::move(target));
  }
  const uint64_t count = in.varint();
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    connector::Write row{};
    const uint64_t target = in.varint();
    const auto kind = static_cast<Kind>(in.u8());
    row.key = in.bytes();
    row.value = in.bytes();
    row.erase = kind != Kind::merge;
    if (kind == Kind::erase_attributes) {
      auto& names = rows.erased_.emplace_back();
      const uint64_t name_count = in.varint();
      for (uint64_t i = 0; i < name_count && in.ok(); ++i) names.push_back(in.bytes());
      row.erased = &names;
    }
    if (target >= rows.targets_.size()) break;
    row.target = rows.targets_[target].get();
    rows.writes_.push_back(row);
  }
  if (!in.ok() || !in.done() || rows.writes_.size() != count) {
    return millrace::fail(ErrorKind::corrupt, "the rows of a job's last commit are damaged");
  }
  return rows;
}

}  // namespace millrace::engine
