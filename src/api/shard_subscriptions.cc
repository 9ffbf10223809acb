#include "api/shard_subscriptions.h"

#include <algorithm>
#include <chrono>

#include "api/kinesis_request.h"
#include "log/log.h"

namespace millrace::api {

struct ShardSubscriptions::Subscription {
  Subscription(Key key, stream::StreamPtr stream, SequenceNumber next, int64_t now_ms)
      : key(std::move(key)), stream(std::move(stream)), begun_ms(now_ms), next(next) {}

  const Key key;
  const stream::StreamPtr stream;
  const int64_t begun_ms;

  // The thread's.
  SequenceNumber next;
  std::optional<int64_t> sent_ms;  // the last event

  // Its client has not taken everything, and a call follows when it has.
  std::atomic<bool> waits = false;

  // Guarded by the mutex.
  bool live = false;  // known to the thread, and not over
  bool queued = false;
  bool timed = false;
  bool dismissed = false;
  std::optional<aws::AwsError> why;  // it is dismissed, for its client

  // Set before it is live; taken away, not under the mutex, when it is over.
  std::unique_ptr<log::Subscription> wake;
  std::unique_ptr<aws::EventAnswer> answer;
};

ShardSubscriptions::ShardSubscriptions(base::Clock& clock, const SubscriptionLimits& limits)
    : clock_(clock), limits_(limits), thread_([this] { run(); }) {}

ShardSubscriptions::~ShardSubscriptions() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  std::vector<SubscriptionPtr> left;
  {
    const std::lock_guard lock(mutex_);
    left.assign(ready_.begin(), ready_.end());  // those that another has taken over from are here only
    for (const auto& [key, subscription] : subscriptions_) left.push_back(subscription);
  }
  for (const SubscriptionPtr& subscription : left) leave(*subscription);
}

int64_t ShardSubscriptions::now_ms() const {
  return clock_.monotonic_ns() / 1'000'000;
}

Result<void> ShardSubscriptions::subscribe(Key key, stream::StreamPtr stream, SequenceNumber next,
                                           aws::Answer& answer) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = subscriptions_.find(key);
    if (found != subscriptions_.end() && now_ms() - found->second->begun_ms < limits_.take_over_ms &&
        !found->second->answer->gone()) {
      return fail(ErrorKind::in_use,
                  "the consumer {} has subscribed to shard {} less than {} ms ago; call again after that to take over",
                  key.consumer, stream::shard_name(key.shard), limits_.take_over_ms);
    }
  }
  const auto subscription = std::make_shared<Subscription>(std::move(key), std::move(stream), next, now_ms());
  const std::weak_ptr<Subscription> weak = subscription;
  subscription->wake = subscription->stream->log()->subscribe(subscription->key.shard, [this, weak] {
    if (const auto alive = weak.lock()) note(alive);
  });
  subscription->answer = answer.events([this, weak] {
    if (const auto alive = weak.lock()) note_moved(alive);
  });
  const std::lock_guard lock(mutex_);
  SubscriptionPtr& place = subscriptions_[subscription->key];
  if (place) {
    place->dismissed = true;
    note_locked(place);
  }
  place = subscription;
  subscription->live = true;
  note_locked(subscription);
  return {};
}

void ShardSubscriptions::note(const SubscriptionPtr& subscription) {
  const std::lock_guard lock(mutex_);
  note_locked(subscription);
}

void ShardSubscriptions::note_locked(const SubscriptionPtr& subscription) {
  if (!subscription->live || subscription->queued) return;
  subscription->queued = true;
  ready_.push_back(subscription);
  wake_.notify_one();
}

// Everything was taken, or the client has gone.
void ShardSubscriptions::note_moved(const SubscriptionPtr& subscription) {
  const std::lock_guard lock(mutex_);
  if (!subscription->live) return;
  if (subscription->waits.exchange(false) || subscription->answer->gone()) note_locked(subscription);
}

template <class Which>
void ShardSubscriptions::dismiss(const aws::AwsError& why, Which which) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, subscription] : subscriptions_) {
    if (!which(key)) continue;
    subscription->dismissed = true;
    subscription->why = why;
    note_locked(subscription);
  }
}

void ShardSubscriptions::end_consumer(uint64_t stream_id, std::string_view consumer) {
  dismiss({400, "ResourceNotFoundException", fmt::format("Consumer {} has been deregistered.", consumer)},
          [&](const Key& key) { return key.stream_id == stream_id && key.consumer == consumer; });
}

void ShardSubscriptions::end_stream(uint64_t stream_id) {
  dismiss({400, "ResourceNotFoundException", "The stream has been deleted."},
          [&](const Key& key) { return key.stream_id == stream_id; });
}

size_t ShardSubscriptions::size() const {
  const std::lock_guard lock(mutex_);
  return subscriptions_.size();
}

