#include "table/transaction.h"

#include <algorithm>

#include "table/expression.h"
#include "table/index.h"
#include "table/item_merge.h"
#include "table/keys.h"

namespace millrace::table {
namespace {

// The counts of a table are written down after that many changes, so a crash leaves them wrong by less.
constexpr uint64_t changes_between_saves = 256;

// Stored bytes and DynamoDB's size differ by less than this factor, so small items need not be measured.
constexpr size_t size_factor = 4;

using Kind = WriteRequest::Kind;

Result<void> check_size(size_t bytes, bool updates) {
  if (bytes <= item_bytes_max) return {};
  return fail(ErrorKind::invalid_argument, "Item size{} has exceeded the maximum allowed size",
              updates ? " to update" : "");
}

Result<void> check_return_values(const WriteRequest& request) {
  const bool ok =
      request.kind == Kind::update || request.return_values == ReturnValues::none ||
      (request.return_values == ReturnValues::all_old && (request.kind == Kind::put || request.kind == Kind::erase));
  if (ok) return {};
  return fail(ErrorKind::invalid_argument, "Return values set to invalid value");
}

}  // namespace

Result<void> put_key_of_write(std::string& out, const TableDefinition& table, const WriteRequest& request) {
  if (request.kind != Kind::put) return put_key(out, table, request.item);
  TRY(put_key_of_item(out, table, request.item));
  if (!table.indexes.empty()) TRY(check_index_keys(table, request.item));
  return check_size(item_size(request.item), false);
}

struct TransactionImpl::Old {
  store::Bytes bytes;
  std::optional<Item> decoded;

