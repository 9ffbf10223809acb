#include "table/expiry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "log/log.h"
#include "table/keys.h"
#include "table/transaction.h"

namespace millrace::table {
namespace {

// What a step takes at most of one table: others wait for the writer's lock meanwhile.
constexpr size_t step_items_max = 64;
// A time further back is taken for another unit than seconds, as in DynamoDB.
constexpr int64_t seconds_back_max = int64_t{5} * 365 * 24 * 3600;

std::string key_at(int64_t seconds) {
  std::string key;
  put_hash_key(key, std::span<const KeyValue>());
  put_inner_key(key, KeyValue(Number(seconds)));
  return key;
}

}  // namespace

IndexDefinition expiry_index(const TableDefinition& table) {
  IndexDefinition index;
  index.global = false;
  index.range_key = {{table.expiry_attribute, KeyType::number}};
  index.projection = Projection::keys_only;
  return index;
}

Expiry::~Expiry() {
  stop();
}

void Expiry::wake() {
  std::lock_guard lock(mutex_);
  const auto has_index = [](const auto& state) {
    return std::ranges::any_of(state->definition->indexes, &IndexDefinition::is_hidden);
  };
  if (stopping_) return;
  if (!thread_.joinable()) {
    if (std::ranges::none_of(catalog_.list(), has_index)) return;
    thread_ = std::thread([this] { run(); });
  }
  woken_ = true;
  wake_.notify_all();
}

void Expiry::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Expiry::run() {
  for (;;) {
    const auto removed = step();
    if (!removed && removed.error().kind != ErrorKind::throttled && removed.error().kind != ErrorKind::disk_full) {
      spdlog::error("items whose time has come could not be removed, which is tried again: {}",
                    removed.error().message);
    }
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (removed && *removed > 0) continue;
    wake_.wait_for(lock, std::chrono::milliseconds(expiry_interval_ms), [&] { return stopping_ || woken_; });
    if (stopping_) return;
    woken_ = false;
  }
}

Result<size_t> Expiry::step() {
  size_t removed = 0;
  Result<void> failed;
  for (const auto& state : catalog_.list()) {
    for (const IndexDefinition& index : state->definition->indexes) {
      if (!index.is_hidden()) continue;
      const auto some = expire_some(state, index);
      if (some) {
        removed += *some;
      } else if (failed) {
        failed = std::unexpected(some.error().within(fmt::format("table {}", state->definition->name)));
      }
    }
  }
  if (removed == 0) TRY(std::move(failed));
  return removed;
}

Result<size_t> Expiry::expire_some(const TableStatePtr& state, const IndexDefinition& index) {
  const TableDefinition& table = *state->definition;
  const int64_t now = clock_.now().value / 1000;
  std::vector<Item> entries;
  Result<void> read;
  // Up to the very second: an item whose time is now has expired.
  TRY(store_.scan(index.keyspace, {key_at(now - seconds_back_max), end_of_prefix(key_at(now)), false},
                  [&](const store::Entry& entry) {
                    auto item = get_item(*entry.value);
                    if (!item) {
                      read = std::unexpected(item.error());
                      return false;
                    }
                    entries.push_back(std::move(*item));
                    return entries.size() < step_items_max;
                  }));
  TRY(std::move(read));
  if (entries.empty()) return 0;

  TRY_ASSIGN(auto begun, store_.try_begin());
  TransactionImpl transaction(catalog_, std::move(begun));
  size_t removed = 0;
  for (const Item& entry : entries) {
    std::string key;
    TRY(put_key_of_item(key, table, entry));
    TRY_ASSIGN(const bool gone, transaction.expire(table, key, entry));
    removed += gone ? 1 : 0;
  }
  TRY(transaction.commit());
  store_.journal().flush();
  return removed;
}

}  // namespace millrace::table
