// Goal: a subscription is sent everything from its position on, in order and once, as fast as its client takes it, and
// ends when and how it should. Method: real streams; an answer whose client is the test.

#include "api/shard_subscriptions.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "aws/test_event_stream.h"
#include "base/base64.h"
#include "http/connection.h"
#include "log/log.h"

namespace millrace::api {
namespace {

// A client of an endless answer. It takes what it is sent at once, or when it is told to.
class Client final : public http::Reply::Target {
 public:
  struct State {
    mutable std::mutex mutex;
    std::string sent;
    size_t pending = 0;
    bool takes = true;
    bool hangs_up = false;  // while it is being sent something
    bool gone = false;
    bool ended = false;
    std::function<void()> moved;
  };

  explicit Client(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void send(http::Response) override { FAIL() << "events are expected"; }
  void drop() override {}
  bool gone() const override { return false; }
  std::shared_ptr<http::Reply::Stream> stream(http::Response head, std::function<void()> moved) override {
    state_->moved = std::move(moved);
    auto stream = std::make_shared<Stream>(state_);
    stream->write(head.body);
    return stream;
  }

 private:
  class Stream final : public http::Reply::Stream {
   public:
    explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Stream() override {
      const std::lock_guard lock(state_->mutex);
      state_->ended = true;
    }
    bool write(std::string_view chunk) override {
      std::unique_lock lock(state_->mutex);
      if (state_->hangs_up) {
        state_->gone = true;
        lock.unlock();
        state_->moved();
        return false;
      }
      if (state_->gone) return false;
      state_->sent += chunk;
      if (!state_->takes) state_->pending += chunk.size();
      return true;
    }
    size_t pending() const override {
      const std::lock_guard lock(state_->mutex);
      return state_->pending;
    }
    bool gone() const override {
      const std::lock_guard lock(state_->mutex);
      return state_->gone;
    }

   private:
    std::shared_ptr<State> state_;
  };

  std::shared_ptr<State> state_;
};

struct Event {
  std::vector<std::string> data;
  std::string continuation;
  int64_t behind_ms = -1;
};

class ShardSubscriptionsTest : public testing::Test {
 protected:
  using ClientPtr = std::shared_ptr<Client::State>;

  ShardSubscriptionsTest() {
    std::string pattern = testing::TempDir() + "subscriptions_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    streams_ = std::move(stream::Streams::open({.directory = directory_, .segment_bytes = size_t{4} << 20}).value());
    stream_ = streams_->ensure("clicks", 2).value();
    begin({});
  }
  ~ShardSubscriptionsTest() override {
    subscriptions_.reset();
    stream_.reset();
    streams_.reset();
    std::filesystem::remove_all(directory_);
  }

  void begin(const SubscriptionLimits& limits) {
    subscriptions_ = std::make_unique<ShardSubscriptions>(base::system_clock(), limits);
  }

  void put(const std::vector<std::string>& data, ShardId shard = {}) {
    std::vector<log::AppendRecord> records;
    for (const std::string& each : data) records.push_back({shard, "key", each});
    const auto group = stream_->log()->append(records);
    ASSERT_TRUE(group);
    stream_->log()->wait_durable(*group);
  }

  // A client whose call was answered; null: it was refused, see refusal_.
  ClientPtr subscribe(const std::string& consumer, uint64_t next = 0, bool takes = true, ShardId shard = {}) {
    auto client = std::make_shared<Client::State>();
    client->takes = takes;
    aws::Answer answer(http::Reply(std::make_shared<Client>(client)), aws::kinesis_protocol, aws::Coding::json_1_1,
                       "id");
    const auto subscribed =
        subscriptions_->subscribe({stream_->id, consumer, shard}, stream_, SequenceNumber(next), answer);
    if (subscribed) return client;
    refusal_ = subscribed.error();
    return nullptr;
  }

