#include "engine/watermark.h"

#include <gtest/gtest.h>

namespace millrace::engine {
namespace {

class Collector final : public Operator {
 public:
  Result<void> process(int, const data::Batch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) times.push_back(batch.columns[0]->integers()[row]);
    return {};
  }
  Result<void> advance(int, Watermark watermark) override {
    watermarks.push_back(watermark.time.value);
    return {};
  }
  std::vector<int64_t> times;
  std::vector<int64_t> watermarks;
};

data::Batch batch_of(const std::vector<int64_t>& times, data::Arrivals arrivals) {
  auto column = std::make_shared<data::Column>(data::Type{data::TypeKind::timestamp}, times.size());
  for (size_t row = 0; row < times.size(); ++row) column->set(row, times[row]);
  data::Batch batch;
  batch.rows = times.size();
  batch.columns.push_back(std::move(column));
  batch.arrived = arrivals.back().time;
  if (arrivals.size() > 1) batch.arrivals = std::make_shared<data::Arrivals>(std::move(arrivals));
  return batch;
}

struct Fixture {
  explicit Fixture(std::optional<int64_t> ahead_max_ms)
      : generator({.time_column = 0, .delay_ms = 5, .ahead_max_ms = ahead_max_ms}, 1) {
    generator.connect(&collector, 0);
  }
  uint64_t ahead() const {
    Counters counters;
    generator.count(counters);
    return counters.ahead;
  }
  WatermarkGenerator generator;
  Collector collector;
};

TEST(WatermarkTest, a_row_far_ahead_of_its_own_arrival_is_set_aside) {
  Fixture f(100);
  // 350 is 50 ahead of the newest arrival, and 150 ahead of its own; 250 is as far ahead as it may be.
  const auto batch = batch_of({150, 350, 260, 250, 310}, {{2, ProcessingTime(200)}, {5, ProcessingTime(300)}});
  ASSERT_TRUE(f.generator.process(0, batch));
  EXPECT_EQ(f.collector.times, (std::vector<int64_t>{150, 260, 250, 310}));
  EXPECT_EQ(f.collector.watermarks, std::vector<int64_t>{305});
  EXPECT_EQ(f.ahead(), 1u);
}

TEST(WatermarkTest, rows_are_judged_alike_however_they_are_batched) {
  Fixture one(100);
  Fixture many(100);
  const std::vector<int64_t> times{150, 350, 301, 299, 401, 400};
  ASSERT_TRUE(one.generator.process(
      0, batch_of(times, {{2, ProcessingTime(200)}, {4, ProcessingTime(200)}, {6, ProcessingTime(300)}})));
  for (size_t n = 0; n < times.size(); ++n) {
    ASSERT_TRUE(many.generator.process(0, batch_of({times[n]}, {{1, ProcessingTime(n < 4 ? 200 : 300)}})));
  }
  EXPECT_EQ(one.collector.times, (std::vector<int64_t>{150, 299, 400}));
  EXPECT_EQ(many.collector.times, one.collector.times);
  EXPECT_EQ(many.ahead(), one.ahead());
  EXPECT_EQ(many.generator.current(), one.generator.current());
}

TEST(WatermarkTest, a_filter_keeps_the_arrivals_of_its_rows) {
  Fixture f(100);
  const auto batch = batch_of({150, 350, 260, 250, 450}, {{2, ProcessingTime(200)}, {5, ProcessingTime(300)}});
  ASSERT_TRUE(f.generator.process(0, gather(batch, {1, 2, 4})));
  EXPECT_EQ(f.collector.times, std::vector<int64_t>{260});
  EXPECT_EQ(f.ahead(), 2u);
}

TEST(WatermarkTest, a_batch_that_is_all_ahead_moves_nothing) {
  Fixture f(100);
  ASSERT_TRUE(f.generator.process(0, batch_of({1000, 2000}, {{2, ProcessingTime(200)}})));
  EXPECT_TRUE(f.collector.times.empty());
  EXPECT_EQ(f.generator.current().time, no_watermark);
}

TEST(WatermarkTest, rows_that_may_be_taken_back_pass_and_do_not_move_it) {
  Fixture f(100);
  auto batch = batch_of({1000, 150}, {{2, ProcessingTime(200)}});
  batch.weights = std::make_shared<data::Weights>(data::Weights{1, 1});
  ASSERT_TRUE(f.generator.process(0, batch));
  EXPECT_EQ(f.collector.times, (std::vector<int64_t>{1000, 150}));
  EXPECT_EQ(f.collector.watermarks, std::vector<int64_t>{145});
}

TEST(WatermarkTest, off_believes_every_time) {
  Fixture f(std::nullopt);
  ASSERT_TRUE(f.generator.process(0, batch_of({1000}, {{1, ProcessingTime(200)}})));
  EXPECT_EQ(f.collector.watermarks, std::vector<int64_t>{995});
}

}  // namespace
}  // namespace millrace::engine
