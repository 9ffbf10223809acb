// A lookup join over a table that is none: what it asks for, and what comes out.

#include "engine/lookup_join.h"

#include <gtest/gtest.h>

#include "connector/test_fakes.h"

namespace millrace::engine {
namespace {

using Strings = std::vector<std::string>;

const data::Type text{data::TypeKind::string};
const data::Type bigint{data::TypeKind::bigint};

class Collector final : public Operator {
 public:
  Result<void> process(int, const data::Batch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) {
      std::string line;
      for (const auto& column : batch.columns) {
        line += column->is_null(row) ? "NULL " : to_string(column->get(row), column->type) + " ";
      }
      rows.push_back(line);
    }
    return {};
  }
  Strings rows;
};

sql::ExpressionPtr column(int n, data::Type type) {
  auto expression = std::make_shared<sql::Expression>();
  expression->kind = sql::Expression::Kind::column;
  expression->column = n;
  expression->type = type;
  return expression;
}

class LookupJoinTest : public testing::Test {
 protected:
  void make(bool left) {
    sql::TableDefinition definition{.name = "Products",
                                    .columns = {{"id", text, nullptr}, {"name", text, nullptr}, {"n", bigint, nullptr}},
                                    .primary_key = {0}};
    const sql::LookupJoinNode node{.keys = {{0, column(0, text)}}, .columns = {1, 2}, .left = left};
    auto made = LookupJoin::make(node, definition, {{"id", text}, {"name", text}, {"n", bigint}},
                                 std::make_unique<connector::FakeLookup>(products_));
    ASSERT_TRUE(made) << made.error().message;
    join_ = std::move(*made);
    join_->connect(&collector_, 0);
  }
  Result<void> process(const Strings& ids) {
    auto column = std::make_shared<data::Column>(text, ids.size());
    for (size_t row = 0; row < ids.size(); ++row) {
      if (ids[row].empty()) continue;
      column->strings()[row] = ids[row];
      column->valid[row] = 1;
    }
    data::Batch batch;
    batch.rows = ids.size();
    batch.columns.push_back(column);
    collector_.rows.clear();
    return join_->process(0, batch);
  }

  connector::FakeTable products_;
  std::unique_ptr<LookupJoin> join_;
  Collector collector_;
};

TEST_F(LookupJoinTest, asks_once_per_batch_for_each_distinct_key) {
  products_.put("a", {std::string("apple"), int64_t{1}});
  products_.put("b", {std::string("pear"), int64_t{2}});
  make(false);
  ASSERT_TRUE(process({"a", "b", "a", "c", "a"}));
  EXPECT_EQ(products_.asked, (std::vector<Strings>{{"a", "b", "c"}}));
  EXPECT_EQ(collector_.rows, (Strings{"a apple 1 ", "b pear 2 ", "a apple 1 ", "a apple 1 "}));
}

TEST_F(LookupJoinTest, sees_the_table_as_it_is_when_a_batch_passes) {
  make(true);
  ASSERT_TRUE(process({"a", "b"}));
  EXPECT_EQ(collector_.rows, (Strings{"a NULL NULL ", "b NULL NULL "}));
  products_.put("b", {std::string("pear"), int64_t{2}});
  ASSERT_TRUE(process({"a", "b"}));
  EXPECT_EQ(collector_.rows, (Strings{"a NULL NULL ", "b pear 2 "}));
  products_.put("b", {std::string("plum"), data::Value()});
  ASSERT_TRUE(process({"b", ""}));
  EXPECT_EQ(collector_.rows, (Strings{"b plum NULL ", "NULL NULL NULL "}));
}

TEST_F(LookupJoinTest, a_table_that_is_gone_stops_it) {
  make(false);
  products_.gone = true;
  EXPECT_EQ(process({"a"}).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace millrace::engine
