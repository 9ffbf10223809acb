#pragma once
// A source: reads blocks of its shards from the log, has the connector decode the columns that the plan needs, and
// emits batches of one shard each. Knows the position of every shard.
//
// Aggregated records are opened (stream/aggregated.h): their user records are decoded, and have no positions of their
// own. A record that cannot be decoded is an error that stops the job. A job that goes on after it may be told to leave
// out some such records all the same (skip_bad), each named in the log. A shard that was split or merged is read to its
// end, then its children are (stream/lineage.h): follow() takes them up, and the state has the positions of those that
// are followed. Positions belong to one source, not to its name: one that was deleted and created again is another. The
// lane's thread, but for lag().

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "connector/io.h"
#include "engine/operator.h"
#include "engine/watermark.h"
#include "sql/plan.h"
#include "stream/lineage.h"
#include "stream/reader.h"

namespace millrace::engine {

class Scan final : public Operator {
 public:
  Scan(const sql::ScanNode& node, connector::Source source) : node_(node), source_(std::move(source)) {}

  // The first positions, as the plan says. Not called when positions were restored.
  Result<void> start();
  // Shards count as active from here on.
  void begin(ProcessingTime now);

  // Leaves out bad records for as long as there are some left to skip; shared by the sources of a job.
  void skip_bad(connector::SkipBad* skip) { skip_bad_ = skip; }

  // The followed shards are numbered from 0, without gaps; follow() numbers them anew.
  size_t shards() const { return shards_.size(); }
  const connector::Source& source() const { return source_; }
  // Takes up the shards whose parents were read to their ends, and lets go the parents. Nothing: all stays.
  Result<std::optional<ShardsChange>> follow(ProcessingTime now);
  // Reads on in the log, about `bytes_max`, if all that was read is pushed. throttled: the process has no descriptor
  // left; nothing has changed, try again.
  Result<void> read(size_t shard, size_t bytes_max);
  // Decodes and pushes at most a batch's records of what was read, or all that one aggregated record has more; the
  // number of records it took, 0 at the shard's end.
  Result<size_t> pump(size_t shard, ProcessingTime now);
  const std::vector<ShardActivity>& activity() const { return activity_; }
  Result<void> end() { return emit(Watermark{end_of_input, false}); }
  // not_found: what is read here has been deleted, and perhaps created again.
  Result<void> check_source() const;

  Result<void> process(int, const data::Batch&) override;
  // Positions, as a state of their own that is always written whole.
  void put_state(std::string& out, bool only_changed) const override;
  Result<void> get_state(base::ByteReader& in) override;
  bool has_changes() const override { return changed_; }
  void clear_changes() override;  // what was read so far is committed

  stream::Reader::Lag lag(ProcessingTime now) const;  // of all shards together; any thread
  // From now on nothing is read that is not there yet: what a drain works off.
  Result<void> stop_at_end();
  uint64_t rows() const { return rows_; }
  uint64_t bad() const { return source_.decoder->bad(); }

 private:
  struct Shard {
    explicit Shard(stream::ShardSource source, SequenceNumber next = {}) : reader(std::move(source), next) {}
    stream::Reader reader;  // next(): of the next record to push; committed(): as of the last commit
  };

  std::unexpected<Error> another_source() const;
  std::vector<stream::Followed> followed(const stream::ShardSet& set) const;
  std::unexpected<Error> passed_by_retention(ShardId shard, SequenceNumber next) const;
  void take_records(stream::Reader& reader);
  bool take_user_records(const log::Record& record, ShardId shard);
  Result<std::vector<data::Batch>> decode(size_t number);

  sql::ScanNode node_;
  connector::Source source_;
  mutable std::mutex shards_mutex_;  // of the list, which lag() reads from any thread
  std::vector<std::unique_ptr<Shard>> shards_;
  std::optional<std::map<ShardId, SequenceNumber>> drain_ends_;  // of all that a drain reads
  std::vector<ShardActivity> activity_;
  std::vector<log::Record> records_;   // that pump() takes, aggregated ones opened
  std::vector<log::BlockPtr> blocks_;  // in which they lie
  connector::SkipBad skip_none_;
  connector::SkipBad* skip_bad_ = &skip_none_;
  bool changed_ = false;
  uint64_t rows_ = 0;
};

}  // namespace millrace::engine
