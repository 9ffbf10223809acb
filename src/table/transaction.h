#pragma once
// The write path: a request becomes the item's new bytes, under the store's writer lock. Used by one thread.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "table/catalog.h"
#include "table/expression.h"
#include "table/table.h"

namespace millrace::table {

// The key that a request writes. invalid_argument: it has no such key, its item is too large, or has what cannot be the
// key of an index.
Result<void> put_key_of_write(std::string& out, const TableDefinition& table, const WriteRequest& request);

class TransactionImpl final : public Transaction {
 public:
  TransactionImpl(Catalog& catalog, std::unique_ptr<store::Transaction> transaction)
      : catalog_(catalog), store_(std::move(transaction)) {}

  Result<WriteResult> write(const WriteRequest& request) override;
  Result<void> merge(const TableDefinition& table, std::string_view key, std::string_view attributes) override;
  Result<void> erase_attributes(const TableDefinition& table, std::string_view key,
                                std::span<const std::string_view> names) override;
  Result<void> erase(const TableDefinition& table, std::string_view key) override;
  Result<void> put_record(std::string_view key, std::string value) override;
  Result<void> erase_record(std::string_view key) override;
  Result<void> erase_records(std::string_view prefix) override;
  size_t bytes() const override { return store_->bytes(); }
  Result<CommitId> commit() override;

  // Enters the item of that key, if there is one, into an index that is being backfilled.
  Result<void> backfill(const TableStatePtr& state, size_t index, std::string_view key);
  // Removes the item of that key if it still has all these attributes: its key and when it expires. False: it has not.
  Result<bool> expire(const TableDefinition& table, std::string_view key, const Item& entry);
  store::Transaction& store() { return *store_; }

 private:
  struct Delta {
    int64_t items = 0;
    int64_t bytes = 0;
    uint64_t changes = 0;
  };
  // A table that this transaction writes, and by how much its counts change, and those of its indexes.
  struct Target {
    TableStatePtr state;
    Delta delta = {};
    std::vector<Delta> index_deltas = {};

    const TableDefinition& table() const { return *state->definition; }
    bool keeps_old() const;
  };
  // The item under the key of the request: its bytes, decoded when somebody asks.
  struct Old;

  Target& target_of(TableStatePtr state);
  Result<WriteResult> carry_out(Target& target, const WriteRequest& request, const std::optional<BoundUpdate>& update,
                                Old& old);
  Result<Target*> target_of(const TableDefinition& table);
  Result<void> put_bytes(Target& target, std::string_view key, const store::Bytes& old, std::string bytes);
  Result<void> erase(Target& target, std::string_view key, const store::Bytes& old, bool expired = false);
  Result<void> change_indexes(Target& target, std::string_view key, const store::Bytes& old, const store::Bytes& now);
  Result<void> put_entry(Target& target, size_t index, std::string_view entry_key, const store::Bytes& old,
                         store::Bytes value);
  Result<void> erase_entry(Target& target, size_t index, std::string_view entry_key, const store::Bytes& old);
  Result<store::Bytes> entry_value(const TableDefinition& table, const IndexDefinition& index,
                                   const store::Bytes& item) const;
  // Calls f(keyspace, counts, delta) for all that the targets count.
  template <class F>
  Result<void> each_count(F f);

  Catalog& catalog_;
  std::unique_ptr<store::Transaction> store_;
  std::vector<Target> targets_;
  std::string key_;  // of the request under way
};

}  // namespace millrace::table
