#include "store/rows.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"
#include "base/file.h"
#include "store/row_key.h"

namespace millrace::store {
namespace {

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

std::unexpected<Error> fail_status(const std::string& directory, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  // RocksDB keeps the system's word for a failure, not its number, and wraps some failures of the system in an invalid
  // argument.
  const bool system_failed = status.IsIOError() || says("IO error: ");
  if (status.IsNoSpace() || (system_failed && says(std::strerror(ENOSPC)))) {
    return fail(ErrorKind::disk_full, "{}: no space left on the disk; free some", directory);
  }
  if (system_failed && says(std::strerror(EMFILE))) return fail_errno(directory, EMFILE);
  if (status.IsIOError() &&
      (says("lock hold by current process") || (says("lock file") && says(std::strerror(EAGAIN))))) {
    return fail(ErrorKind::in_use, "{}: another process uses it ({}); stop that one or name another data directory",
                directory, text);
  }
  if (!system_failed && (status.IsCorruption() || status.IsInvalidArgument())) {
    return fail(ErrorKind::corrupt, "{}: the rows are damaged ({})", directory, text);
  }
  return fail(ErrorKind::io, "{}: {}", directory, text);
}

class RocksBatch final : public RowBatch {
 public:
  void put(std::string_view row_key, std::string_view value) override {
    keep(batch_.Put(slice(row_key), slice(value)));
  }
  void erase(std::string_view row_key) override { keep(batch_.Delete(slice(row_key))); }
  void erase_range(std::string_view from, std::string_view to) override {
    keep(batch_.DeleteRange(slice(from), slice(to)));
  }
  size_t bytes() const override { return batch_.GetDataSize(); }
  void clear() override {
    batch_.Clear();
    status_ = rocksdb::Status::OK();
  }

  rocksdb::WriteBatch& batch() { return batch_; }
  const rocksdb::Status& status() const { return status_; }

 private:
  void keep(const rocksdb::Status& status) {
    if (!status.ok()) status_ = status;
  }

  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

class RocksCursor final : public RowCursor {
 public:
  RocksCursor(rocksdb::DB& db, const std::string& directory, std::string from, std::string to, bool reverse)
      : directory_(directory), from_(std::move(from)), to_(std::move(to)), reverse_(reverse) {
    lower_ = from_;
    upper_ = to_;
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower_;
    options.iterate_upper_bound = &upper_;
    iterator_.reset(db.NewIterator(options));
    if (reverse_) {
      iterator_->SeekToLast();
    } else {
      iterator_->SeekToFirst();
    }
  }

  bool valid() const override { return iterator_->Valid(); }
  std::string_view key() const override { return view(iterator_->key()); }
  std::string_view value() const override { return view(iterator_->value()); }
  void move() override {
    if (reverse_) {
      iterator_->Prev();
    } else {
      iterator_->Next();
    }
  }
  Result<void> status() const override {
    if (!iterator_->status().ok()) return fail_status(directory_, iterator_->status());
    return {};
  }

