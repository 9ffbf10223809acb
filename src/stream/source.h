#pragma once
// What can be followed, and where followers find it by name. Values; any thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "log/block.h"
#include "stream/shard_set.h"

namespace millrace::stream {

struct ShardSource {
  log::Log* log = nullptr;
  ShardId id;
  std::shared_ptr<const void> owner;  // keeps the log open; null: it outlives all followers
};

// A stream, or a table's change feed. A name may be given again, the id is not: it tells a follower with a stored
// position whether this is what the position is in.
struct Source {
  uint64_t id = 0;
  log::Log* log = nullptr;
  std::shared_ptr<const void> owner;    // keeps the log open; null: it outlives all followers
  std::function<ShardSetPtr()> shards;  // as they are now; any thread. In which order they are read: lineage.h

  ShardSource shard(ShardId shard) const { return {log, shard, owner}; }
};

// Whose shards stay: those of `set`.
Source fixed_source(uint64_t id, log::Log* log, ShardSet set, std::shared_ptr<const void> owner = nullptr);

// Where followers look for streams. The implementation outlives them.
class Sources {
 public:
  virtual ~Sources() = default;
  virtual Result<Source> source(std::string_view name) = 0;  // not_found: the message says what to do
};

}  // namespace millrace::stream
