#include "store/store.h"

#include <algorithm>
#include <deque>

#include "log/log.h"
#include "store/change.h"
#include "store/directory.h"
#include "store/row_key.h"
#include "store/store_impl.h"
#include "store/transaction.h"

namespace millrace::store {
namespace {

const base::Clock& clock_of(const Store::Options& options) {
  return options.clock ? *options.clock : base::system_clock();
}

// With rows that are damaged and a journal that is whole: the rows are a view of the journal, if that still has it all.
std::string what_to_do(const log::Log& journal, const std::string& rows_directory) {
  const auto replayed =
      journal.replay(GroupNumber(0), [](GroupNumber, std::span<const log::BlockPtr>) -> Result<void> { return {}; });
  if (replayed) {
    return fmt::format(
        "; the journal is whole and goes back to the beginning: move {} away and start again, and all rows are made "
        "again from it",
        rows_directory);
  }
  if (replayed.error().kind == ErrorKind::trimmed) {
    return fmt::format(
        "; the journal has no longer what was written more than a day ago, so the rows cannot be made again from it: "
        "restore the whole data directory from a copy ({})",
        replayed.error().message);
  }
  return fmt::format("; restore the whole data directory from a copy ({})", replayed.error().message);
}

}  // namespace

StoreImpl::StoreImpl(const Options& options, std::unique_ptr<log::Log> journal, std::unique_ptr<Rows> rows)
    : options_(options),
      journal_(std::move(journal)),
      rows_(std::move(rows)),
      cache_(options.row_cache_bytes_max),
      applier_({overlay_, *rows_, *journal_, clock_of(options_), [this] { return complete_group(); }},
               {options.overlay_bytes_max, options.feed_retention_ms}) {}

StoreImpl::~StoreImpl() {
  close();
}

std::unique_ptr<Transaction> StoreImpl::begin() {
  for (;;) {
    applier_.wait_for_space();
    std::unique_lock lock(writer_mutex_);
    if (applier_.has_space() || applier_.error() || closed_) {
      return std::make_unique<TransactionImpl>(*this, std::move(lock));
    }
  }
}

Result<std::unique_ptr<Transaction>> StoreImpl::try_begin() {
  if (!applier_.has_space()) {
    if (auto error = applier_.error()) return std::unexpected(std::move(*error));
    return fail(ErrorKind::throttled, "the tables' disk is behind by {} MB; try again", overlay_.bytes() >> 20);
  }
  return std::make_unique<TransactionImpl>(*this, std::unique_lock(writer_mutex_));
}

// A group counts once it is durable and no commit of it is on its way into the overlay. The order of the reads matters:
// an append that is part of a durable group had begun before the group was seen to be durable.
GroupNumber StoreImpl::complete_group() const {
  const GroupNumber durable = journal_->durable_group();
  if (!appending_.load()) return durable;
  const uint64_t entered = last_entered_group_.load();
  return std::min(durable, GroupNumber(entered == 0 ? 0 : entered - 1));
}

CommitId StoreImpl::not_durable(GroupNumber group) const {
  return group.value == 0 || group <= journal_->durable_group() ? CommitId(0) : group;
}

Result<ReadResult> StoreImpl::get(Keyspace space, std::string_view key) {
  // Records are states and positions: read once, at a start.
  const bool cached = is_followed(space);
  uint64_t version = 0;
  if (cached) {
    if (auto found = cache_.find(space, key, version))
      return ReadResult{std::move(found->value), not_durable(found->group)};
  }
  thread_local std::string whole_key;
  set_row_key(whole_key, space, key);
  RowCache::Found row;
  if (auto found = overlay_.get(whole_key)) {
    row = {std::move(found->value), found->group};
  } else {
    TRY_ASSIGN(row.value, rows_->get(whole_key));
  }
  if (cached) cache_.enter(space, key, row, version);
  return ReadResult{std::move(row.value), not_durable(row.group)};
}

Result<CommitId> StoreImpl::scan(Keyspace space, const ScanOptions& options,
                                 const std::function<bool(const Entry&)>& each) {
  std::string from = row_key(space, options.from);
  std::string to = options.to ? row_key(space, *options.to) : row_key(space.next(), {});
  if (from >= to) return CommitId(0);
  const auto cursor = overlay_.cursor(*rows_, std::move(from), std::move(to), options.reverse);
  RowCursor& rows = cursor->rows();
  GroupNumber newest = cursor->newest_range();
  for (bool wanted = true; wanted && (cursor->valid() || rows.valid());) {
    int order = cursor->valid() ? -1 : 1;
    if (cursor->valid() && rows.valid()) {
      order = std::string_view(cursor->row().row_key).compare(rows.key());
      if (options.reverse) order = -order;
    }
    if (order <= 0) {
      OverlayRow& row = cursor->row();
      newest = std::max(newest, row.group);
      if (row.value) wanted = each({row.row_key.substr(keyspace_prefix_bytes), std::move(row.value)});
      cursor->move();
      if (order == 0) rows.move();
    } else {
      if (!cursor->hides(rows.key())) {
        wanted = each({std::string(key_of(rows.key())), std::make_shared<const std::string>(rows.value())});
      }
      rows.move();
    }
  }
  if (!rows.valid()) TRY(rows.status());
  return not_durable(newest);
}

Result<GroupNumber> StoreImpl::commit(std::span<const log::AppendRecord> records,
                                      std::span<const OverlayWrite> writes) {
  if (closed_) return fail(ErrorKind::unavailable, "the tables are closed");
  if (!applier_.has_space()) {
    if (auto error = applier_.error()) return std::unexpected(std::move(*error));
  }
  appending_.store(true);
  const auto group = journal_->append(records);
  if (group) {
    overlay_.commit(writes, *group);
    for (const OverlayWrite& write : writes) {
      const Keyspace space = keyspace_of(write.row_key);
      if (!is_followed(space)) continue;
      if (write.range_to) {
        cache_.forget(space);
      } else {
        cache_.write(space, key_of(write.row_key), {write.value, *group});
      }
    }
    last_entered_group_.store(group->value);
    commits_.fetch_add(1, std::memory_order_relaxed);
  }
  appending_.store(false);
  if (group) applier_.committed();
  return group;
}

Result<CommitId> StoreImpl::drop_keyspace(Keyspace space) {
  CHECK(space != records_keyspace);
  TransactionImpl transaction(*this, std::unique_lock(writer_mutex_));
  transaction.erase_keyspace(space);
  return transaction.commit();
}

Store::Statistics StoreImpl::statistics() const {
  const auto cache = cache_.statistics();
  return {.commits = commits_.load(),
          .overlay_bytes = overlay_.bytes(),
          .row_cache_bytes = cache.bytes,
          .row_cache_hits = cache.hits,
          .row_cache_misses = cache.misses,
          .applied = rows_->position()};
}

uint64_t StoreImpl::approximate_bytes(Keyspace space) const {
  return rows_->approximate_bytes(row_key(space, {}), row_key(space.next(), {}));
}

Result<void> StoreImpl::replay_group(GroupNumber group, std::span<const log::BlockPtr> blocks) {
  std::vector<OverlayWrite> writes;
  std::vector<OverlayWrite> dropped;
  std::deque<std::string> keys;
  const auto add = [&](ShardId shard, const log::Record& record) -> Result<void> {
    TRY_ASSIGN(const auto range, get_range_erasure(record.data));
    if (!range) {
      TRY_ASSIGN(const auto change, get_change(record.data));
      Bytes value = change.new_value ? std::make_shared<const std::string>(*change.new_value) : nullptr;
      writes.push_back({keys.emplace_back(row_key(shard, record.key)), std::move(value), std::nullopt});
      return {};
    }
    if (shard != records_keyspace || record.key.size() < keyspace_prefix_bytes) {
      return fail(ErrorKind::corrupt, "an erased range in shard {}", shard);
    }
    // Dropped keyspaces go last: nothing is written to them afterwards, and a group keeps no order between its shards.
    auto& list = keyspace_of(record.key) == records_keyspace ? writes : dropped;
    list.push_back({record.key, nullptr, range->to});
    return {};
  };
  for (const log::BlockPtr& block : blocks) {
    Result<void> added;
    log::for_each_record(*block, block->first, [&](const log::Record& record) {
      if (added) added = add(block->shard, record);
    });
    if (!added) return std::unexpected(added.error().within(fmt::format("the journal's group {}", group)));
  }
  writes.insert(writes.end(), dropped.begin(), dropped.end());
  overlay_.commit(writes, group);
  return {};
}

// What RocksDB lacks goes to the overlay, as it was before the stop; what is too much for it is applied at once.
Result<void> StoreImpl::replay() {
  const GroupNumber position = rows_->position();
  const GroupNumber durable = journal_->durable_group();
  if (durable < position) {
    return fail(ErrorKind::corrupt,
                "{}: the journal ends at group {}, yet the rows are those of group {}; they are not of one time. "
                "Restore the whole data directory from one copy",
                options_.directory, durable, position);
  }
  auto replayed =
      journal_->replay(position, [&](GroupNumber group, std::span<const log::BlockPtr> blocks) -> Result<void> {
        TRY(replay_group(group, blocks));
        return overlay_.bytes() < options_.overlay_bytes_max / 2 ? Result<void>() : applier_.catch_up(group);
      });
  if (!replayed && replayed.error().kind == ErrorKind::trimmed) {
    return fail(ErrorKind::corrupt,
                "{}: the journal no longer holds what follows group {}, to which the rows have come; they are not of "
                "one time. Restore the whole data directory from one copy",
                options_.directory, position);
  }
  return replayed;
}

// The rows first: what the journal has then covers them.
Result<void> StoreImpl::copy_to(const std::string& directory, const std::stop_token& stop) {
  TRY(prepare_directory(directory));
  TRY(rows_->copy_to(directory + "/rocksdb"));
  return journal_->copy_to(directory + "/journal", stop);
}

void StoreImpl::close() {
  if (closed_.exchange(true)) return;
  GroupNumber last;
  {
    std::lock_guard lock(writer_mutex_);
    last = GroupNumber(last_entered_group_.load());
  }
  if (last.value > 0) journal_->wait_durable(last);
  applier_.stop();
  // If RocksDB fails here, the next start replays the journal.
  (void)applier_.flush_and_trim(true);
  journal_->close();
}

Result<std::unique_ptr<Store>> Store::open(const Options& options) {
  TRY(prepare_directory(options.directory));
  release_reserve(options.directory);
  TRY_ASSIGN(auto journal, log::open_log({.directory = options.directory + "/journal",
                                          .segment_bytes = options.segment_bytes,
                                          .durable = options.durable,
                                          .clock = options.clock,
                                          .io = options.io}));
  const std::string rows_directory = options.directory + "/rocksdb";
  auto rows = Rows::open({.directory = rows_directory,
                          .block_cache_bytes = options.block_cache_bytes,
                          .open_files_max = options.row_files_max});
  if (!rows) {
    const Error& error = rows.error();
    return fail(error.kind, "{}{}", error.message,
                error.kind == ErrorKind::corrupt ? what_to_do(*journal, rows_directory) : "");
  }
  auto store = std::make_unique<StoreImpl>(options, std::move(journal), std::move(*rows));
  store->add_keyspace(records_keyspace);
  TRY(store->replay());
  store->start();
  take_reserve(options.directory);
  return store;
}

}  // namespace millrace::store