 private:
  const std::string& directory_;
  const std::string from_;
  const std::string to_;
  const bool reverse_;
  rocksdb::Slice lower_;
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksRows final : public Rows {
 public:
  RocksRows(std::string directory, std::unique_ptr<rocksdb::DB> db, GroupNumber position)
      : directory_(std::move(directory)), db_(std::move(db)), position_(position.value) {
    write_options_.disableWAL = true;
  }

  ~RocksRows() override { rocksdb::CancelAllBackgroundWork(db_.get(), true); }

  std::unique_ptr<RowBatch> make_batch() const override { return std::make_unique<RocksBatch>(); }

  Result<void> write(RowBatch& rows, GroupNumber position) override {
    auto& batch = static_cast<RocksBatch&>(rows);
    if (!batch.status().ok()) return fail_status(directory_, batch.status());
    batch.put(position_key(), encode(position));
    if (const auto status = db_->Write(write_options_, &batch.batch()); !status.ok()) {
      return fail_status(directory_, status);
    }
    position_.store(position.value);
    return {};
  }

  Result<Bytes> get(std::string_view row_key) const override {
    rocksdb::PinnableSlice value;
    const auto status = db_->Get(read_options_, db_->DefaultColumnFamily(), slice(row_key), &value);
    if (status.IsNotFound()) return nullptr;
    if (!status.ok()) return fail_status(directory_, status);
    return std::make_shared<const std::string>(value.data(), value.size());
  }

  std::unique_ptr<RowCursor> cursor(std::string from, std::string to, bool reverse) const override {
    return std::make_unique<RocksCursor>(*db_, directory_, std::move(from), std::move(to), reverse);
  }

  GroupNumber position() const override { return GroupNumber(position_.load()); }

  Result<GroupNumber> flushed_position() const override {
    rocksdb::ReadOptions options;
    options.read_tier = rocksdb::kPersistedTier;
    return read_position(*db_, directory_, options);
  }

  Result<void> flush(bool wait) override {
    rocksdb::FlushOptions options;
    options.wait = wait;
    options.allow_write_stall = true;
    if (const auto status = db_->Flush(options); !status.ok()) return fail_status(directory_, status);
    return {};
  }

  Result<void> resume() override {
    if (const auto status = db_->Resume(); !status.ok()) return fail_status(directory_, status);
    return {};
  }

  Result<void> copy_to(const std::string& directory) const override {
    rocksdb::Checkpoint* made = nullptr;
    auto status = rocksdb::Checkpoint::Create(db_.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
    if (!status.ok()) return fail_status(directory, status);
    return {};
  }

  uint64_t approximate_bytes(std::string_view from, std::string_view to) const override {
    const rocksdb::Range range(slice(from), slice(to));
    rocksdb::SizeApproximationOptions options;
    options.include_memtables = true;
    uint64_t bytes = 0;
    if (!db_->GetApproximateSizes(options, db_->DefaultColumnFamily(), &range, 1, &bytes).ok()) return 0;
    return bytes;
  }

  static Result<GroupNumber> read_position(rocksdb::DB& db, const std::string& directory,
                                           const rocksdb::ReadOptions& options) {
    std::string value;
    const auto status = db.Get(options, position_key(), &value);
    if (status.IsNotFound()) return GroupNumber(0);
    if (!status.ok()) return fail_status(directory, status);
    base::ByteReader in(value);
    const GroupNumber position(in.fixed<uint64_t>());
    if (!in.ok()) {
      return fail(ErrorKind::corrupt, "{}: the rows' position is cut off; restore the data directory from a copy",
                  directory);
    }
    return position;
  }

 private:
  static const std::string& position_key() {
    static const std::string key = row_key(position_keyspace, "position");
    return key;
  }
  static std::string encode(GroupNumber position) {
    std::string value;
    base::put_fixed(value, position.value);
    return value;
  }

  const std::string directory_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_options_;
  rocksdb::ReadOptions read_options_;
  std::atomic<uint64_t> position_;
};

// RocksDB's own messages go where ours go. A file of theirs would also be one more thing to write on a full disk, and
// Debian's RocksDB is built with assertions: a second message after a failed write would end the process.
class RocksMessages final : public rocksdb::Logger {
 public:
  RocksMessages() : Logger(rocksdb::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[512];
    std::vsnprintf(text, sizeof(text), format, arguments);
    const std::string_view line(text);
    spdlog::warn("tables: rocksdb: {}", line.substr(0, line.find_last_not_of('\n') + 1));
  }
  void LogHeader(const char*, va_list) override {}
};

// Small on purpose: an idle process stays under 60 MB, and the row cache and the overlay answer most reads.
rocksdb::Options rocksdb_options(const Rows::Options& options) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.write_buffer_size = options.write_buffer_bytes;
  rocks.max_write_buffer_number = 3;
  rocks.arena_block_size = size_t{256} << 10;
  rocks.memtable_whole_key_filtering = true;
  rocks.memtable_prefix_bloom_size_ratio = 0.02;
  rocks.allow_concurrent_memtable_write = false;  // one writer
  rocks.target_file_size_base = uint64_t{32} << 20;
  rocks.max_bytes_for_level_base = uint64_t{128} << 20;
  rocks.level_compaction_dynamic_level_bytes = true;
  rocks.max_background_jobs = 1;
  rocks.max_open_files = static_cast<int>(options.open_files_max);
  rocks.skip_stats_update_on_db_open = true;
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;
  rocks.info_log = std::make_shared<RocksMessages>();
  rocks.info_log_level = rocksdb::WARN_LEVEL;
  rocks.avoid_flush_during_shutdown = true;  // the journal has what is not flushed
  const auto compressions = rocksdb::GetSupportedCompressions();
  const bool lz4 = std::ranges::find(compressions, rocksdb::kLZ4Compression) != compressions.end();
  rocks.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes, 2);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return rocks;
}

}  // namespace

Result<std::unique_ptr<Rows>> Rows::open(const Options& options) {
  TRY(base::make_directories(options.directory));
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(rocksdb_options(options), options.directory, &opened); !status.ok()) {
    return fail_status(options.directory, status);
  }
  std::unique_ptr<rocksdb::DB> db(opened);
  TRY_ASSIGN(const GroupNumber position, RocksRows::read_position(*db, options.directory, {}));
  return std::make_unique<RocksRows>(options.directory, std::move(db), position);
}

}  // namespace millrace::store
