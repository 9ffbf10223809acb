// Goal: a shard leaves nothing behind that would call it when it is gone.
// Method: a reactor and a log that do only what the test says.

#include "function/mapping_shard.h"
#include "log/log.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace millrace::function {
namespace {

class ManualReactor final : public http::Reactor {
 public:
  void run() override {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  void stop() override {}
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  bool on_thread() const override { return true; }
  void watch(int, std::function<void()>) override {}
  void unwatch(int) override {}
  uint64_t after_ms(int64_t, std::function<void()> task) override {
    timers_[++last_timer_] = std::move(task);
    return last_timer_;
  }
  void cancel(uint64_t timer) override { timers_.erase(timer); }
  void at_end_of_turn(std::function<void()>) override {}

  size_t timers() const { return timers_.size(); }

 private:
  std::deque<std::function<void()>> tasks_;
  std::map<uint64_t, std::function<void()>> timers_;
  uint64_t last_timer_ = 0;
};

// Holds so many records and can read none of them.
class UnreadableLog final : public log::Log {
 public:
  void grow() {
    end_ = end_.next();
    wake_();
  }

  Result<log::ShardRange> range(ShardId) const override { return log::ShardRange{SequenceNumber(0), end_}; }
  Result<std::vector<log::BlockPtr>> read(ShardId, SequenceNumber, size_t) const override {
    return fail(ErrorKind::io, "the disk is gone");
  }
  std::unique_ptr<log::Subscription> subscribe(std::optional<ShardId>, std::function<void()> wake) override {
    wake_ = std::move(wake);
    return nullptr;
  }

  Result<GroupNumber> append(std::span<const log::AppendRecord>, std::span<SequenceNumber>) override {
    return fail(ErrorKind::unsupported, "");
  }
  void flush() override {}
  void when_durable(GroupNumber, std::function<void()>) override {}
  void wait_durable(GroupNumber) override {}
  GroupNumber durable_group() const override { return {}; }
  GroupNumber appended_group() const override { return {}; }
  Result<SequenceNumber> find(ShardId, ProcessingTime) const override { return end_; }
  std::unique_ptr<log::Hold> hold(std::span<const ShardId>, std::optional<GroupNumber>) override { return nullptr; }
  void add_shard(ShardId) override {}
  Result<void> replay(GroupNumber,
                      const std::function<Result<void>(GroupNumber, std::span<const log::BlockPtr>)>&) const override {
    return {};
  }
  Result<void> trim(ProcessingTime, GroupNumber) override { return {}; }
  Result<void> copy_to(const std::string&, const std::stop_token&) const override { return {}; }
  void close() override {}

 private:
  SequenceNumber end_{0};
  std::function<void()> wake_;
};

TEST(MappingShard, leaves_no_timer_behind_when_a_window_meets_an_error) {
  ManualReactor reactor;
  UnreadableLog log;
  Functions::Environment environment;
  environment.reactor = &reactor;
  environment.clock = &base::system_clock();
  MappingDefinition definition;
  definition.name = "clicks-to-tested";
  definition.batch_records_max = 2;
  definition.batch_window_ms = 1'000;
  Worker worker(environment, {.name = "tested", .command = {"none"}, .environment = {}});
  MappingProgress progress;
  const MappingShard::Context context{environment, definition, worker, progress};
  MappingShard::Source source;
  source.shard.log = &log;
  const auto shard = std::make_shared<MappingShard>(context, source, SequenceNumber(0));
  shard->start();
  log.grow();
  reactor.run();
  EXPECT_EQ(reactor.timers(), 1U) << "the window";
  log.grow();
  reactor.run();
  EXPECT_EQ(progress.counts.last_error, "the disk is gone");
  EXPECT_EQ(reactor.timers(), 1U) << "the pause";
  shard->stop();
  EXPECT_EQ(reactor.timers(), 0U);
}

}  // namespace
}  // namespace millrace::function
