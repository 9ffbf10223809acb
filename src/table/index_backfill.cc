#include "table/index_backfill.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "log/log.h"
#include "table/transaction.h"

namespace millrace::table {
namespace {

using namespace std::chrono_literals;

// What a piece takes at most: others wait for the writer's lock meanwhile.
constexpr size_t piece_items_max = 64;
constexpr size_t piece_bytes_max = size_t{256} << 10;
constexpr auto retry_interval = 500ms;

bool waits_for_disk(ErrorKind kind) {
  return kind == ErrorKind::throttled || kind == ErrorKind::disk_full;
}

}  // namespace

struct IndexBackfill::Durable {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

IndexBackfill::IndexBackfill(store::Store& store, Catalog& catalog, Complete complete)
    : store_(store), catalog_(catalog), complete_(std::move(complete)) {}

IndexBackfill::~IndexBackfill() {
  stop();
}

void IndexBackfill::wake() {
  std::lock_guard lock(mutex_);
  if (stopping_ || to_fill().empty()) return;
  woken_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_all();
}

void IndexBackfill::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool IndexBackfill::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

bool IndexBackfill::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, retry_interval, [&] { return stopping_; });
  return !stopping_;
}

void IndexBackfill::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || woken_; });
      if (stopping_) return;
      woken_ = false;
    }
    for (bool again = true; again;) {
      again = false;
      for (Work& work : to_fill()) {
        const auto filled = fill(work);
        if (stopping()) return;
        if (filled) continue;
        again = true;
        if (waits_for_disk(filled.error().kind)) break;
        const TableDefinition& table = *work.table->definition;
        spdlog::error("table {}: its index {} cannot be filled, which is tried again: {}", table.name,
                      table.indexes[work.index].name, filled.error().message);
      }
      if (again && !pause()) return;
    }
  }
}

std::vector<IndexBackfill::Work> IndexBackfill::to_fill() const {
  std::vector<Work> all;
  for (const auto& state : catalog_.list()) {
    const auto& indexes = state->definition->indexes;
    for (size_t i = 0; i < indexes.size(); ++i) {
      if (indexes[i].backfilling) all.push_back({.table = state, .index = i});
    }
  }
  return all;
}

Result<void> IndexBackfill::fill(Work& work) {
  TRY(begin(work));
  while (!work.at_end) {
    TRY_ASSIGN(const bool there, fill_piece(work));
    if (!there || stopping()) return {};
  }
  return complete_(*work.table->definition, work.keyspace());
}

Result<void> IndexBackfill::begin(Work& work) {
  // A transaction that began before the index was known may still be writing without it: what it writes is to be seen
  // by the scans below.
  store_.begin().reset();
  TRY_ASSIGN(const auto next, store_.get(store::records_keyspace, backfill_record(work.keyspace())));
  if (next.value) work.next = *next.value;
  return {};
}

Result<bool> IndexBackfill::fill_piece(Work& work) {
  const store::Keyspace table = work.table->definition->keyspace;
  std::vector<std::string> keys;
  size_t bytes = 0;
  TRY(store_.scan(table, {work.next, std::nullopt, false}, [&](const store::Entry& entry) {
    keys.push_back(entry.key);
    bytes += entry.key.size() + entry.value->size();
    return keys.size() < piece_items_max && bytes < piece_bytes_max;
  }));
  work.at_end = keys.size() < piece_items_max && bytes < piece_bytes_max;

  TransactionImpl transaction(catalog_, store_.begin());
  const auto state = catalog_.find(table);
  if (!state) return false;
  const auto& indexes = state->definition->indexes;
  const auto index = std::ranges::find(indexes, work.keyspace(), &IndexDefinition::keyspace);
  if (index == indexes.end()) return false;
  work.index = static_cast<size_t>(index - indexes.begin());
  work.table = state;
  for (const std::string& key : keys) TRY(transaction.backfill(state, work.index, key));
  if (keys.empty()) return true;
  std::string next = keys.back() + '\0';
  TRY(transaction.store().put(store::records_keyspace, backfill_record(work.keyspace()),
                              std::make_shared<const std::string>(next)));
  TRY_ASSIGN(const CommitId commit, transaction.commit());
  work.next = std::move(next);
  // At the disk's pace, so that writers find space.
  return wait_durable(commit);
}

// Not by the log's own wait: at a stop nobody may be left who reaps.
bool IndexBackfill::wait_durable(CommitId commit) {
  const auto durable = std::make_shared<Durable>();
  store_.journal().when_durable(commit, [durable] {
    std::lock_guard lock(durable->mutex);
    durable->done = true;
    durable->changed.notify_all();
  });
  store_.journal().flush();
  for (;;) {
    if (stopping()) return false;
    std::unique_lock lock(durable->mutex);
    if (durable->changed.wait_for(lock, 100ms, [&] { return durable->done; })) return true;
  }
}

}  // namespace millrace::table
