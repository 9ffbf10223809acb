#pragma once
// Keep-first by processing time: the first row of each key passes, at once; later ones are counted and dropped.
//
// A key is remembered for `ttl_ms` of event time after it was first seen, then forgotten together with its generation
// (the keys seen within a sixteenth of that time). Event time is the input's watermark; without one nothing is
// forgotten. https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/deduplication/
// Thread and failure: operator.h.

#include <deque>
#include <memory>

#include "engine/key_table.h"
#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

class Deduplicate final : public Operator {
 public:
  Deduplicate(const sql::DeduplicateNode& node, const data::Schema& schema);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> advance(int input, Watermark watermark) override;

  bool has_changes() const override { return changed_; }
  void put_state(std::string& out, bool only_changed) const override;
  Result<void> get_state(base::ByteReader& in) override;
  void clear_changes() override;
  size_t state_bytes() const override;
  void count(Counters& counters) const override { counters.duplicates += duplicates_; }

 private:
  static constexpr int64_t generations_per_ttl = 16;

  // The keys whose rows' time, or the watermark if that was later, was in [start, start + width).
  struct Generation {
    EventTime start;
    KeyTable keys;
    size_t written = 0;  // keys that are in the state records
  };

  EventTime generation_of(EventTime watermark) const;
  Generation& generation_at(EventTime start);
  void forget();

  sql::DeduplicateNode node_;
  KeyEncoder encoder_;
  // In the order of their starts; few live at a time.
  std::deque<std::unique_ptr<Generation>> generations_;
  EventTime watermark_ = no_watermark;
  bool changed_ = false;
  uint64_t duplicates_ = 0;
};

}  // namespace millrace::engine
