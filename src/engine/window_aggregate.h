#pragma once
// GROUP BY keys over TUMBLE or HOP windows of event time: each row is added to one slice of the slide's length; a
// window is the sum of its slices and is emitted once, when the watermark passes window_end - 1. A row whose windows
// have all been emitted is late: counted and dropped. One that still has an open window counts for the open ones, as in
// Flink. https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/window-agg/
//
// Overlapping windows are kept as a running total (the newest slice is added, the one that leaves is taken away), so
// closing a window costs its own rows and one slice; aggregates that cannot be taken away (MIN, MAX, DOUBLE sums) are
// merged from the slices anew.
//
// A watermark may close very many windows, or one with very many keys. They come out in pieces of emit_rows_max rows, a
// commit between them; a window's keys are divided by their hashes, so a restart goes on where the last commit stood
// and no row comes twice. Meanwhile rows are taken. A sliding window's slices are shared by windows that are closed and
// such that are not, so rows for shared slices are kept beside them until the closed windows are out. Thread and
// failure: operator.h.

#include <deque>
#include <map>
#include <memory>

#include "engine/aggregate.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

// Between two commits, about: a click that comes meanwhile waits for two of them.
inline constexpr size_t emit_rows_max = 512;
// Watermarks that closed windows while others waited to be emitted; with so many of them the input waits, too.
inline constexpr size_t closings_max = 64;

class WindowAggregate final : public Operator {
 public:
  static Result<std::unique_ptr<WindowAggregate>> make(const sql::WindowAggregateNode& node, const data::Schema& input,
                                                       const data::Schema& output);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> advance(int input, Watermark watermark) override;

  bool pending() const override { return !closings_.empty(); }
  Result<void> resume() override { return fire_closed(); }
  bool blocks_input() const override;

  bool has_changes() const override { return changed_; }
  void put_state(std::string& out, bool only_changed) const override;
  Result<void> get_state(base::ByteReader& in) override;
  void clear_changes() override;
  size_t state_bytes() const override;
  void count(Counters& counters) const override;

 private:
  using Slices = std::map<int64_t, std::unique_ptr<Groups>>;  // by start

  // A watermark that closed windows which are not all emitted yet.
  struct Closing {
    int64_t until;  // it: windows with end - 1 <= until are closed
    int64_t end;    // of the last of them
    Slices later;   // rows that came after it, for slices before `end`: they count in the windows after `end` only
  };
  struct SliceRows {
    int64_t start;
    std::vector<uint32_t> rows;
  };

  WindowAggregate(const sql::WindowAggregateNode& node, const data::Schema& input, const data::Schema& output,
                  AggregateInputs inputs);

  int64_t slice_start(int64_t time) const;
  void sort_into_slices(const data::Batch& batch);
  int64_t late_limit() const;  // windows with end - 1 <= this take no more rows
  Slices& slices_for(int64_t start);
  Closing closing(int64_t until) const;
  Result<void> fire_closed();
  // These stop, and are then false, once `work` has reached emit_rows_max.
  Result<bool> fire_until(int64_t until, size_t& work);
  bool merge_later(size_t& work);
  Result<size_t> fire(int64_t window_end);
  Groups& window_of(int64_t window_end);  // the groups of the window, among them possibly some without rows
  void drop_slices(int64_t window_end);
  Result<size_t> emit_window(const Groups& groups, int64_t window_end);
  static void put_slices(std::string& out, const Slices& slices, bool only_changed);
  Result<Slices> get_slices(base::ByteReader& in, Slices& old) const;
  std::unique_ptr<Groups> make_groups(const Groups* like = nullptr) const;

  sql::WindowAggregateNode node_;
  data::Schema output_;
  KeyEncoder encoder_;
  AggregateInputs inputs_;

  Slices slices_;
  int64_t fired_;  // windows with end - 1 <= fired_ have been emitted
  // The oldest first, whose windows are being emitted; then its later rows join slices_. At most closings_max.
  std::deque<Closing> closings_;
  // The sum of the slices in [total_end_ - size, total_end_), for overlapping windows; null: not made yet.
  std::unique_ptr<Groups> total_;
  int64_t total_end_ = 0;
  Watermark input_{no_watermark, false};  // the newest that came
  uint64_t parts_ = 0;                    // into which the next window's keys are divided; 0: not begun
  uint64_t part_ = 0;                     // the next of them
  bool changed_ = false;
  uint64_t late_ = 0;
  ProcessingTime arrived_{0};

  std::vector<SliceRows> slice_rows_;  // of the batch under way
  size_t slice_rows_used_ = 0;
};

}  // namespace millrace::engine