  Result<const Item*> item() {
    if (!bytes) return nullptr;
    if (!decoded) {
      TRY_ASSIGN(decoded, get_item(*bytes));
    }
    return &*decoded;
  }
  Result<std::optional<Item>> copy() {
    TRY_ASSIGN(const Item* found, item());
    return found ? std::optional(*found) : std::nullopt;
  }
};

bool TransactionImpl::Target::keeps_old() const {
  const auto view = table().change_feed;
  return view == ViewType::old_image || view == ViewType::new_and_old_images;
}

TransactionImpl::Target& TransactionImpl::target_of(TableStatePtr state) {
  // By the keyspace: one transaction sees one definition of a table, though it may be changed meanwhile.
  for (Target& target : targets_) {
    if (target.table().keyspace == state->definition->keyspace) return target;
  }
  Target& target = targets_.emplace_back(Target{std::move(state)});
  target.index_deltas.resize(target.table().indexes.size());
  return target;
}

Result<WriteResult> TransactionImpl::write(const WriteRequest& request) {
  TRY(check_return_values(request));
  TRY_ASSIGN(auto state, catalog_.need(request.table));
  Target& target = target_of(std::move(state));
  const TableDefinition& table = target.table();
  key_.clear();
  TRY(put_key_of_write(key_, table, request));
  Old old;
  TRY_ASSIGN(old.bytes, store_->get(table.keyspace, key_));

  WriteResult result;
  UsedSubstitutions used(request.substitutions);
  std::optional<BoundUpdate> update;
  if (!request.update_expression.empty()) {
    TRY_ASSIGN(auto expression, parse_update(request.update_expression));
    TRY_ASSIGN(update, BoundUpdate::bind(std::move(expression), used, table));
  }
  if (!request.condition_expression.empty()) {
    TRY_ASSIGN(const auto condition, parse_condition(request.condition_expression, "ConditionExpression"));
    TRY_ASSIGN(const Item* item, old.item());
    TRY_ASSIGN(result.condition_held, evaluate(*condition, used, item));
  }
  TRY(used.check_all_used());
  if (!result.condition_held) {
    if (request.return_old_on_failure) {
      TRY_ASSIGN(result.attributes, old.copy());
    }
    return result;
  }
  if (request.return_values == ReturnValues::all_old) {
    TRY_ASSIGN(result.attributes, old.copy());
  }
  switch (request.kind) {
    case Kind::put: {
      std::string bytes;
      put_item(bytes, request.item);
      TRY(put_bytes(target, key_, old.bytes, std::move(bytes)));
      break;
    }
    case Kind::erase:
      TRY(erase(target, key_, old.bytes));
      break;
    case Kind::update: {
      TRY_ASSIGN(auto updated, carry_out(target, request, update, old));
      if (updated.attributes) result.attributes = std::move(updated.attributes);
      break;
    }
    case Kind::check:
      break;
  }
  return result;
}

// Where there is no item an update makes it, even without an expression, unless it only takes attributes away.
Result<WriteResult> TransactionImpl::carry_out(Target& target, const WriteRequest& request,
                                               const std::optional<BoundUpdate>& update, Old& old) {
  TRY_ASSIGN(const Item* before, old.item());
  if (!before && update && update->only_takes_away()) return WriteResult();
  Item item;
  if (update) {
    TRY_ASSIGN(item, update->apply(request.item, before));
  } else {
    item = before ? *before : request.item;
  }
  TRY(check_size(item_size(item), true));
  if (item_nesting(item) > nesting_max) {
    return fail(ErrorKind::invalid_argument, "{}", nested_too_deep);
  }
  if (!target.table().indexes.empty()) TRY(check_index_keys_of_update(target.table(), before, item));

  WriteResult result;
  if (request.return_values == ReturnValues::updated_old && before && update) {
    result.attributes = update->project(*before);
  } else if (request.return_values == ReturnValues::updated_new && update) {
    result.attributes = update->project(item);
  }
  if (result.attributes && result.attributes->empty()) result.attributes.reset();
  std::string bytes;
  put_item(bytes, item);
  TRY(put_bytes(target, key_, old.bytes, std::move(bytes)));
  if (request.return_values == ReturnValues::all_new) result.attributes = std::move(item);
  return result;
}

// A job writes to few tables, so the last ones are looked through before the catalog.
Result<TransactionImpl::Target*> TransactionImpl::target_of(const TableDefinition& table) {
  for (Target& target : targets_) {
    if (target.table().keyspace == table.keyspace) return &target;
  }
  auto state = catalog_.find(table.keyspace);
  if (!state) return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", table.name);
  return &target_of(std::move(state));
}

Result<void> TransactionImpl::merge(const TableDefinition& table, std::string_view key, std::string_view attributes) {
  TRY_ASSIGN(Target * target, target_of(table));
  TRY_ASSIGN(const store::Bytes old, store_->get(table.keyspace, key));
  if (old && *old == attributes) return {};
  std::string merged;
  if (old) {
    merged.reserve(old->size() + attributes.size());
    TRY(put_merged(merged, *old, attributes));
  } else {
    merged = attributes;
  }
  if (merged.size() > item_bytes_max / size_factor) {
    TRY_ASSIGN(const size_t size, stored_item_size(merged));
    if (size > item_bytes_max) {
      return fail(ErrorKind::limit_exceeded, "the item would have {} bytes; {} are the most", size, item_bytes_max);
    }
  }
  return put_bytes(*target, key, old, std::move(merged));
}

Result<void> TransactionImpl::erase_attributes(const TableDefinition& table, std::string_view key,
                                               std::span<const std::string_view> names) {
  TRY_ASSIGN(Target * target, target_of(table));
  TRY_ASSIGN(const store::Bytes old, store_->get(table.keyspace, key));
  if (!old) return {};
  std::string rest;
  TRY_ASSIGN(const size_t left, put_without(rest, *old, names));
  const size_t of_key = table.range_key ? 2 : 1;
  if (left == of_key) return erase(*target, key, old);
  return put_bytes(*target, key, old, std::move(rest));
}

Result<void> TransactionImpl::erase(const TableDefinition& table, std::string_view key) {
  TRY_ASSIGN(Target * target, target_of(table));
  TRY_ASSIGN(const store::Bytes old, store_->get(table.keyspace, key));
  return erase(*target, key, old);
}

// Here all writes of items come through.
Result<void> TransactionImpl::put_bytes(Target& target, std::string_view key, const store::Bytes& old,
                                        std::string bytes) {
  if (old && *old == bytes) return {};
  target.delta.items += old ? 0 : 1;
  target.delta.bytes += static_cast<int64_t>(bytes.size());
  target.delta.bytes -= old ? static_cast<int64_t>(old->size()) : -static_cast<int64_t>(key.size());
  ++target.delta.changes;
  auto now = std::make_shared<const std::string>(std::move(bytes));
  if (!target.index_deltas.empty()) TRY(change_indexes(target, key, old, now));
  return store_->put(target.table().keyspace, key, std::move(now), target.keeps_old());
}

// And all erasures.
Result<void> TransactionImpl::erase(Target& target, std::string_view key, const store::Bytes& old, bool expired) {
  if (!old) return {};
  target.delta.items -= 1;
  target.delta.bytes -= static_cast<int64_t>(key.size() + old->size());
  ++target.delta.changes;
  if (!target.index_deltas.empty()) TRY(change_indexes(target, key, old, nullptr));
  if (expired) return store_->expire(target.table().keyspace, key);
  // The old value is always kept: the change's keys are read from it.
  return store_->erase(target.table().keyspace, key, true);
}

Result<void> TransactionImpl::change_indexes(Target& target, std::string_view key, const store::Bytes& old,
                                             const store::Bytes& now) {
  const TableDefinition& table = target.table();
  std::string old_key;
  std::string new_key;
  for (size_t i = 0; i < table.indexes.size(); ++i) {
    const IndexDefinition& index = table.indexes[i];
    old_key.clear();
    new_key.clear();
    bool was = false;
    bool is = false;
    if (old) {
      TRY_ASSIGN(was, put_entry_key(old_key, index, *old, key));
    }
    if (now) {
      TRY_ASSIGN(is, put_entry_key(new_key, index, *now, key));
    }
    if (!was && !is) continue;
    const bool stays = was && is && old_key == new_key;
    // The key has all that such an entry holds.
    if (stays && index.projection == Projection::keys_only && !index.backfilling) continue;
    store::Bytes old_value;
    if (was) {
      if (index.backfilling) {
        TRY_ASSIGN(old_value, store_->get(index.keyspace, old_key));
      } else {
        TRY_ASSIGN(old_value, entry_value(table, index, old));
      }
    }
    if (was && !stays) {
      TRY(erase_entry(target, i, old_key, old_value));
      old_value = nullptr;
    }
    if (!is) continue;
    TRY_ASSIGN(auto value, entry_value(table, index, now));
    TRY(put_entry(target, i, new_key, old_value, std::move(value)));
  }
  return {};
}

Result<store::Bytes> TransactionImpl::entry_value(const TableDefinition& table, const IndexDefinition& index,
                                                  const store::Bytes& item) const {
  if (index.projection == Projection::all) return item;
  std::string value;
  TRY(put_entry_value(value, table, index, *item));
  return std::make_shared<const std::string>(std::move(value));
}

Result<void> TransactionImpl::put_entry(Target& target, size_t index, std::string_view entry_key,
                                        const store::Bytes& old, store::Bytes value) {
  if (old && *old == *value) return {};
  Delta& delta = target.index_deltas[index];
  delta.items += old ? 0 : 1;
  delta.bytes += static_cast<int64_t>(value->size());
  delta.bytes -= old ? static_cast<int64_t>(old->size()) : -static_cast<int64_t>(entry_key.size());
  ++delta.changes;
  return store_->put(target.table().indexes[index].keyspace, entry_key, std::move(value));
}

Result<void> TransactionImpl::erase_entry(Target& target, size_t index, std::string_view entry_key,
                                          const store::Bytes& old) {
  if (!old) return {};
  Delta& delta = target.index_deltas[index];
  delta.items -= 1;
  delta.bytes -= static_cast<int64_t>(entry_key.size() + old->size());
  ++delta.changes;
  return store_->erase(target.table().indexes[index].keyspace, entry_key);
}

Result<bool> TransactionImpl::expire(const TableDefinition& table, std::string_view key, const Item& entry) {
  TRY_ASSIGN(Target * target, target_of(table));
  TRY_ASSIGN(const store::Bytes old, store_->get(table.keyspace, key));
  if (!old) return false;
  for (const auto& [name, value] : entry) {
    TRY_ASSIGN(const auto current, get_attribute(*old, name));
    if (!current || *current != value) return false;
  }
  TRY(erase(*target, key, old, true));
  return true;
}

Result<void> TransactionImpl::backfill(const TableStatePtr& state, size_t index, std::string_view key) {
  Target& target = target_of(state);
  const TableDefinition& table = target.table();
  TRY_ASSIGN(const store::Bytes item, store_->get(table.keyspace, key));
  if (!item) return {};
  std::string entry_key;
  TRY_ASSIGN(const bool has_place, put_entry_key(entry_key, table.indexes[index], *item, key));
  if (!has_place) return {};
  TRY_ASSIGN(const store::Bytes old, store_->get(table.indexes[index].keyspace, entry_key));
  TRY_ASSIGN(auto value, entry_value(table, table.indexes[index], item));
  return put_entry(target, index, entry_key, old, std::move(value));
}

Result<void> TransactionImpl::put_record(std::string_view key, std::string value) {
  TRY(check_record_key(key));
  return store_->put(store::records_keyspace, key, std::make_shared<const std::string>(std::move(value)));
}

Result<void> TransactionImpl::erase_record(std::string_view key) {
  TRY(check_record_key(key));
  return store_->erase(store::records_keyspace, key);
}

Result<void> TransactionImpl::erase_records(std::string_view prefix) {
  TRY(check_record_key(prefix));
  return store_->erase_range(store::records_keyspace, prefix, end_of_prefix(std::string(prefix)));
}

template <class F>
Result<void> TransactionImpl::each_count(F f) {
  for (Target& target : targets_) {
    TRY(f(target.table().keyspace, *target.state->counts, target.delta));
    for (size_t i = 0; i < target.index_deltas.size(); ++i) {
      TRY(f(target.table().indexes[i].keyspace, *target.state->index_counts[i], target.index_deltas[i]));
    }
  }
  return {};
}

Result<CommitId> TransactionImpl::commit() {
  TRY(each_count([&](store::Keyspace keyspace, const KeyspaceCounts& counts, const Delta& delta) -> Result<void> {
    if (counts.unsaved_changes + delta.changes < changes_between_saves) return {};
    return store_->put(
        store::records_keyspace, counts_record(keyspace),
        std::make_shared<const std::string>(encode_counts(counts.items + delta.items, counts.bytes + delta.bytes)));
  }));
  // The counts are guarded by the lock that commit() lets go; nobody reads them before the commit is known to hold
  // but for DescribeTable, which wants them roughly.
  (void)each_count([](store::Keyspace, KeyspaceCounts& counts, const Delta& delta) -> Result<void> {
    counts.items += delta.items;
    counts.bytes += delta.bytes;
    counts.unsaved_changes += delta.changes;
    if (counts.unsaved_changes >= changes_between_saves) counts.unsaved_changes = 0;
    return {};
  });
  const CommitId depends_on = store_->depends_on();
  const auto commit = store_->commit();
  if (!commit) {
    (void)each_count([](store::Keyspace, KeyspaceCounts& counts, const Delta& delta) -> Result<void> {
      counts.items -= delta.items;
      counts.bytes -= delta.bytes;
      // What was to be written down was not, and another commit may have written these counts down meanwhile.
      counts.unsaved_changes += changes_between_saves;
      return {};
    });
    return commit;
  }
  return std::max(*commit, depends_on);
}

}  // namespace millrace::table
