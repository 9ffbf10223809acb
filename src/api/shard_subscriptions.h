#pragma once
// Who is being sent the records of which shard, and the thread that sends them (enhanced fan-out).
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html
//
// A subscription is a call of SubscribeToShard that is being answered: events with records from a position on, each
// within moments of the commit of what it has; one without records at the beginning and after every silence_ms; the end
// after life_ms. There is one for each consumer and shard: a later call takes over from an earlier one, which ends, but
// not in its first take_over_ms while its client is there.
//
// Bounds: an event has event_bytes of keys and data, or one record. A subscription is sent the next one when its client
// has taken the one before, so it holds no more than one; all of them together count as unread answers do
// (http::ServerLimits). What its client does not take in its life, it takes from the log after it has subscribed again.
//
// Threads: subscribe() on the reactor's thread, the rest on any. The events are read, made and sent on one thread of
// this object's own, so no writer waits for a reader, and no disk is read on the reactor's. Outlives the server whose
// calls are answered, and is outlived by the clock.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aws/service.h"
#include "base/clock.h"
#include "stream/streams.h"

namespace millrace::api {

struct SubscriptionLimits {
  int64_t life_ms = 5 * 60 * 1000;
  int64_t take_over_ms = 5'000;
  int64_t silence_ms = 5'000;
  size_t event_bytes = size_t{1} << 20;
};

class ShardSubscriptions {
 public:
  explicit ShardSubscriptions(base::Clock& clock, const SubscriptionLimits& limits = {});
  ~ShardSubscriptions();  // ends all of them

  // Whose and which shard's.
  struct Key {
    uint64_t stream_id = 0;
    std::string consumer;
    ShardId shard;
    auto operator<=>(const Key&) const = default;
  };

  // Answers the call with events from the record `next` on, and goes on with them.
  // in_use: the consumer has subscribed to the shard just now; nothing was answered.
  Result<void> subscribe(Key key, stream::StreamPtr stream, SequenceNumber next, aws::Answer& answer);
  // Ends those of a consumer, or of a whole stream, telling their clients that it is gone.
  void end_consumer(uint64_t stream_id, std::string_view consumer);
  void end_stream(uint64_t stream_id);

  size_t size() const;
  uint64_t records_out() const { return records_out_; }
  uint64_t bytes_out() const { return bytes_out_; }  // of keys and data

 private:
  struct Subscription;
  using SubscriptionPtr = std::shared_ptr<Subscription>;
  // What a subscription does after its turn.
  enum class Turn : uint8_t { goes_on, waits, is_over };

  int64_t now_ms() const;
  void note(const SubscriptionPtr& subscription);  // there is something to do for it
  void note_locked(const SubscriptionPtr& subscription);
  void note_moved(const SubscriptionPtr& subscription);
  template <class Which>
  void dismiss(const aws::AwsError& why, Which which);

  // The thread's.
  void run();
  void wait(std::unique_lock<std::mutex>& lock);
  Turn take_turn(Subscription& subscription);
  Turn send_event(Subscription& subscription, const std::vector<log::BlockPtr>& blocks);
  void leave(Subscription& subscription);

  base::Clock& clock_;
  const SubscriptionLimits limits_;
  std::atomic<uint64_t> records_out_ = 0;
  std::atomic<uint64_t> bytes_out_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<Key, SubscriptionPtr> subscriptions_;
  std::deque<SubscriptionPtr> ready_;                     // each once
  std::set<std::pair<int64_t, SubscriptionPtr>> timers_;  // when it has a turn if nothing happens before, each once
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::api
