#include "connector/item_key.h"

#include <gtest/gtest.h>

#include "connector/attribute.h"
#include "table/item.h"

namespace millrace::connector {
namespace {

using data::Type;
using data::TypeKind;

table::TablePtr table_of(table::KeyAttribute hash, std::optional<table::KeyAttribute> range = {}) {
  table::TableDefinition definition;
  definition.name = "T";
  definition.hash_key = std::move(hash);
  definition.range_key = std::move(range);
  return std::make_shared<table::TableDefinition>(definition);
}

data::ColumnPtr column_of(Type type, const std::vector<data::Value>& values) {
  auto column = std::make_shared<data::Column>(type, values.size());
  for (size_t row = 0; row < values.size(); ++row) column->set(row, values[row]);
  return column;
}

data::ColumnPtr texts(const std::vector<std::optional<std::string_view>>& values) {
  auto column = std::make_shared<data::Column>(Type{TypeKind::string}, values.size());
  for (size_t row = 0; row < values.size(); ++row) {
    column->valid[row] = values[row].has_value();
    column->strings()[row] = values[row].value_or("");
  }
  return column;
}

// The key that the tables make of an item must be the one that comes out of its columns.
TEST(ItemKey, is_the_key_of_the_item_that_the_writer_makes) {
  const auto table = table_of({"name"}, table::KeyAttribute{"at", table::KeyType::number});
  const std::vector<std::string> names = {"at", "kept", "name"};
  const std::vector<data::ColumnPtr> columns = {
      column_of({TypeKind::timestamp}, {int64_t{1'546'300'800'000}, int64_t{-5}}),
      column_of({TypeKind::real}, {2.5, std::monostate()}), texts({"tea", std::string_view("a\0b", 3)})};
  ItemKey key(table, names);
  for (size_t row = 0; row < 2; ++row) {
    ASSERT_TRUE(key.take(columns, row));
    std::string bytes;
    table::ItemWriter out(bytes, names.size());
    for (size_t n = 0; n < names.size(); ++n) {
      EXPECT_TRUE(key.put_attribute(out, n) || put_attribute(out, names[n], *columns[n], row));
    }
    const auto item = table::get_item(bytes);
    ASSERT_TRUE(item);
    std::string expected;
    ASSERT_TRUE(table::put_key_of_item(expected, *table, *item));
    EXPECT_EQ(key.bytes(), expected);
    EXPECT_EQ(item->at("kept"), row == 0 ? table::AttributeValue(*table::Number::parse("2.5")) : table::Null{});
  }
}

TEST(ItemKey, a_time_is_text_where_the_table_has_text) {
  const auto table = table_of({"at"});
  ItemKey key(table, {"at"});
  ASSERT_TRUE(key.take({column_of({TypeKind::timestamp}, {int64_t{0}})}, 0));
  std::string bytes;
  table::ItemWriter out(bytes, 1);
  ASSERT_TRUE(key.put_attribute(out, 0));
  EXPECT_EQ(*table::get_item(bytes)->at("at").string(), "1970-01-01T00:00:00");
}

TEST(ItemKey, refuses_what_is_no_key) {
  const auto table = table_of({"id"});
  ItemKey key(table, {"id"});
  const std::string longest(table::hash_key_bytes_max, 'x');
  const std::string too_long = longest + "x";
  const auto ids = texts({"", std::nullopt, longest, too_long});
  EXPECT_FALSE(key.take({ids}, 0));
  EXPECT_FALSE(key.take({ids}, 1));
  EXPECT_TRUE(key.take({ids}, 2));
  EXPECT_FALSE(key.take({ids}, 3));
}

}  // namespace
}  // namespace millrace::connector
