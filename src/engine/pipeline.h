#pragma once
// A plan made runnable: its operators, connected, in the order of the data. Knows nothing of threads, commits or the
// store; the lane drives it. The lane's thread.

#include <memory>
#include <vector>

#include "engine/environment.h"
#include "engine/operator.h"
#include "engine/scan.h"
#include "engine/sink.h"
#include "engine/watermark.h"
#include "sql/plan.h"

namespace millrace::engine {

class Pipeline {
 public:
  // Opens what the plan reads and writes: what is missing or differs is an error that says how to create or declare it.
  static Result<std::unique_ptr<Pipeline>> make(const sql::Plan& plan, Environment& environment);

  struct TimedSource {
    WatermarkGenerator* generator;
    Scan* scan;
  };

  const std::vector<Scan*>& scans() const { return scans_; }
  const std::vector<Sink*>& sinks() const { return sinks_; }
  const std::vector<TimedSource>& timed_sources() const { return timed_sources_; }
  size_t operators() const { return operators_.size(); }
  Operator& at(size_t n) { return *operators_[n]; }
  const Operator& at(size_t n) const { return *operators_[n]; }

  // Scan::follow() of all, and their watermarks with them. True: there are others to read now.
  Result<bool> follow_shards(ProcessingTime now);
  void begin_sources(ProcessingTime now);

  Result<void> finish_epoch();
  // Operator::pending() and its kin, of all.
  bool pending() const;
  Result<void> resume();
  bool blocks_input() const;
  Result<void> end_of_sources();  // what a drain does: all windows close
  bool has_changes() const;
  void clear_changes();
  EventTime watermark() const;  // the least of the sources'; no_watermark: none has one
  Counters counters() const;
  size_t state_bytes() const;
  uint64_t rows_in() const;
  uint64_t rows_bad() const;

 private:
  std::vector<std::unique_ptr<Operator>> operators_;  // by node
  std::vector<Scan*> scans_;
  std::vector<Sink*> sinks_;
  std::vector<TimedSource> timed_sources_;
};

}  // namespace millrace::engine
