// What a sink hands to a commit, over a target that is no table.

#include "engine/sink.h"

#include <gtest/gtest.h>

#include "connector/test_fakes.h"

namespace millrace::engine {
namespace {

const data::Type text{data::TypeKind::string};
const data::Type bigint{data::TypeKind::bigint};

struct InRow {
  std::string_view id;  // empty: NULL
  int64_t n;
  int8_t weight = 1;
};

class SinkTest : public testing::Test {
 protected:
  void make(std::unique_ptr<connector::Sink> target) {
    const auto column = [](int n, data::Type type) {
      auto expression = std::make_shared<sql::Expression>();
      expression->kind = sql::Expression::Kind::column;
      expression->column = n;
      expression->type = type;
      return sql::ExpressionPtr(expression);
    };
    const sql::TableDefinition definition{
        .name = "Counts", .columns = {{"id", text, nullptr}, {"n", bigint, nullptr}}, .primary_key = {0}};
    const sql::SinkNode node{.columns = {0, 1}, .projections = {column(0, text), column(1, bigint)}};
    auto made = Sink::make(node, definition, std::move(target));
    ASSERT_TRUE(made) << made.error().message;
    sink_ = std::move(*made);
  }
  void process(const std::vector<InRow>& rows) {
    auto ids = std::make_shared<data::Column>(text, rows.size());
    auto counts = std::make_shared<data::Column>(bigint, rows.size());
    auto weights = std::make_shared<data::Weights>();
    for (size_t row = 0; row < rows.size(); ++row) {
      if (!rows[row].id.empty()) {
        ids->strings()[row] = rows[row].id;
        ids->valid[row] = 1;
      }
      counts->set(row, rows[row].n);
      weights->push_back(rows[row].weight);
    }
    data::Batch batch;
    batch.rows = rows.size();
    batch.columns = {ids, counts};
    batch.weights = weights;
    ASSERT_TRUE(sink_->process(0, batch));
  }
  std::vector<std::string> take() {
    std::vector<connector::Write> writes;
    data::StringArena arena;
    taken_ = sink_->take_writes(writes, arena);
    std::vector<std::string> lines;
    for (const connector::Write& write : writes) {
      lines.push_back(fmt::format("{} {} {}", write.target->name, write.key, write.erase ? "erased" : write.value));
    }
    return lines;
  }
  uint64_t row_errors() const {
    Counters counters;
    sink_->count(counters);
    return counters.row_errors;
  }

  std::unique_ptr<Sink> sink_;
  uint64_t taken_ = 0;
};

TEST_F(SinkTest, writes_the_last_row_of_each_key_in_an_epoch) {
  make(std::make_unique<connector::FakeSink>("Counts"));
  process({{"a", 1}, {"b", 2}, {"a", 3}});
  process({{"c", 4}, {"b", 2, -1}});
  EXPECT_EQ(sink_->held_rows(), 3U);
  EXPECT_EQ(take(), (std::vector<std::string>{"Counts a 3", "Counts b erased", "Counts c 4"}));
  EXPECT_EQ(taken_, 3U);
  EXPECT_EQ(take(), std::vector<std::string>());
  process({{"a", 5}});
  EXPECT_EQ(take(), std::vector<std::string>{"Counts a 5"});
}

TEST_F(SinkTest, counts_what_its_target_refuses) {
  make(std::make_unique<connector::FakeSink>("Counts"));
  process({{"", 1}, {"a", 2}});
  EXPECT_EQ(take(), std::vector<std::string>{"Counts a 2"});
  EXPECT_EQ(taken_, 1U);
  EXPECT_EQ(row_errors(), 1U);
}

TEST_F(SinkTest, without_a_target_rows_are_counted_and_dropped) {
  make(nullptr);
  process({{"a", 1}, {"a", 2}});
  EXPECT_FALSE(sink_->has_changes());
  EXPECT_EQ(take(), std::vector<std::string>());
  EXPECT_EQ(taken_, 2U);
}

}  // namespace
}  // namespace millrace::engine
