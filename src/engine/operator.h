#pragma once
// The contract of all operators: take a batch, take a watermark, say what changed, take it back.
//
// A pipeline pushes each batch through its operators to completion before the next one. An operator never blocks, never
// reads a clock and never fails for a bad row (it counts it); an error stops the job. At the end of an epoch, in the
// order of the data, finish_epoch() lets operators emit what they held back; then put_state() of those that changed,
// the sinks' rows and the sources' positions go into one commit, and clear_changes() says that they did.
//
// One thread: the lane's.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "data/batch.h"

namespace millrace::engine {

// "No rows with a time at or below `time` are expected any more" from an input; an idle input holds nobody back.
struct Watermark {
  EventTime time;
  bool idle = false;
  bool operator==(const Watermark&) const = default;
};
inline constexpr EventTime no_watermark{std::numeric_limits<int64_t>::min()};
inline constexpr EventTime end_of_input{std::numeric_limits<int64_t>::max()};

struct Counters {
  uint64_t late = 0;        // rows that windows dropped
  uint64_t ahead = 0;       // rows that were set aside for a time far ahead of their arrival
  uint64_t row_errors = 0;  // expressions that failed for a row
  uint64_t duplicates = 0;  // rows that deduplication dropped
};

class Operator {
 public:
  virtual ~Operator() = default;

  virtual Result<void> process(int input, const data::Batch& batch) = 0;
  virtual Result<void> advance(int, Watermark watermark) { return emit(watermark); }
  virtual Result<void> finish_epoch() { return {}; }

  // An operator that has more to emit than one commit should hold stops at a bound of its own and is then pending:
  // resume() goes on; whoever runs it decides how many pieces a commit has. Where it stands is part of its state.
  virtual bool pending() const { return false; }
  virtual Result<void> resume() { return {}; }
  // Pending, and process() must wait until it is not.
  virtual bool blocks_input() const { return false; }

  virtual bool has_changes() const { return false; }
  // What changed since clear_changes(), or everything; get_state() applies such pieces in their order.
  virtual void put_state(std::string&, bool /*only_changed*/) const {}
  virtual Result<void> get_state(base::ByteReader&) { return {}; }
  virtual void clear_changes() {}
  virtual size_t state_bytes() const { return 0; }
  virtual void count(Counters&) const {}

  void connect(Operator* reader, int input) { readers_.push_back({reader, input}); }

 protected:
  Result<void> emit(const data::Batch& batch) {
    if (batch.rows == 0) return {};
    for (const Reader& reader : readers_) TRY(reader.to->process(reader.input, batch));
    return {};
  }
  Result<void> emit(Watermark watermark) {
    for (const Reader& reader : readers_) TRY(reader.to->advance(reader.input, watermark));
    return {};
  }

 private:
  struct Reader {
    Operator* to;
    int input;
  };
  std::vector<Reader> readers_;
};

// The minimum over several inputs that are not idle; if all are idle, the newest that any of them reached.
class WatermarkMinimum {
 public:
  explicit WatermarkMinimum(size_t inputs) : inputs_(inputs, Watermark{no_watermark, false}) {}

  Watermark& input(size_t n) { return inputs_[n]; }
  const std::vector<Watermark>& inputs() const { return inputs_; }
  void set_inputs(std::vector<Watermark> inputs) { inputs_ = std::move(inputs); }

  // True if the combined watermark moved on or changed its idleness; then it is in current().
  bool update() {
    bool all_idle = true;
    EventTime least = end_of_input;
    EventTime newest = no_watermark;
    for (const Watermark& input : inputs_) {
      newest = std::max(newest, input.time);
      if (input.idle) continue;
      all_idle = false;
      least = std::min(least, input.time);
    }
    const Watermark next{std::max(current_.time, all_idle ? newest : least), all_idle};
    if (next == current_) return false;
    current_ = next;
    return true;
  }
  Watermark current() const { return current_; }

 private:
  std::vector<Watermark> inputs_;
  Watermark current_{no_watermark, false};
};

}  // namespace millrace::engine
