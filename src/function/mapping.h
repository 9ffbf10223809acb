#pragma once
// A mapping: finds its source, a stream or a table's change feed, and runs one MappingShard for each shard that may be
// read now. When one was read to its end, those that took over from it follow, in one commit of their positions
// (stream/lineage.h). Private to this folder. The reactor's thread, except status().

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "function/functions.h"
#include "function/mapping_shard.h"
#include "function/position.h"
#include "function/worker.h"
#include "stream/lineage.h"

namespace millrace::function {

class Mapping : public std::enable_shared_from_this<Mapping> {
 public:
  static constexpr int64_t source_pause_ms = 1'000;  // between looks for a source that does not exist

  Mapping(const Functions::Environment& environment, MappingDefinition definition, Worker& worker);

  void start();
  void stop();
  void sources_changed();  // something was created or dropped
  MappingStatus status() const;

 private:
  struct Found {
    stream::Source source;
    SourceIdentity identity;
    EventSource event;  // of no shard yet
  };
  using Positions = std::map<ShardId, SequenceNumber>;

  void look_for_source();
  Result<void> follow_source();
  Result<Found> find_source() const;
  Result<Positions> find_positions(const Found& found) const;
  Result<Positions> first_positions(const Found& found, bool recreated) const;
  SequenceNumber position_in(const Found& found, ShardId shard, const Position& stored) const;
  Result<std::map<std::string, Position>> stored_positions() const;
  bool same_source(const Found& found) const;
  void drop_shards();

  void shard_at_end();
  uint64_t later_records() const;
  // Takes up the shards that may be read now, and lets go those that were read.
  void follow_shards();
  Result<void> try_follow_shards();
  // What is to be done of that, for shards at these positions.
  stream::FollowerStep next_step(const Found& found, const Positions& positions) const;
  std::shared_ptr<MappingShard> make_shard(const Found& found, ShardId shard, SequenceNumber position);

  const Functions::Environment& environment_;
  const MappingDefinition definition_;
  MappingProgress progress_;
  const MappingShard::Context context_;
  uint64_t timer_ = 0;
  bool stopped_ = false;

  mutable std::mutex shards_mutex_;  // status() reads them; they are changed by the reactor's thread
  std::optional<Found> found_;       // what is followed
  std::map<ShardId, std::shared_ptr<MappingShard>> shards_;
};

}  // namespace millrace::function
