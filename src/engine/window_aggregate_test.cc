// Windows against a naive recomputation: seeded disorder, splits into batches, retractions, restores from state pieces.

#include "engine/window_aggregate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "data/text.h"

namespace millrace::engine {
namespace {

using data::Type;
using data::TypeKind;
using sql::Aggregate;
using sql::AggregateFunction;

const Type bigint{TypeKind::bigint};
const Type text{TypeKind::string};
const Type time_type{TypeKind::timestamp};

struct Event {
  int64_t ms;
  std::string key;
  int64_t x;
  std::string visitor;
  int weight = 1;
  int64_t closed = INT64_MIN;  // the watermark that it came after
};

// What comes out: per key and window start, the aggregates as text.
using Rows = std::map<std::pair<std::string, int64_t>, std::string>;

class Collector final : public Operator {
 public:
  Result<void> process(int, const data::Batch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) {
      std::string line;
      for (size_t n = 4; n < batch.columns.size(); ++n) {
        line += to_string(batch.columns[n]->get(row), batch.columns[n]->type) + " ";
      }
      const auto key = std::make_pair(std::string(batch.columns[0]->strings()[row]), batch.columns[1]->integers()[row]);
      EXPECT_EQ(batch.columns[2]->integers()[row] - 1, batch.columns[3]->integers()[row]);
      EXPECT_TRUE(rows.emplace(key, line).second) << "a window was emitted twice: " << key.first << " " << key.second;
    }
    return {};
  }
  Rows rows;
};

sql::ExpressionPtr column(int n, Type type) {
  auto e = std::make_shared<sql::Expression>();
  e->kind = sql::Expression::Kind::column;
  e->column = n;
  e->type = type;
  return e;
}

Aggregate aggregate(AggregateFunction function, sql::ExpressionPtr argument, Type type, bool distinct = false) {
  Aggregate a;
  a.function = function;
  a.argument = std::move(argument);
  a.distinct = distinct;
  a.type = type;
  return a;
}

class Windows {
 public:
  // `extremes`: MIN and MAX too, which makes the windows be merged from their slices.
  Windows(int64_t size_ms, int64_t slide_ms, bool extremes, bool retracts) : retracts_(retracts) {
    node_.retractable = retracts;
    node_.time_column = 0;
    node_.size_ms = size_ms;
    node_.slide_ms = slide_ms;
    node_.offset_ms = 3;
    node_.keys = {1};
    node_.aggregates = {aggregate(AggregateFunction::count, nullptr, bigint),
                        aggregate(AggregateFunction::sum, column(2, bigint), bigint),
                        aggregate(AggregateFunction::count, column(3, text), bigint, true),
                        aggregate(AggregateFunction::sum, column(2, bigint), bigint, true)};
    if (extremes) {
      node_.aggregates.push_back(aggregate(AggregateFunction::min, column(2, bigint), bigint));
      node_.aggregates.push_back(aggregate(AggregateFunction::max, column(3, text), text));
    }
    output_ = {{"key", text}, {"start", time_type}, {"end", time_type}, {"time", time_type}};
    for (const auto& a : node_.aggregates) output_.push_back({"a", a.type});
    make();
  }

  void add(const std::vector<Event>& events, size_t from, size_t to) {
    data::Batch batch;
    batch.rows = to - from;
    auto times = std::make_shared<data::Column>(time_type, batch.rows);
    auto keys = std::make_shared<data::Column>(text, batch.rows);
    auto xs = std::make_shared<data::Column>(bigint, batch.rows);
    auto visitors = std::make_shared<data::Column>(text, batch.rows);
    auto weights = std::make_shared<data::Weights>();
    for (size_t i = 0; i < batch.rows; ++i) {
      const Event& event = events[from + i];
      times->set(i, event.ms);
      keys->set(i, event.key);
      keys->strings()[i] = event.key;
      xs->set(i, event.x);
      visitors->set(i, event.visitor);
      visitors->strings()[i] = event.visitor;
      weights->push_back(static_cast<int8_t>(event.weight));
    }
    batch.columns = {times, keys, xs, visitors};
    if (retracts_) batch.weights = weights;
    ASSERT_TRUE(windows_->process(0, batch));
  }
  void advance(int64_t ms) {
    begin_advance(ms);
    while (pending()) resume();
  }
  // The first piece of what the watermark closes; pending() says whether there is more.
  void begin_advance(int64_t ms) { ASSERT_TRUE(windows_->advance(0, Watermark{EventTime(ms), false})); }
  bool pending() const { return windows_->pending(); }
  bool blocks_input() const { return windows_->blocks_input(); }
  void resume() { ASSERT_TRUE(windows_->resume()); }

