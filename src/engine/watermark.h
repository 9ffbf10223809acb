#pragma once
// WATERMARK FOR column AS column - delay: per shard the newest time seen less the delay, over the shards the minimum of
// those that are not idle. A shard is idle when it has been read to its end and gave nothing for the idle timeout, by
// processing time; the first row wakes it. Without a timeout a silent shard holds the watermark back, as in Flink.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/event-time/generating_watermarks/
//
// Ours: a row whose time is more than ahead_max_ms after its record's arrival in the log is set aside: it is counted
// and goes no further, so one wrong clock neither moves the watermark nor a sum. Rows that may be taken back are not
// (their retraction arrives later and would be let through): they pass, and do not move the watermark. The reader's
// clock is never asked, so a replay agrees. Thread and failure: operator.h.

#include <optional>

#include "engine/operator.h"
#include "sql/plan.h"

namespace millrace::engine {

// What the source knows of a shard.
struct ShardActivity {
  bool at_end = false;              // nothing more to read right now
  ProcessingTime last_activity{0};  // when it last gave rows, or was started
  bool finished = false;            // closed, and read to its end
};

// Shards are numbered anew: those that are kept, in their order, then the added ones, each with its parents' numbers of
// before.
struct ShardsChange {
  std::vector<size_t> kept;
  std::vector<std::vector<size_t>> added;
};

class WatermarkGenerator final : public Operator {
 public:
  WatermarkGenerator(const sql::WatermarkNode& node, size_t shards);

  Result<void> process(int input, const data::Batch& batch) override;
  Result<void> advance(int input, Watermark watermark) override;  // only the end of the input

  // So many shards, of which nothing is known, unless they were restored.
  void begin(size_t shards);
  // A new shard begins at the least watermark of its parents, so it holds back nothing that they did not.
  Result<void> follow(const ShardsChange& change);

  // Marks silent and finished shards idle. The next moment at which that may have to be done again, if any.
  Result<std::optional<ProcessingTime>> tick(ProcessingTime now, const std::vector<ShardActivity>& shards);

  Watermark current() const { return minimum_.current(); }

  bool has_changes() const override { return changed_; }
  void put_state(std::string& out, bool only_changed) const override;
  Result<void> get_state(base::ByteReader& in) override;
  void clear_changes() override { changed_ = false; }
  void count(Counters& counters) const override { counters.ahead += ahead_; }

 private:
  Result<void> update();
  // The newest time of the batch, of the rows that are not too far ahead; `ahead` gets the others' places.
  int64_t newest_time(const data::Batch& batch, std::vector<uint32_t>& ahead) const;

  sql::WatermarkNode node_;
  WatermarkMinimum minimum_;
  bool changed_ = false;
  uint64_t ahead_ = 0;
};

}  // namespace millrace::engine
