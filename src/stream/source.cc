#include "stream/source.h"

namespace millrace::stream {

Source fixed_source(uint64_t id, log::Log* log, ShardSet set, std::shared_ptr<const void> owner) {
  auto shards = std::make_shared<const ShardSet>(std::move(set));
  return {id, log, std::move(owner), [shards = std::move(shards)] { return shards; }};
}

}  // namespace millrace::stream