  // A commit; every third one is a snapshot that makes the pieces before it superfluous.
  void commit() {
    const bool snapshot = commits_++ % 3 == 0;
    if (snapshot) pieces_.clear();
    pieces_.emplace_back();
    windows_->put_state(pieces_.back(), !snapshot);
    windows_->clear_changes();
    committed_ = collector_.rows;
  }
  // Everything since the last commit is forgotten.
  void crash() {
    collector_.rows = committed_;
    make();
    for (const std::string& piece : pieces_) {
      base::ByteReader in(piece);
      const auto restored = windows_->get_state(in);
      ASSERT_TRUE(restored) << restored.error().message;
      ASSERT_TRUE(in.done());
    }
  }

  const Rows& rows() const { return collector_.rows; }
  uint64_t late() const {
    Counters counters;
    windows_->count(counters);
    return counters.late;
  }

 private:
  void make() {
    const data::Schema input{{"time", time_type}, {"key", text}, {"x", bigint}, {"visitor", text}};
    auto made = WindowAggregate::make(node_, input, output_);
    CHECK(made);
    windows_ = std::move(*made);
    windows_->connect(&collector_, 0);
  }

  bool retracts_;
  sql::WindowAggregateNode node_;
  data::Schema output_;
  Collector collector_;
  std::unique_ptr<WindowAggregate> windows_;
  std::vector<std::string> pieces_;
  int commits_ = 0;
  Rows committed_;
};

Rows naive(const std::vector<Event>& events, int64_t size_ms, int64_t slide_ms, bool extremes) {
  struct Window {
    int64_t count = 0;
    int64_t sum = 0;
    std::map<std::string, int64_t> visitors;
    std::map<int64_t, int64_t> xs;
  };
  std::map<std::pair<std::string, int64_t>, Window> windows;
  for (const Event& event : events) {
    const int64_t last = data::floor_divide(event.ms - 3, slide_ms) * slide_ms + 3;
    for (int64_t start = last; start > last - size_ms; start -= slide_ms) {
      if (start + size_ms - 1 <= event.closed) continue;
      Window& window = windows[{event.key, start}];
      window.count += event.weight;
      window.sum += event.weight * event.x;
      if ((window.visitors[event.visitor] += event.weight) == 0) window.visitors.erase(event.visitor);
      if ((window.xs[event.x] += event.weight) == 0) window.xs.erase(event.x);
    }
  }
  Rows rows;
  for (const auto& [key, window] : windows) {
    if (window.count == 0) continue;
    int64_t distinct_sum = 0;
    for (const auto& [x, n] : window.xs) distinct_sum += x;
    std::string line = fmt::format("{} {} {} {} ", window.count, window.sum, window.visitors.size(), distinct_sum);
    if (extremes) line += fmt::format("{} {} ", window.xs.begin()->first, window.visitors.rbegin()->first);
    rows[key] = line;
  }
  return rows;
}

std::vector<Event> random_events(std::mt19937_64& random, int64_t disorder_ms, bool retracts) {
  std::vector<Event> events;
  std::vector<Event> live;
  int64_t now = -5'000;
  const size_t count = 200 + random() % 2000;
  for (size_t n = 0; n < count; ++n) {
    now += static_cast<int64_t>(random() % 20);
    if (random() % 300 == 0) now += 5'000;  // a gap
    if (retracts && !live.empty() && random() % 4 == 0) {
      // Only what is young enough not to be late.
      Event event = live.back();
      live.pop_back();
      if (event.ms >= now - disorder_ms) {
        event.weight = -1;
        events.push_back(event);
        continue;
      }
    }
    Event event{now - static_cast<int64_t>(random() % (disorder_ms + 1)), "k" + std::to_string(random() % 7),
                static_cast<int64_t>(random() % 5), "v" + std::to_string(random() % 6)};
    events.push_back(event);
    live.push_back(event);
  }
  return events;
}

struct Shape {
  int64_t size_ms;
  int64_t slide_ms;
  bool extremes;
  bool retracts;
};

class WindowShapes : public testing::TestWithParam<Shape> {};

TEST_P(WindowShapes, equal_a_naive_recomputation_for_any_split_and_any_crash) {
  const Shape shape = GetParam();
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    const int64_t disorder_ms = 50;
    const auto events = random_events(random, disorder_ms, shape.retracts);
    Windows windows(shape.size_ms, shape.slide_ms, shape.extremes, shape.retracts);

    size_t at = 0;
    int64_t newest = INT64_MIN;
    size_t committed_at = 0;
    int64_t committed_newest = INT64_MIN;
    windows.commit();
    int crashes = 0;
    while (at < events.size()) {
      const size_t to = std::min(events.size(), at + 1 + random() % 100);
      windows.add(events, at, to);
      for (; at < to; ++at) newest = std::max(newest, events[at].ms);
      windows.advance(newest - disorder_ms - 1);
      if (random() % 3 == 0) {
        windows.commit();
        committed_at = at;
        committed_newest = newest;
      }
      if (crashes < 5 && random() % 10 == 0) {
        ++crashes;
        windows.crash();
        at = committed_at;
        newest = committed_newest;
      }
    }
    windows.advance(end_of_input.value);
    EXPECT_EQ(windows.late(), 0u);
    ASSERT_EQ(windows.rows(), naive(events, shape.size_ms, shape.slide_ms, shape.extremes));
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, WindowShapes,
                         testing::Values(Shape{100, 100, false, false}, Shape{100, 100, true, false},
                                         Shape{600, 100, false, false}, Shape{600, 100, true, false},
                                         Shape{600, 100, false, true}, Shape{600, 100, true, true},
                                         Shape{100, 100, true, true}, Shape{1000, 10, false, false}));

TEST(WindowAggregate, counts_late_rows_and_drops_them) {
  Windows windows(300, 100, false, false);
  const std::vector<Event> events{{1000, "a", 1, "x"}, {500, "a", 1, "x"}, {900, "a", 1, "x"}, {1001, "a", 1, "x"}};
  windows.add(events, 0, 1);
  windows.advance(1000);
  // Of 500's slice [403, 503) the last window ends at 703; of 900's [803, 903) at 1103, so it is open still.
  windows.add(events, 1, 4);
  EXPECT_EQ(windows.late(), 1u);
  windows.advance(end_of_input.value);
  EXPECT_EQ(windows.rows().at({"a", 803}), "3 3 1 1 ");
}

// `keys` events in each of the windows' slices.
std::vector<Event> many(int keys, int slices, int64_t slide_ms) {
  std::vector<Event> events;
  for (int slice = 0; slice < slices; ++slice) {
    for (int key = 0; key < keys; ++key) {
      events.push_back({slice * slide_ms + 3 + key % slide_ms, "k" + std::to_string(key), key % 5, "v"});
    }
  }
  return events;
}

struct Mass {
  int keys;
  int slices;
  int64_t size_ms;
  int64_t slide_ms;
  bool extremes;
};

class WindowMasses : public testing::TestWithParam<Mass> {};

TEST_P(WindowMasses, come_out_in_bounded_pieces_and_once_whatever_crashes_between_them) {
  const Mass mass = GetParam();
  const auto events = many(mass.keys, mass.slices, mass.slide_ms);
  Windows windows(mass.size_ms, mass.slide_ms, mass.extremes, false);
  for (size_t at = 0; at < events.size(); at += 4000) windows.add(events, at, std::min(events.size(), at + 4000));
  windows.commit();
  std::mt19937_64 random(7);
  int64_t far = 1'000'000'000;
  windows.begin_advance(far);
  int crashes = 0;
  size_t before = 0;
  size_t pieces = 0;
  for (;;) {
    ++pieces;
    // A part of a window is as large as the hashes make it; a window with fewer keys is never divided.
    EXPECT_LE(windows.rows().size() - before, 2 * emit_rows_max + 300);
    if (!windows.pending()) break;
    EXPECT_FALSE(windows.blocks_input());
    if (random() % 2 == 0 || crashes > 20) windows.commit();
    if (crashes <= 20 && random() % 3 == 0) {
      ++crashes;
      windows.crash();
      before = windows.rows().size();
      if (!windows.pending()) {
        windows.begin_advance(far);
        continue;
      }
    } else {
      before = windows.rows().size();
    }
    windows.resume();
  }
  EXPECT_GT(pieces, 3u);
  ASSERT_EQ(windows.rows(), naive(events, mass.size_ms, mass.slide_ms, mass.extremes));
}

INSTANTIATE_TEST_SUITE_P(masses, WindowMasses,
                         testing::Values(Mass{30'000, 1, 100, 100, false}, Mass{30'000, 1, 100, 100, true},
                                         Mass{9'000, 2, 300, 100, false}, Mass{9'000, 2, 300, 100, true},
                                         Mass{200, 3, 10'000, 10, false}, Mass{1, 2, 100'000, 10, false}));

TEST_P(WindowShapes, take_rows_while_closed_windows_come_out_and_count_each_where_it_is_not_late) {
  const Shape shape = GetParam();
  const uint64_t seeds = shape.size_ms / shape.slide_ms > 10 ? 1 : 6;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    Windows windows(shape.size_ms, shape.slide_ms, shape.extremes, shape.retracts);
    std::vector<Event> events;  // that were added
    int64_t now = 0;
    int64_t watermark = INT64_MIN;
    struct Committed {
      size_t events = 0;
      int64_t now = 0;
      int64_t watermark = INT64_MIN;
    } committed;
    windows.commit();
    size_t meanwhile = 0;
    for (int step = 0; step < 150; ++step) {
      if (const auto choice = random() % 10; choice < 5 && !windows.blocks_input()) {
        const size_t from = events.size();
        const size_t rows = random() % 600;
        for (size_t n = 0; n < rows; ++n) {
          now += static_cast<int64_t>(random() % 2);
          Event event{now - static_cast<int64_t>(random() % (2 * shape.size_ms)), "k" + std::to_string(random() % 1500),
                      static_cast<int64_t>(random() % 5), "v" + std::to_string(random() % 6)};
          event.closed = watermark;
          events.push_back(event);
        }
        if (shape.retracts && from > 0) {
          // What counted everywhere and would still do so.
          Event event = events[random() % from];
          const int64_t oldest = event.ms - shape.size_ms;
          if (event.weight > 0 && event.closed < oldest && watermark < oldest) {
            event.weight = -1;
            event.closed = watermark;
            events.push_back(event);
          }
        }
        windows.add(events, from, events.size());
        if (windows.pending()) meanwhile += events.size() - from;
      } else if (choice < 7) {
        watermark = std::max(watermark, now - static_cast<int64_t>(random() % shape.size_ms));
        windows.begin_advance(watermark);
      } else if (choice < 8 && windows.pending()) {
        windows.resume();
      } else if (choice < 9) {
        windows.commit();
        committed = {events.size(), now, watermark};
      } else {
        windows.crash();
        events.resize(committed.events);
        now = committed.now;
        watermark = committed.watermark;
      }
    }
    EXPECT_GT(meanwhile, 0u);
    windows.begin_advance(end_of_input.value);
    while (windows.pending()) windows.resume();
    ASSERT_EQ(windows.rows(), naive(events, shape.size_ms, shape.slide_ms, shape.extremes));
  }
}

