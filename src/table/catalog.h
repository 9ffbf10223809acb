#pragma once
// The tables that exist, in memory, with what is counted of each. Threads: any; the counts of a table change under the
// store's writer lock.

#include <atomic>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "table/table.h"

namespace millrace::table {

struct KeyspaceCounts {
  std::atomic<int64_t> items{0};
  std::atomic<int64_t> bytes{0};             // of stored keys and values
  std::atomic<uint64_t> unsaved_changes{0};  // since the counts were last written down
};
// A table as it is defined now. Another definition is another state, which has the counts in common.
struct TableState {
  TablePtr definition;
  std::shared_ptr<KeyspaceCounts> counts = std::make_shared<KeyspaceCounts>();
  std::vector<std::shared_ptr<KeyspaceCounts>> index_counts = {};  // as definition->indexes
};
using TableStatePtr = std::shared_ptr<const TableState>;

class Catalog {
 public:
  void add(TableStatePtr state);  // in place of one of the same name and keyspace
  void remove(const TableDefinition& definition);

  TableStatePtr find(std::string_view name) const;  // null: no such table
  TableStatePtr find(store::Keyspace keyspace) const;
  std::vector<TableStatePtr> list() const;  // by name

  // not_found in DynamoDB's words.
  Result<TableStatePtr> need(std::string_view name) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, TableStatePtr, std::less<>> by_name_;
  std::unordered_map<store::Keyspace, TableStatePtr> by_keyspace_;
};

// Where the tables' own records lie among the records.
inline constexpr std::string_view own_records = "table/";
Result<void> check_record_key(std::string_view key);  // invalid_argument: it lies there, so it is no caller's
std::string definition_record(std::string_view table_name);
std::string counts_record(store::Keyspace keyspace);
std::string dropping_record(store::Keyspace keyspace);
std::string backfill_record(store::Keyspace index);
inline constexpr std::string_view definition_records = "table/definition/";
inline constexpr std::string_view counts_records = "table/counts/";
inline constexpr std::string_view dropping_records = "table/dropping/";
inline constexpr std::string_view next_keyspace_record = "table/next_keyspace";

std::string encode_counts(int64_t items, int64_t bytes);
bool decode_counts(std::string_view record, KeyspaceCounts& counts);  // false: damaged

}  // namespace millrace::table
