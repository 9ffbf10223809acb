#pragma once
// A transaction: the writer's lock and a private set of writes. Several writes of one key become one change, from what
// was there before to what is there in the end. Used by one thread, the one that began it.

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "store/store_impl.h"

namespace millrace::store {

class TransactionImpl final : public Transaction {
 public:
  TransactionImpl(StoreImpl& store, std::unique_lock<WriterMutex> writer_lock)
      : store_(store), writer_lock_(std::move(writer_lock)) {}

  Result<Bytes> get(Keyspace space, std::string_view key) override;
  Result<void> put(Keyspace space, std::string_view key, Bytes value, bool keep_old) override;
  Result<void> erase(Keyspace space, std::string_view key, bool keep_old) override;
  Result<void> expire(Keyspace space, std::string_view key) override;
  Result<void> erase_range(Keyspace space, std::string_view from, std::string_view to) override;
  CommitId depends_on() const override { return depends_on_; }
  size_t bytes() const override { return bytes_; }
  Result<CommitId> commit() override;

  void erase_keyspace(Keyspace space);

 private:
  static constexpr uint32_t none = 0xffffffff;

  struct Row {
    std::string row_key;
    Bytes original;  // before the transaction
    bool original_known = false;
    bool keep_old = false;
    bool expired = false;
    Bytes value;
    uint32_t writes = 0;
    uint32_t operation = none;  // its place among the operations
  };
  struct Range {
    std::string from;
    std::string to;
  };
  // In the order in which they take effect.
  struct Operation {
    Row* row = nullptr;  // null: a range, or superseded by a later operation on the row
    Range* range = nullptr;
  };

  Row* find(std::string_view row_key);
  Row& add(std::string_view row_key);
  Result<void> read_original(Row& row);
  Result<void> write(Keyspace space, std::string_view key, Bytes value, bool keep_old, bool expired = false);
  void add_range(std::string from, std::string to);
  bool in_range(std::string_view row_key) const;
  static bool changes_nothing(const Row& row);
  static size_t bytes_of(const Row& row);

  StoreImpl& store_;
  std::unique_lock<WriterMutex> writer_lock_;
  std::string row_key_;  // of the call under way
  std::deque<Row> rows_;
  boost::unordered_flat_map<std::string_view, Row*> index_;  // once there are many
  std::deque<Range> ranges_;
  std::vector<Operation> operations_;
  uint32_t last_range_operation_ = 0;
  size_t bytes_ = 0;
  CommitId depends_on_;
};

}  // namespace millrace::store
