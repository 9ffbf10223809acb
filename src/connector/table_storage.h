#pragma once
// The server's tables as the storage of jobs: their journal takes rows and state alike. Thread and failure: io.h.

#include "connector/io.h"
#include "table/table.h"

namespace millrace::connector {

class TableStorage final : public Storage {
 public:
  explicit TableStorage(table::Tables& tables) : tables_(tables) {}

  std::unique_ptr<Transaction> begin() override;
  Result<std::unique_ptr<Transaction>> try_begin() override;
  Result<std::optional<std::string>> get_record(std::string_view key) override { return tables_.get_record(key); }
  Result<void> scan_records(std::string_view prefix,
                            const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    return tables_.scan_records(prefix, each);
  }
  Result<TargetPtr> target(std::string_view name, ShardId shard) override;
  void read_ahead(std::span<const Write> writes, size_t bytes_max) override;
  std::unique_ptr<log::Hold> hold(std::span<const ShardId> shards, std::optional<GroupNumber> from) override {
    return tables_.journal().hold(shards, from);
  }
  void flush() override { tables_.flush(); }
  void when_durable(CommitId commit, std::function<void()> done) override {
    tables_.when_durable(commit, std::move(done));
  }
  void wait_durable(CommitId commit) override { tables_.wait_durable(commit); }

 private:
  table::Tables& tables_;
};

}  // namespace millrace::connector
