#pragma once
// A mapping: finds its source, a stream or a table's change feed, and runs one MappingShard for each of its shards.
// Private to this folder. The reactor's thread, except status().

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "function/functions.h"
#include "function/mapping_shard.h"
#include "function/position.h"
#include "function/worker.h"

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
  using Sources = std::vector<MappingShard::Source>;

  void look_for_source();
  Result<void> follow_source();
  Result<Sources> find_sources() const;
  Result<std::vector<SequenceNumber>> find_positions(const Sources& sources) const;
  Result<std::map<std::string, Position>> stored_positions() const;
  SequenceNumber position_in(const MappingShard::Source& source, const log::ShardRange& range,
                             const std::map<std::string, Position>& stored) const;
  bool same_sources(const Sources& sources) const;
  void drop_shards();

  const Functions::Environment& environment_;
  const MappingDefinition definition_;
  MappingProgress progress_;
  const MappingShard::Context context_;
  Sources sources_;
  uint64_t timer_ = 0;
  bool stopped_ = false;

  mutable std::mutex shards_mutex_;
  std::vector<std::shared_ptr<MappingShard>> shards_;
};

}  // namespace millrace::function
