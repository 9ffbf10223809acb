#include "connector/table_storage.h"

#include "connector/table_target.h"
#include "table/item_json.h"
#include "table/keys.h"

namespace millrace::connector {

namespace {

const table::TableDefinition& table_of(const Write& write) {
  return *static_cast<const TableTarget&>(*write.target).table;
}

Result<void> add(Refused& refused, const Write& write, const Error& error) {
  if (refused.count++ > 0) return {};
  TRY_ASSIGN(const table::Item item, table::get_item(write.value));
  refused.first = fmt::format("table {}, key ", write.target->name);
  table::put_json(refused.first, table::key_attributes(table_of(write), item));
  refused.first += fmt::format(": {}", error.message);
  return {};
}

class TableTransaction final : public Transaction {
 public:
  explicit TableTransaction(std::unique_ptr<table::Transaction> transaction) : transaction_(std::move(transaction)) {}

  Result<void> put_record(std::string_view key, std::string value) override {
    return transaction_->put_record(key, std::move(value));
  }
  Result<void> erase_record(std::string_view key) override { return transaction_->erase_record(key); }
  Result<void> erase_records(std::string_view prefix) override { return transaction_->erase_records(prefix); }

  Result<size_t> write(std::span<const Write> writes, size_t bytes_max, Refused& refused) override {
    size_t taken = 0;
    for (; taken < writes.size() && transaction_->bytes() < bytes_max; ++taken) {
      const Write& write = writes[taken];
      if (write.target == nullptr) continue;
      if (const auto written = this->write(write); !written) {
        if (written.error().kind != ErrorKind::limit_exceeded) return std::unexpected(written.error());
        TRY(add(refused, write, written.error()));
      }
    }
    return taken;
  }

  size_t bytes() const override { return transaction_->bytes(); }
  Result<CommitId> commit() override { return transaction_->commit(); }

 private:
  Result<void> write(const Write& write) {
    const table::TableDefinition& table = table_of(write);
    if (!write.erase) return transaction_->merge(table, write.key, write.value);
    if (write.erased != nullptr) return transaction_->erase_attributes(table, write.key, *write.erased);
    return transaction_->erase(table, write.key);
  }

  std::unique_ptr<table::Transaction> transaction_;
};

}  // namespace

std::unique_ptr<Transaction> TableStorage::begin() {
  return std::make_unique<TableTransaction>(tables_.begin());
}

Result<std::unique_ptr<Transaction>> TableStorage::try_begin() {
  TRY_ASSIGN(auto transaction, tables_.try_begin());
  return std::make_unique<TableTransaction>(std::move(transaction));
}

Result<TargetPtr> TableStorage::target(std::string_view name, ShardId shard) {
  auto found = tables_.find(name);
  if (!found && found.error().kind != ErrorKind::not_found) return std::unexpected(found.error());
  if (!found || (*found)->keyspace != shard) return TargetPtr();
  return std::make_shared<const TableTarget>(std::move(*found));
}

void TableStorage::read_ahead(std::span<const Write> writes, size_t bytes_max) {
  size_t bytes = 0;
  for (const Write& write : writes) {
    if (bytes >= bytes_max) return;
    bytes += write.key.size() + write.value.size();
    if (write.target == nullptr) continue;
    [[maybe_unused]] const auto read = tables_.get_stored(table_of(write), write.key);
  }
}

}  // namespace millrace::connector
