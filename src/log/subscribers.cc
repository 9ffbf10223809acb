#include "log/subscribers.h"

#include <algorithm>

namespace millrace::log {

struct Subscribers::Subscriber {
  std::optional<ShardId> shard;
  std::function<void()> wake;
  // Held during a call; recursive, because a call may end its own subscription.
  std::recursive_mutex calling;
  bool active = true;
};

struct Subscribers::List {
  mutable std::mutex mutex;
  std::vector<std::shared_ptr<Subscriber>> subscribers;
};

class Subscribers::Handle final : public Subscription {
 public:
  Handle(std::shared_ptr<List> list, std::shared_ptr<Subscriber> subscriber)
      : list_(std::move(list)), subscriber_(std::move(subscriber)) {}
  ~Handle() override {
    {
      std::lock_guard calling(subscriber_->calling);
      subscriber_->active = false;
    }
    std::lock_guard lock(list_->mutex);
    std::erase(list_->subscribers, subscriber_);
  }

 private:
  std::shared_ptr<List> list_;
  std::shared_ptr<Subscriber> subscriber_;
};

Subscribers::Subscribers() : list_(std::make_shared<List>()) {}

std::unique_ptr<Subscription> Subscribers::add(std::optional<ShardId> shard, std::function<void()> wake) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->shard = shard;
  subscriber->wake = std::move(wake);
  std::lock_guard lock(list_->mutex);
  list_->subscribers.push_back(subscriber);
  return std::make_unique<Handle>(list_, std::move(subscriber));
}

bool Subscribers::empty() const {
  std::lock_guard lock(list_->mutex);
  return list_->subscribers.empty();
}

void Subscribers::wake(std::span<const ShardId> shards) {
  std::vector<std::shared_ptr<Subscriber>> woken;
  {
    std::lock_guard lock(list_->mutex);
    for (const auto& subscriber : list_->subscribers) {
      if (!subscriber->shard || std::ranges::find(shards, *subscriber->shard) != shards.end()) {
        woken.push_back(subscriber);
      }
    }
  }
  for (const auto& subscriber : woken) {
    std::lock_guard calling(subscriber->calling);
    if (subscriber->active) subscriber->wake();
  }
}

}  // namespace millrace::log
