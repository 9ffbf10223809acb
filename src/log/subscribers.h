#pragma once
// Who wants to be woken when a shard has new durable records. Any thread.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "log/log.h"

namespace millrace::log {

class Subscribers {
 public:
  Subscribers();

  std::unique_ptr<Subscription> add(std::optional<ShardId> shard, std::function<void()> wake);
  bool empty() const;
  // Calls each subscriber at most once.
  void wake(std::span<const ShardId> shards);

 private:
  struct Subscriber;
  struct List;
  class Handle;

  std::shared_ptr<List> list_;  // shared with the handles, which may outlive this
};

}  // namespace millrace::log
