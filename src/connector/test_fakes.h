#pragma once
// Sinks, look-ups and a storage in memory, for tests of the engine that need no table. For tests only.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connector/io.h"

namespace millrace::connector {

// Writes rows as text: the first column is the key, the others the value, "NULL" where there is none.
class FakeSink final : public Sink {
 public:
  explicit FakeSink(std::string name) { target_.name = std::move(name); }

  uint64_t encode(std::span<const Row> rows, data::StringArena& arena, std::vector<Write>& writes) override {
    uint64_t errors = 0;
    for (const Row& row : rows) {
      const auto& columns = *row.columns;
      if (columns.front()->is_null(row.row)) {
        ++errors;
        continue;
      }
      Write write{.target = &target_, .key = arena.copy(text(*columns.front(), row.row)), .erase = row.erase};
      std::string value;
      for (size_t n = 1; n < columns.size() && !row.erase; ++n)
        value += (n > 1 ? "," : "") + text(*columns[n], row.row);
      write.value = arena.copy(value);
      writes.push_back(write);
    }
    return errors;
  }

 private:
  static std::string text(const data::Column& column, size_t row) {
    return column.is_null(row) ? "NULL" : data::to_string(column.get(row), column.type);
  }

  Target target_;
};

// Rows by the text of their key, which the test changes; remembers what was asked for.
struct FakeTable {
  std::map<std::string, std::vector<data::Value>, std::less<>> rows;
  std::vector<std::vector<std::string>> asked;  // call by call
  bool gone = false;

  void put(const std::string& key, std::vector<data::Value> values) {
    rows[key] = std::move(values);
    versions[key] = std::make_shared<const int>();
  }
  std::map<std::string, std::shared_ptr<const int>, std::less<>> versions;
};

class FakeLookup final : public Lookup {
 public:
  explicit FakeLookup(FakeTable& table) : table_(table) {}

  Result<uint64_t> look_up(const std::vector<data::ColumnPtr>& keys, std::span<const Asked> asked) override {
    if (table_.gone) return millrace::fail(ErrorKind::not_found, "the table is gone");
    auto& call = table_.asked.emplace_back();
    for (const Asked& one : asked) {
      const data::Column& column = *keys.front();
      const std::string key = column.is_null(one.key) ? "NULL" : std::string(column.strings()[one.key]);
      call.push_back(key);
      const auto found = table_.versions.find(key);
      one.row->version = found == table_.versions.end() ? nullptr : found->second;
      if (one.row->version) one.row->values = table_.rows.at(key);
    }
    return 0;
  }

 private:
  FakeTable& table_;
};

// Records and the rows of targets that a test adds; durable at once. One thread.
class FakeStorage final : public Storage {
 public:
  std::map<std::string, std::string> records;
  std::map<std::string, std::string> rows;  // by "target/key"
  size_t value_bytes_max = 1000;            // a write with a larger one is refused

  TargetPtr add_target(const std::string& name, ShardId shard) {
    auto target = std::make_shared<Target>();
    target->name = name;
    target->shard = shard;
    return targets_[name] = std::move(target);
  }
  void remove_target(const std::string& name) { targets_.erase(name); }

  std::unique_ptr<Transaction> begin() override { return std::make_unique<Pending>(*this); }
  Result<std::unique_ptr<Transaction>> try_begin() override { return begin(); }
  Result<std::optional<std::string>> get_record(std::string_view key) override {
    const auto found = records.find(std::string(key));
    return found == records.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> scan_records(std::string_view prefix,
                            const std::function<bool(std::string_view, std::string_view)>& each) override {
    for (auto at = records.lower_bound(std::string(prefix)); at != records.end() && at->first.starts_with(prefix);
         ++at) {
      if (!each(at->first, at->second)) break;
    }
    return {};
  }
  Result<TargetPtr> target(std::string_view name, ShardId shard) override {
    const auto found = targets_.find(std::string(name));
    return found == targets_.end() || found->second->shard != shard ? nullptr : found->second;
  }
  void read_ahead(std::span<const Write>, size_t) override {}
  std::unique_ptr<log::Hold> hold(std::span<const ShardId>, std::optional<GroupNumber>) override { return nullptr; }
  void flush() override {}
  void when_durable(CommitId, std::function<void()> done) override { done(); }
  void wait_durable(CommitId) override {}

 private:
  class Pending final : public Transaction {
   public:
    explicit Pending(FakeStorage& storage) : storage_(storage), records_(storage.records), rows_(storage.rows) {}
    Result<void> put_record(std::string_view key, std::string value) override {
      bytes_ += key.size() + value.size();
      records_[std::string(key)] = std::move(value);
      return {};
    }
    Result<void> erase_record(std::string_view key) override {
      records_.erase(std::string(key));
      return {};
    }
    Result<void> erase_records(std::string_view prefix) override {
      std::erase_if(records_, [&](const auto& record) { return record.first.starts_with(prefix); });
      return {};
    }
    Result<size_t> write(std::span<const Write> writes, size_t bytes_max, Refused& refused) override {
      size_t taken = 0;
      for (; taken < writes.size() && bytes_ < bytes_max; ++taken) {
        const Write& write = writes[taken];
        if (write.target == nullptr) continue;
        if (write.value.size() > storage_.value_bytes_max) {
          if (refused.count++ == 0) refused.first = std::string(write.key);
          continue;
        }
        const std::string key = write.target->name + "/" + std::string(write.key);
        bytes_ += key.size() + write.value.size();
        if (write.erase) {
          rows_.erase(key);
        } else {
          rows_[key] = std::string(write.value);
        }
      }
      return taken;
    }
    size_t bytes() const override { return bytes_; }
    Result<CommitId> commit() override {
      storage_.records = std::move(records_);
      storage_.rows = std::move(rows_);
      return CommitId(++storage_.commits_);
    }

   private:
    FakeStorage& storage_;
    std::map<std::string, std::string> records_;
    std::map<std::string, std::string> rows_;
    size_t bytes_ = 0;
  };

  std::map<std::string, std::shared_ptr<Target>> targets_;
  uint64_t commits_ = 0;
};

}  // namespace millrace::connector
