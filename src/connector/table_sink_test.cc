// What the rows of a sink become in a table.

#include "connector/table_sink.h"

#include <gtest/gtest.h>

#include "table/item_json.h"

namespace millrace::connector {
namespace {

const data::Type text{data::TypeKind::string};
const data::Type real{data::TypeKind::real};

class TableSinkTest : public testing::Test {
 protected:
  // A line per write: its attributes as JSON, or what it erases.
  std::vector<std::string> write(const std::vector<int>& columns, const std::vector<data::ColumnPtr>& values,
                                 const std::vector<bool>& erase) {
    table::TableDefinition table{.name = "Products", .hash_key = {"id"}};
    table.keyspace = ShardId(3);
    const sql::TableDefinition declared{
        .name = "Products",
        .columns = {{"id", text, nullptr}, {"price", real, nullptr}, {"name", text, nullptr}},
        .primary_key = {0}};
    TableSink sink(declared, {.columns = columns}, std::make_shared<const table::TableDefinition>(table));
    std::vector<Sink::Row> rows;
    for (size_t row = 0; row < erase.size(); ++row) {
      rows.push_back({&values, static_cast<uint32_t>(row), erase[row]});
    }
    data::StringArena arena;
    std::vector<Write> writes;
    errors_ = sink.encode(rows, arena, writes);
    std::vector<std::string> lines;
    for (const Write& write : writes) {
      EXPECT_EQ(write.target->name, "Products");
      EXPECT_EQ(write.target->shard, ShardId(3));
      std::string& line = lines.emplace_back();
      if (!write.erase) {
        table::put_json(line, *table::get_item(write.value));
      } else if (write.erased == nullptr) {
        line = "erased";
      } else {
        for (const std::string_view name : *write.erased) line += "erased " + std::string(name);
      }
    }
    return lines;
  }
  static data::ColumnPtr column(data::Type type, const std::vector<data::Value>& values) {
    auto column = std::make_shared<data::Column>(type, values.size());
    for (size_t row = 0; row < values.size(); ++row) column->set(row, values[row]);
    return column;
  }
  static data::ColumnPtr texts(const std::vector<std::string_view>& values) {
    auto column = std::make_shared<data::Column>(text, values.size());
    for (size_t row = 0; row < values.size(); ++row) {
      column->valid[row] = !values[row].empty();
      column->strings()[row] = values[row];
    }
    return column;
  }

  uint64_t errors_ = 0;
};

TEST_F(TableSinkTest, a_row_becomes_an_item_and_one_taken_back_erases_it) {
  EXPECT_EQ(write({0, 1, 2}, {texts({"a", "b"}), column(real, {1.5, 2.5}), texts({"tea", ""})}, {false, true}),
            (std::vector<std::string>{R"({"id":{"S":"a"},"name":{"S":"tea"},"price":{"N":"1.5"}})", "erased"}));
  EXPECT_EQ(write({0, 1, 2}, {texts({"a"}), column(real, {1.5}), texts({""})}, {false}),
            std::vector<std::string>{R"({"id":{"S":"a"},"name":{"NULL":true},"price":{"N":"1.5"}})"});
}

TEST_F(TableSinkTest, of_some_columns_only_they_are_taken_back) {
  EXPECT_EQ(write({2, 0}, {texts({"tea"}), texts({"a"})}, {true}), std::vector<std::string>{"erased name"});
}

TEST_F(TableSinkTest, what_can_be_no_key_or_no_number_is_counted) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(write({0, 1}, {texts({"", "b"}), column(real, {1.0, infinity})}, {false, false}),
            std::vector<std::string>{R"({"id":{"S":"b"},"price":{"NULL":true}})"});
  EXPECT_EQ(errors_, 2U);
}

}  // namespace
}  // namespace millrace::connector
