#include "log/trusted_time.h"

#include "log/test_log.h"

namespace millrace::log {
namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t day_ms = 24 * hour_ms;

class Retention : public LogTest {
 protected:
  Retention() : LogTest(place_in_memory()) {
    options_.segment_bytes = 40 << 10;
    open();
  }
  // One segment, then an hour.
  void write_hours(int count) {
    for (int i = 0; i < count; ++i) {
      commit(0, {std::string(30 << 10, 'x')});
      clock_.advance_ms(hour_ms);
      keep_house();
    }
  }
  void keep_house() { ASSERT_TRUE(log_->trim(ProcessingTime(clock_.now().value - day_ms), log_->durable_group())); }
};

TEST_F(Retention, keeps_a_day_of_records) {
  write_hours(40);
  EXPECT_GE(end(0) - oldest(0), 24u);
  EXPECT_LE(end(0) - oldest(0), 26u);
}

TEST_F(Retention, a_clock_that_jumps_ahead_drops_nothing_before_its_time) {
  write_hours(20);
  clock_.set_ahead_ms(2 * day_ms);
  keep_house();
  EXPECT_EQ(oldest(0), 0u);
  write_hours(4);  // 24 hours since the first record
  EXPECT_LE(oldest(0), 1u);
  write_hours(10);  // what is from before the jump goes when it is a day old
  EXPECT_GE(end(0) - oldest(0), 24u);
  EXPECT_LE(end(0) - oldest(0), 26u);
  write_hours(30);  // and all is measured by the new date at last
  EXPECT_GE(end(0) - oldest(0), 24u);
  EXPECT_LE(end(0) - oldest(0), 26u);
}

TEST_F(Retention, a_jump_that_is_taken_back_has_done_nothing) {
  write_hours(20);
  clock_.set_ahead_ms(day_ms);
  keep_house();
  clock_.set_ahead_ms(-day_ms);
  keep_house();
  EXPECT_EQ(oldest(0), 0u);
  write_hours(10);
  EXPECT_GE(end(0) - oldest(0), 24u);
  EXPECT_LE(end(0) - oldest(0), 26u);
}

TEST_F(Retention, a_start_with_a_wrong_clock_drops_nothing) {
  write_hours(5);
  log_.reset();
  clock_.set_ahead_ms(400 * day_ms);
  open();
  keep_house();
  EXPECT_EQ(oldest(0), 0u);
  write_hours(30);
  EXPECT_GE(end(0) - oldest(0), 24u);
  EXPECT_LE(end(0) - oldest(0), 27u);
}

}  // namespace
}  // namespace millrace::log