TEST(WindowMassesTest, input_waits_once_too_many_watermarks_have_closed_windows) {
  Windows windows(300, 100, false, false);
  const auto events = many(9'000, 2, 100);
  for (size_t at = 0; at < events.size(); at += 3000) windows.add(events, at, at + 3000);
  windows.begin_advance(1000);
  for (int64_t n = 1; n < static_cast<int64_t>(closings_max); ++n) {
    ASSERT_FALSE(windows.blocks_input());
    windows.begin_advance(1000 + n * 100);
  }
  ASSERT_TRUE(windows.blocks_input());
  while (windows.blocks_input()) windows.resume();
  while (windows.pending()) windows.resume();
  EXPECT_EQ(windows.rows(), naive(events, 300, 100, false));
}

TEST(WindowMassesTest, a_tumbling_window_takes_rows_while_others_are_emitted_and_refuses_late_ones) {
  Windows windows(100, 100, false, false);
  const auto closed = many(20'000, 1, 100);
  for (size_t at = 0; at < closed.size(); at += 4000) windows.add(closed, at, at + 4000);
  windows.begin_advance(250);
  ASSERT_TRUE(windows.pending());
  ASSERT_FALSE(windows.blocks_input());
  // Of the window that is being emitted, of one that is closed and has no rows yet, and of an open one.
  const std::vector<Event> more{{5, "k1", 1, "v"}, {150, "k1", 1, "v"}, {310, "new", 1, "v"}};
  windows.add(more, 0, 3);
  EXPECT_EQ(windows.late(), 2u);
  while (windows.pending()) windows.resume();
  windows.advance(1000);
  auto all = closed;
  all.push_back(more[2]);
  EXPECT_EQ(windows.rows(), naive(all, 100, 100, false));
}

}  // namespace
}  // namespace millrace::engine
