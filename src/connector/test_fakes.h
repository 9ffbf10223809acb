#pragma once
// Sinks and look-ups in memory, for tests of the engine that need no table. For tests only.

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

}  // namespace millrace::connector