  template <class Condition>
  static bool until(Condition holds) {
    for (int i = 0; i < 1'000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return holds();
  }
  static bool ended(const ClientPtr& client) {
    const std::lock_guard lock(client->mutex);
    return client->ended;
  }
  static void take(const ClientPtr& client) {
    {
      const std::lock_guard lock(client->mutex);
      client->pending = 0;
    }
    client->moved();
  }

  // What it has been sent so far, behind the initial response.
  static std::vector<aws::EventMessage> messages(const ClientPtr& client) {
    const std::lock_guard lock(client->mutex);
    std::string_view left = client->sent;
    EXPECT_EQ(aws::take_message(left).headers.at(":event-type"), "initial-response");
    std::vector<aws::EventMessage> all;
    while (!left.empty()) all.push_back(aws::take_message(left));
    return all;
  }
  static std::vector<Event> events(const ClientPtr& client) {
    std::vector<Event> all;
    simdjson::dom::parser parser;
    for (const aws::EventMessage& message : messages(client)) {
      if (message.headers.at(":message-type") != "event") continue;
      EXPECT_EQ(message.headers.at(":event-type"), "SubscribeToShardEvent");
      const simdjson::dom::element root = parser.parse(simdjson::padded_string(message.payload)).value();
      Event& event = all.emplace_back();
      event.continuation = root["ContinuationSequenceNumber"].get_string().value();
      event.behind_ms = root["MillisBehindLatest"].get_int64().value();
      for (const auto record : root["Records"].get_array()) {
        event.data.emplace_back(record["Data"].get_string().value());
      }
    }
    return all;
  }
  static size_t records(const ClientPtr& client) {
    size_t count = 0;
    for (const Event& event : events(client)) count += event.data.size();
    return count;
  }

  std::string directory_;
  std::unique_ptr<stream::Streams> streams_;
  stream::StreamPtr stream_;
  std::unique_ptr<ShardSubscriptions> subscriptions_;
  Error refusal_{ErrorKind::internal, ""};
};

TEST_F(ShardSubscriptionsTest, an_event_comes_at_once_and_then_what_is_committed) {
  const ClientPtr client = subscribe("one");
  ASSERT_TRUE(until([&] { return events(client).size() == 1; }));
  EXPECT_TRUE(events(client)[0].data.empty());
  EXPECT_EQ(events(client)[0].continuation, "0") << "before all records";
  put({"aaa", "bbb"});
  put({"other"}, ShardId(1));
  put({"ccc"});
  ASSERT_TRUE(until([&] { return records(client) == 3; }));
  const auto all = events(client);
  EXPECT_EQ(all.back().data.back(), "Y2Nj");
  EXPECT_EQ(all.back().behind_ms, 0);
  EXPECT_EQ(all.back().continuation, stream_->numbers(ShardId(0)).text(SequenceNumber(2)));
  EXPECT_EQ(subscriptions_->records_out(), 3U);
  EXPECT_EQ(subscriptions_->bytes_out(), 3 * 6U);
}

TEST_F(ShardSubscriptionsTest, everything_is_sent_in_order_and_once_while_others_write) {
  std::vector<ClientPtr> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(subscribe(fmt::format("consumer-{}", i)));
  constexpr int groups = 200;
  std::thread writer([&] {
    for (int group = 0; group < groups; ++group) put({fmt::format("{:03}", group), "ddd", "eee"});
  });
  writer.join();
  for (const ClientPtr& client : clients) {
    ASSERT_TRUE(until([&] { return records(client) == 3 * groups; }));
    std::vector<std::string> data;
    for (const Event& event : events(client)) data.insert(data.end(), event.data.begin(), event.data.end());
    for (int group = 0; group < groups; ++group) {
      std::string expected;
      base::append_base64(expected, fmt::format("{:03}", group));
      ASSERT_EQ(data[static_cast<size_t>(group) * 3], expected);
    }
  }
}

TEST_F(ShardSubscriptionsTest, who_does_not_read_is_not_sent_more_and_misses_nothing) {
  begin({.event_bytes = 1'000});
  put(std::vector<std::string>(10, std::string(400, 'x')));
  const ClientPtr slow = subscribe("slow", 0, false);
  const ClientPtr fast = subscribe("fast");
  ASSERT_TRUE(until([&] { return records(fast) == 10; }));
  EXPECT_TRUE(events(slow).empty()) << "it has not taken the head";
  for (size_t taken = 0; taken < 10; taken += 2) {
    take(slow);
    ASSERT_TRUE(until([&] { return records(slow) == taken + 2; })) << taken;
    EXPECT_EQ(events(slow).back().behind_ms > 0, taken + 2 < 10);
  }
  put({"more"});
  take(slow);
  ASSERT_TRUE(until([&] { return records(slow) == 11; }));
}

TEST_F(ShardSubscriptionsTest, a_record_of_any_size_makes_an_event_of_its_own) {
  begin({.event_bytes = 10});
  put({std::string(100, 'x'), std::string(100, 'y')});
  const ClientPtr client = subscribe("one", 1);
  ASSERT_TRUE(until([&] { return records(client) == 1; }));
  EXPECT_EQ(events(client)[0].data.size(), 1U);
}

TEST_F(ShardSubscriptionsTest, silence_is_broken_and_life_ends) {
  begin({.life_ms = 500, .silence_ms = 50});
  put({"a", "b"});
  const ClientPtr client = subscribe("one", 2);
  ASSERT_TRUE(until([&] { return events(client).size() >= 3; }));
  for (const Event& event : events(client)) {
    EXPECT_TRUE(event.data.empty());
    EXPECT_EQ(event.continuation, stream_->numbers(ShardId(0)).text(SequenceNumber(1)));
  }
  ASSERT_TRUE(until([&] { return ended(client); }));
  EXPECT_EQ(messages(client).back().headers.at(":message-type"), "event") << "no failure: it may subscribe again";
  EXPECT_EQ(subscriptions_->size(), 0U);
}

TEST_F(ShardSubscriptionsTest, who_hangs_up_while_an_event_is_being_sent_is_gone) {
  const ClientPtr client = subscribe("one");
  ASSERT_TRUE(until([&] { return events(client).size() == 1; }));
  {
    const std::lock_guard lock(client->mutex);
    client->hangs_up = true;
  }
  put({"a"});
  ASSERT_TRUE(until([&] { return ended(client); }));
  const ClientPtr again = subscribe("one");
  ASSERT_TRUE(until([&] { return records(again) == 1; }));
}

TEST_F(ShardSubscriptionsTest, a_later_call_takes_over_after_a_while) {
  begin({.take_over_ms = 200});
  const ClientPtr first = subscribe("one");
  EXPECT_EQ(subscribe("one"), nullptr);
  EXPECT_EQ(refusal_.kind, ErrorKind::in_use);
  EXPECT_NE(subscribe("two"), nullptr);
  EXPECT_NE(subscribe("one", 0, true, ShardId(1)), nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  const ClientPtr second = subscribe("one");
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(until([&] { return ended(first); }));
  put({"a"});
  ASSERT_TRUE(until([&] { return records(second) == 1; }));
  EXPECT_EQ(records(first), 0U);
  EXPECT_EQ(subscriptions_->size(), 3U);
}

TEST_F(ShardSubscriptionsTest, who_has_gone_makes_room_at_once) {
  const ClientPtr first = subscribe("one");
  {
    const std::lock_guard lock(first->mutex);
    first->gone = true;
  }
  EXPECT_NE(subscribe("one"), nullptr);
  const ClientPtr third = subscribe("three");
  {
    const std::lock_guard lock(third->mutex);
    third->gone = true;
  }
  third->moved();
  EXPECT_TRUE(until([&] { return subscriptions_->size() == 1; }));
}

TEST_F(ShardSubscriptionsTest, what_went_away_is_said) {
  const ClientPtr one = subscribe("one");
  const ClientPtr two = subscribe("two");
  subscriptions_->end_consumer(stream_->id, "one");
  ASSERT_TRUE(until([&] { return ended(one); }));
  EXPECT_EQ(messages(one).back().headers.at(":exception-type"), "ResourceNotFoundException");
  EXPECT_FALSE(ended(two));
  subscriptions_->end_stream(stream_->id + 1);
  subscriptions_->end_stream(stream_->id);
  ASSERT_TRUE(until([&] { return ended(two); }));
  EXPECT_EQ(messages(two).back().headers.at(":exception-type"), "ResourceNotFoundException");
}

TEST_F(ShardSubscriptionsTest, all_end_with_it) {
  const ClientPtr one = subscribe("one");
  const ClientPtr two = subscribe("two", 0, false);
  subscriptions_.reset();
  EXPECT_TRUE(ended(one));
  EXPECT_TRUE(ended(two));
  put({"nobody"});
}

}  // namespace
}  // namespace millrace::api
