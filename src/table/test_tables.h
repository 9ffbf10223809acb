#pragma once
// Tables in a directory of their own, and short words for items and requests. For tests only.

#include <gtest/gtest.h>
#include <simdjson.h>

#include <memory>
#include <string>

#include "log/log.h"
#include "store/test_directory.h"
#include "table/item_json.h"
#include "table/table.h"

namespace millrace::table {

inline Item item(std::string_view json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(json);
  auto document = parser.iterate(text);
  auto made = item_from_json(document.get_object().value());
  CHECK(made, "{}: {}", json, made.error().message);
  return std::move(*made);
}

inline std::string json(const Item& item) {
  std::string out;
  put_json(out, item);
  return out;
}

class TablesTest : public testing::Test {
 protected:
  TablesTest() { reopen(); }

  void reopen() {
    tables_.reset();
    store_.reset();
    auto store = store::Store::open(
        {.directory = directory_.path() + "/data", .segment_bytes = size_t{4} << 20, .clock = &clock_});
    CHECK(store, "{}", store.error().message);
    store_ = std::move(*store);
    auto tables = Tables::open(*store_, clock_, [this] { ++changes_; });
    CHECK(tables, "{}", tables.error().message);
    tables_ = std::move(*tables);
  }

  TablePtr create(const std::string& name, std::optional<KeyAttribute> range_key = {},
                  std::optional<ViewType> view = {}) {
    auto table = tables_->create({.name = name, .hash_key = {"id"}, .range_key = range_key, .change_feed = view});
    CHECK(table, "{}", table.error().message);
    return *table;
  }

  Result<WriteResult> write(WriteRequest::Kind kind, const std::string& table, std::string_view item_json,
                            WriteRequest rest = {}) {
    rest.kind = kind;
    rest.table = table;
    rest.item = item(item_json);
    return tables_->write(rest);
  }
  WriteResult put(const std::string& table, std::string_view item_json, WriteRequest rest = {}) {
    auto result = write(WriteRequest::Kind::put, table, item_json, std::move(rest));
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(WriteResult{});
  }
  WriteResult update(const std::string& table, std::string_view key, const std::string& expression,
                     WriteRequest rest = {}) {
    rest.update_expression = expression;
    auto result = write(WriteRequest::Kind::update, table, key, std::move(rest));
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(WriteResult{});
  }
  WriteResult erase(const std::string& table, std::string_view key, WriteRequest rest = {}) {
    auto result = write(WriteRequest::Kind::erase, table, key, std::move(rest));
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(WriteResult{});
  }

  // The item as JSON; "none".
  std::string get(const std::string& table, std::string_view key) {
    const auto result = tables_->get({.table = table, .key = item(key)});
    EXPECT_TRUE(result) << result.error().message;
    if (!result || !result->stored) return "none";
    std::string out;
    EXPECT_TRUE(put_json_of_stored(out, *result->stored));
    return out;
  }

  // The durable records of a table's feed.
  void for_each_change(const TableDefinition& table, const std::function<void(const log::Record&)>& each) {
    tables_->flush();
    const auto transaction = tables_->begin();
    ASSERT_TRUE(transaction->put_record("test/mark", std::to_string(++marks_)));
    tables_->wait_durable(*transaction->commit());
    SequenceNumber from(0);
    for (;;) {
      const auto blocks = tables_->journal().read(table.keyspace, from, size_t{4} << 20);
      ASSERT_TRUE(blocks) << blocks.error().message;
      if (blocks->empty()) return;
      for (const auto& block : *blocks) {
        log::for_each_record(*block, from, each);
        from = block->end();
      }
    }
  }

  // "INSERT {keys} new {...} old {...}".
  std::vector<std::string> changes(const TableDefinition& table) {
    std::vector<std::string> result;
    for_each_change(table, [&](const log::Record& record) {
      const auto change = decode_change(table, record);
      ASSERT_TRUE(change) << change.error().message;
      std::string line = change->kind == Change::Kind::insert   ? "INSERT "
                         : change->kind == Change::Kind::modify ? "MODIFY "
                                                                : "REMOVE ";
      line += json(change->keys);
      if (change->new_image) line += " new " + json(*change->new_image);
      if (change->old_image) line += " old " + json(*change->old_image);
      result.push_back(line);
    });
    return result;
  }

  // Makes what a keyspace holds unreadable.
  void damage(store::Keyspace keyspace) {
    std::vector<std::string> keys;
    ASSERT_TRUE(store_->scan(keyspace, {}, [&](const store::Entry& entry) {
      keys.push_back(entry.key);
      return true;
    }));
    ASSERT_FALSE(keys.empty());
    const auto transaction = store_->begin();
    for (const std::string& key : keys) {
      ASSERT_TRUE(transaction->put(keyspace, key, std::make_shared<const std::string>("\xff")));
    }
    ASSERT_TRUE(transaction->commit());
  }

  store::TestDirectory directory_;
  base::ManualClock clock_;
  std::unique_ptr<store::Store> store_;
  int changes_ = 0;  // how often the tables said that one came or went
  std::unique_ptr<Tables> tables_;
  int marks_ = 0;
};

}  // namespace millrace::table