void ShardSubscriptions::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    for (const int64_t now = now_ms(); !timers_.empty() && timers_.begin()->first <= now;) {
      const SubscriptionPtr subscription = timers_.begin()->second;
      timers_.erase(timers_.begin());
      subscription->timed = false;
      note_locked(subscription);
    }
    if (stopping_) return;
    if (ready_.empty()) {
      wait(lock);
      continue;
    }
    const SubscriptionPtr subscription = std::move(ready_.front());
    ready_.pop_front();
    subscription->queued = false;
    // What happened in its last turn has queued it once more.
    if (!subscription->live) continue;
    const bool dismissed = subscription->dismissed;
    const auto why = subscription->why;
    lock.unlock();
    if (why) subscription->answer->fail(*why);
    const Turn turn = dismissed ? Turn::is_over : take_turn(*subscription);
    if (turn == Turn::is_over) leave(*subscription);
    lock.lock();
    if (turn == Turn::goes_on) note_locked(subscription);
    if (turn == Turn::is_over || std::exchange(subscription->timed, true)) continue;
    const int64_t silent_until = subscription->sent_ms.value_or(subscription->begun_ms) + limits_.silence_ms;
    timers_.emplace(std::min(silent_until, subscription->begun_ms + limits_.life_ms), subscription);
  }
}

void ShardSubscriptions::wait(std::unique_lock<std::mutex>& lock) {
  if (timers_.empty()) return wake_.wait(lock);
  wake_.wait_for(lock, std::chrono::milliseconds(timers_.begin()->first - now_ms()));
}

ShardSubscriptions::Turn ShardSubscriptions::take_turn(Subscription& subscription) {
  aws::EventAnswer& answer = *subscription.answer;
  if (answer.gone() || now_ms() - subscription.begun_ms >= limits_.life_ms) return Turn::is_over;
  subscription.waits = true;
  if (answer.pending() > 0) return Turn::waits;
  subscription.waits = false;

  const log::Log& log = *subscription.stream->log();
  auto blocks = log.read(subscription.key.shard, subscription.next, limits_.event_bytes);
  if (!blocks && blocks.error().kind == ErrorKind::trimmed) {
    // What retention has taken is not missed: it goes on at the oldest record.
    const auto range = log.range(subscription.key.shard);
    if (range && range->oldest > subscription.next) {
      subscription.next = range->oldest;
      return Turn::goes_on;
    }
  }
  if (blocks) return send_event(subscription, *blocks);
  switch (blocks.error().kind) {
    case ErrorKind::throttled:
      return Turn::waits;  // until the next look
    case ErrorKind::unavailable:
      answer.fail(aws::AwsError{400, "ResourceNotFoundException", "The stream has been deleted."});
      return Turn::is_over;
    default:
      answer.fail(blocks.error());
      return Turn::is_over;
  }
}

ShardSubscriptions::Turn ShardSubscriptions::send_event(Subscription& subscription,
                                                        const std::vector<log::BlockPtr>& blocks) {
  const int64_t now = now_ms();
  const bool silent = !subscription.sent_ms || now - *subscription.sent_ms >= limits_.silence_ms;
  const bool is_over = children_at_end(*subscription.stream, subscription.key.shard, subscription.next).has_value();
  if (blocks.empty() && !silent && !is_over) return Turn::waits;
  aws::Writer out(subscription.answer->coding());
  out.begin();
  out.member("Records").begin_list();
  SequenceNumber next = subscription.next;
  const base::SequenceFormat numbers = subscription.stream->numbers(subscription.key.shard);
  std::string number;
  ProcessingTime last;
  size_t count = 0;
  size_t bytes = 0;
  bool full = false;
  for (const log::BlockPtr& block : blocks) {
    log::for_each_record(*block, next, [&](const log::Record& record) {
      const size_t size = record.key.size() + record.data.size();
      full |= count > 0 && bytes + size > limits_.event_bytes;
      if (full) return;
      write_record(out, numbers, record, number);
      ++count;
      bytes += size;
      next = record.sequence.next();
      last = record.time;
    });
    if (full) break;
  }
  out.end_list();
  const auto range = subscription.stream->log()->range(subscription.key.shard);
  const bool at_end = !range || next >= range->end;
  const auto children = children_at_end(*subscription.stream, subscription.key.shard, next);
  const int64_t behind_ms = at_end || count == 0 ? 0 : std::max<int64_t>(clock_.now().value - last.value, 1);
  if (!children) out.member("ContinuationSequenceNumber").text(sequence_number_before(numbers, next));
  out.member("MillisBehindLatest").integer(behind_ms);
  if (children && !children->empty()) write_children(out, *children);
  out.end();
  if (!subscription.answer->send("SubscribeToShardEvent", std::move(out).take())) return Turn::is_over;
  subscription.next = next;
  subscription.sent_ms = now;
  records_out_ += count;
  bytes_out_ += bytes;
  // A closed shard's last event names its children, and the subscription is over.
  if (children) return Turn::is_over;
  return at_end ? Turn::waits : Turn::goes_on;
}

// Its answer ends, and the log's calls.
void ShardSubscriptions::leave(Subscription& subscription) {
  std::unique_ptr<aws::EventAnswer> answer;
  {
    const std::lock_guard lock(mutex_);
    subscription.live = false;
    answer = std::move(subscription.answer);
    const auto found = subscriptions_.find(subscription.key);
    if (found != subscriptions_.end() && found->second.get() == &subscription) subscriptions_.erase(found);
  }
  // A call under way is waited for, and may be waiting for the mutex.
  subscription.wake.reset();
}

}  // namespace millrace::api
