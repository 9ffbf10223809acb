#pragma once
// Store, put together: the writer's lock, the journal, the overlay with its applier, the row cache and RocksDB.
// Lock order: writer's lock, overlay's, stripe of the row cache; none is held while somebody else's code is called.

#include <atomic>
#include <mutex>
#include <span>
#include <vector>

#include "log/log.h"
#include "store/applier.h"
#include "store/overlay.h"
#include "store/row_cache.h"
#include "store/rows.h"
#include "store/store.h"
#include "store/writer_mutex.h"

namespace millrace::store {

class StoreImpl final : public Store {
 public:
  StoreImpl(const Options& options, std::unique_ptr<log::Log> journal, std::unique_ptr<Rows> rows);
  ~StoreImpl() override;

  std::unique_ptr<Transaction> begin() override;
  Result<std::unique_ptr<Transaction>> try_begin() override;
  Result<ReadResult> get(Keyspace space, std::string_view key) override;
  Result<CommitId> scan(Keyspace space, const ScanOptions& options,
                        const std::function<bool(const Entry&)>& each) override;
  void add_keyspace(Keyspace space) override { journal_->add_shard(space); }
  Result<CommitId> drop_keyspace(Keyspace space) override;
  log::Log& journal() override { return *journal_; }
  Statistics statistics() const override;
  uint64_t approximate_bytes(Keyspace space) const override;
  Result<void> copy_to(const std::string& directory, const std::stop_token& stop) override;
  void close() override;

  Result<void> replay();
  void start() { applier_.start(); }

  // For transactions, under the writer's lock. All or nothing.
  Result<GroupNumber> commit(std::span<const log::AppendRecord> records, std::span<const OverlayWrite> writes);

 private:
  GroupNumber complete_group() const;
  CommitId not_durable(GroupNumber group) const;
  Result<void> replay_group(GroupNumber group, std::span<const log::BlockPtr> blocks);

  const Options options_;
  std::unique_ptr<log::Log> journal_;
  std::unique_ptr<Rows> rows_;
  Overlay overlay_;
  RowCache cache_;

  WriterMutex writer_mutex_;
  std::atomic<bool> appending_{false};           // a commit is between the journal and the overlay
  std::atomic<uint64_t> last_entered_group_{0};  // of the newest commit in the overlay
  std::atomic<uint64_t> commits_{0};
  std::atomic<bool> closed_{false};
  Applier applier_;
};

}  // namespace millrace::store
