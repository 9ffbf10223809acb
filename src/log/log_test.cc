#include "log/log.h"

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "log/test_log.h"

namespace millrace::log {
namespace {

using Texts = std::vector<std::string>;

class EitherIo : public LogTest, public testing::WithParamInterface<IoMode> {
 protected:
  void SetUp() override {
    if (GetParam() == IoMode::io_uring && !make_io_driver(IoMode::io_uring)) {
      GTEST_SKIP() << "the kernel does not allow io_uring here";
    }
    open(GetParam());
  }
};
INSTANTIATE_TEST_SUITE_P(, EitherIo, testing::Values(IoMode::io_uring, IoMode::blocking),
                         [](const auto& mode) { return mode.param == IoMode::blocking ? "blocking" : "io_uring"; });

TEST_P(EitherIo, WhatIsAppendedIsReadInOrderAndAfterReopening) {
  commit(0, {"view", "cart"});
  commit(0, {"buy"});
  EXPECT_EQ(read(0), (Texts{"view", "cart", "buy"}));
  open(GetParam());
  EXPECT_EQ(read(0), (Texts{"view", "cart", "buy"}));
  EXPECT_EQ(read(0, 1), (Texts{"cart", "buy"}));
  commit(0, {"refund"});
  EXPECT_EQ(read(0, 2), (Texts{"buy", "refund"}));
}

TEST_P(EitherIo, OneAppendToSeveralShardsIsOneGroup) {
  log_->add_shard(ShardId(0));
  log_->add_shard(ShardId(9'000'000));
  const std::vector<AppendRecord> records = {
      {ShardId(0), "a", "1"}, {ShardId(9'000'000), "b", "2"}, {ShardId(0), "", ""}};
  std::vector<SequenceNumber> sequences(3);
  const auto group = log_->append(records, sequences);
  ASSERT_TRUE(group);
  log_->wait_durable(*group);
  EXPECT_EQ(sequences, (std::vector{SequenceNumber(0), SequenceNumber(0), SequenceNumber(1)}));
  EXPECT_EQ(read(0), (Texts{"1", ""}));
  EXPECT_EQ(read(9'000'000), (Texts{"2"}));
  int groups = 0;
  ASSERT_TRUE(log_->replay(GroupNumber(), [&](GroupNumber number, std::span<const BlockPtr> blocks) {
    EXPECT_EQ(number, *group);
    EXPECT_EQ(blocks.size(), 2u);
    groups += 1;
    return Result<void>{};
  }));
  EXPECT_EQ(groups, 1);
}

TEST_P(EitherIo, CallbacksComeInOrderAndAfterTheRecordsCanBeRead) {
  std::vector<int> order;
  std::atomic<int> called = 0;
  const GroupNumber group = append(0, {"a"});
  for (int i = 0; i < 3; ++i) {
    log_->when_durable(group, [&, i] {
      EXPECT_EQ(end(0), 1u);
      order.push_back(i);
      called += 1;
    });
  }
  log_->flush();
  while (called < 3) std::this_thread::yield();
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
  bool at_once = false;
  log_->when_durable(group, [&] { at_once = true; });
  EXPECT_TRUE(at_once);
}

TEST_P(EitherIo, ACallbackMayAppendAndFlush) {
  std::atomic<int> appended = 0;
  std::function<void()> again = [&] {
    if (appended == 20) return;
    const GroupNumber group = append(0, {std::to_string(appended)});
    appended += 1;
    log_->when_durable(group, again);
    log_->flush();
  };
  again();
  while (end(0) < 20) std::this_thread::yield();
  EXPECT_EQ(read(0).back(), "19");
}

TEST_P(EitherIo, SubscribersAreWokenByTheirShardOnly) {
  std::atomic<int> first = 0, second = 0, any = 0;
  log_->add_shard(ShardId(1));
  auto first_subscription = log_->subscribe(ShardId(0), [&] { first += 1; });
  auto second_subscription = log_->subscribe(ShardId(1), [&] { second += 1; });
  auto any_subscription = log_->subscribe(std::nullopt, [&] { any += 1; });
  commit(0, {"a"});
  while (any < 1) std::this_thread::yield();
  first_subscription.reset();
  commit(0, {"b"});
  commit(1, {"c"});
  while (any < 3 || second < 1) std::this_thread::yield();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_P(EitherIo, RecentBlocksOfAllLogsShareOneBudget) {
  constexpr size_t budget = 256 << 10;
  auto driver = make_io_driver(GetParam(), {.tail_bytes_max = budget});
  ASSERT_TRUE(driver) << driver.error().message;
  (*driver)->start_thread();
  const std::string directory = options_.directory + "-many";
  const std::string data(1000, 'x');
  std::vector<std::unique_ptr<Log>> logs;
  for (int n = 0; n < 8; ++n) {
    LogOptions options;
    options.directory = fmt::format("{}/{}", directory, n);
    options.segment_bytes = 1 << 20;
    options.io = driver->get();
    auto log = open_log(options);
    ASSERT_TRUE(log) << log.error().message;
    (*log)->add_shard(ShardId(0));
    for (int i = 0; i < 400; ++i) {
      const AppendRecord record{ShardId(0), "k", data};
      const auto group = (*log)->append({&record, 1});
      ASSERT_TRUE(group);
      (*log)->wait_durable(*group);
    }
    logs.push_back(std::move(*log));
    // The logs that write no more let go when they are trimmed next.
    for (const auto& each : logs) ASSERT_TRUE(each->trim(ProcessingTime(0), GroupNumber(0)));
    EXPECT_LE((*driver)->tail_bytes(), budget);
    EXPECT_GT((*driver)->tail_bytes(), budget / 2);
  }
  // What has left the memory comes from the disk.
  for (const auto& log : logs) {
    const auto blocks = log->read(ShardId(0), SequenceNumber(0), 1 << 20);
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->back()->end(), SequenceNumber(400));
  }
  logs.clear();
  EXPECT_EQ((*driver)->tail_bytes(), 0U);
}

TEST_P(EitherIo, ConcurrentAppendersKeepTheirOrderAndReadersSeeOnlyWholePrefixes) {
  constexpr int appenders = 3, appends = 400;
  options_.tail_bytes_max = 8 << 10;  // so that readers go to the disk too
  open(GetParam());
  for (uint32_t shard = 0; shard < 2; ++shard) log_->add_shard(ShardId(shard));
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const uint64_t seen = end(0);
      EXPECT_GE(read(0).size(), seen);
    }
  });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < appenders; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string name = std::to_string(thread);
      for (int i = 0; i < appends; ++i) {
        const std::string text = std::to_string(i);
        const std::vector<AppendRecord> records = {{ShardId(0), name, text}, {ShardId(1), name, text}};
        const auto group = log_->append(records);
        ASSERT_TRUE(group) << group.error().message;
        log_->flush();
        if (i % 50 == 0) log_->wait_durable(*group);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  while (end(1) < appenders * appends) std::this_thread::yield();
  done = true;
  reader.join();
  reopen();
  for (uint32_t shard = 0; shard < 2; ++shard) {
    std::map<std::string, int> next;
    SequenceNumber at;
    while (true) {
      const auto more = log_->read(ShardId(shard), at, 1 << 20);
      ASSERT_TRUE(more);
      if (more->empty()) break;
      for (const auto& block : *more) {
        for_each_record(*block, at, [&](const Record& record) {
          EXPECT_EQ(record.data, std::to_string(next[std::string(record.key)]++));
        });
        at = block->end();
      }
    }
    for (const auto& [name, count] : next) EXPECT_EQ(count, appends) << name;
    EXPECT_EQ(next.size(), static_cast<size_t>(appenders));
  }
}

TEST_P(EitherIo, WithoutSyncTheLogWorksTheSame) {
  options_.durable = false;
  open(GetParam());
  for (int i = 0; i < 100; ++i) commit(0, {std::string(2000, 'x')});
  open(GetParam());
  EXPECT_EQ(read(0).size(), 100u);
}

TEST_F(LogTest, ADriverThatNobodyAttendsIsReapedByWhoWaits) {
  auto io = make_io_driver();
  ASSERT_TRUE(io);
  options_.io = io->get();
  log_ = std::move(*open_log(options_));
  commit(0, {"a"});
  EXPECT_EQ(read(0), (Texts{"a"}));
  log_.reset();
}

TEST_F(LogTest, AReactorReapsOnItsOwnThread) {
  auto io = make_io_driver();
  ASSERT_TRUE(io);
  if (!(*io)->uses_io_uring()) GTEST_SKIP() << "the kernel does not allow io_uring here";
  options_.io = io->get();
  log_ = std::move(*open_log(options_));
  ASSERT_GE((*io)->event_fd(), 0);
  std::thread::id called_on;
  bool called = false;
  log_->when_durable(append(0, {"a"}), [&] {
    called_on = std::this_thread::get_id();
    called = true;
  });
  log_->flush();
  while (!called) (*io)->reap();
  EXPECT_EQ(called_on, std::this_thread::get_id());
  log_.reset();
}

TEST_F(LogTest, WhatAnEndedThreadHasFlushedStillBecomesDurable) {
  open();
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      append(0, {std::to_string(i)});
      log_->flush();
    }).join();
  }
  log_->wait_durable(append(0, {"last"}));
  EXPECT_EQ(end(0), 51u);
}

TEST_F(LogTest, SeveralLogsShareADriver) {
  open();
  LogOptions other_options = options_;
  other_options.directory = root_ + "/other";
  auto other = open_log(other_options);
  ASSERT_TRUE(other);
  (*other)->add_shard(ShardId(0));
  const AppendRecord record{ShardId(0), "k", "in the other"};
  const auto group = (*other)->append({&record, 1});
  commit(0, {"in the first"});
  (*other)->wait_durable(*group);
  EXPECT_EQ((*other)->range(ShardId(0)).value().end.value, 1u);
  EXPECT_EQ(read(0), (Texts{"in the first"}));
}

TEST_F(LogTest, AppendedRecordsAreNotVisibleBeforeTheyAreDurable) {
  open();
  append(0, {"gathering"});
  EXPECT_EQ(end(0), 0u);
  EXPECT_TRUE(read(0).empty());
  EXPECT_EQ(log_->durable_group(), GroupNumber(0));
}

TEST_F(LogTest, UnknownShardsAreRefusedWhole) {
  open();
  log_->add_shard(ShardId(0));
  const std::vector<AppendRecord> records = {{ShardId(0), "k", "a"}, {ShardId(1), "k", "b"}};
  EXPECT_EQ(log_->append(records).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(log_->read(ShardId(1), SequenceNumber(), 100).error().kind, ErrorKind::not_found);
  EXPECT_EQ(log_->range(ShardId(1)).error().kind, ErrorKind::not_found);
  commit(0, {"c"});
  EXPECT_EQ(read(0), (Texts{"c"}));
}

TEST_F(LogTest, AnAppendLargerThanAGroupIsRefusedAndManySmallerOnesAreSplit) {
  open();
  log_->add_shard(ShardId(0));
  const std::string large(40 << 10, 'x');
  const AppendRecord too_large{ShardId(0), "k", large};
  EXPECT_EQ(log_->append({&too_large, 1}).error().kind, ErrorKind::limit_exceeded);
  GroupNumber last;
  for (int i = 0; i < 100;) {
    const std::string part(3 << 10, 'y');
    const AppendRecord record{ShardId(0), "k", part};
    const auto group = log_->append({&record, 1});
    if (!group) {
      ASSERT_EQ(group.error().kind, ErrorKind::throttled);
      log_->wait_durable(GroupNumber(log_->durable_group().value + 1));
      continue;
    }
    last = *group;
    ++i;
  }
  log_->wait_durable(last);
  EXPECT_EQ(end(0), 100u);
  EXPECT_GT(last.value, 5u);
}

TEST_F(LogTest, AGroupLargerThanASegmentGetsASegmentOfItsOwn) {
  options_.group_bytes_max = 4 << 20;
  open();
  commit(0, {"small"});
  const std::string large(3 << 20, 'x');
  commit(0, {large});
  commit(0, {"small again"});
  reopen();
  EXPECT_EQ(read(0), (Texts{"small", large, "small again"}));
}

TEST_F(LogTest, TooMuchWaitingForTheDiskIsThrottled) {
  auto io = make_io_driver();
  ASSERT_TRUE(io);
  if (!(*io)->uses_io_uring()) GTEST_SKIP() << "a driver that blocks leaves nothing waiting";
  options_.io = io->get();
  options_.pending_bytes_max = 20 << 10;
  log_ = std::move(*open_log(options_));
  ASSERT_GE((*io)->event_fd(), 0);  // so that only this thread reaps
  log_->add_shard(ShardId(0));
  const std::string text(9 << 10, 'x');
  const AppendRecord record{ShardId(0), "k", text};
  ASSERT_TRUE(log_->append({&record, 1}));
  log_->flush();
  ASSERT_TRUE(log_->append({&record, 1}));
  const auto refused = log_->append({&record, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::throttled);
  while (log_->durable_group() < GroupNumber(1)) (*io)->reap();
  EXPECT_TRUE(log_->append({&record, 1}));
  log_.reset();
}

TEST_F(LogTest, EvictedBlocksAreReadFromTheDiskAndKeepTheirPadding) {
  options_.tail_bytes_max = 0;
  open();
  Texts expected;
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    expected.push_back(std::string(random() % 900, static_cast<char>('a' + i % 26)));
    commit(0, {expected.back()});
    if (i % 3 == 0) commit(1, {"between"});
  }
  EXPECT_EQ(read(0), expected);
  EXPECT_EQ(read(0, 0, 1 << 20), expected);
  EXPECT_EQ(read(1).size(), 100u);
  const auto blocks = log_->read(ShardId(0), SequenceNumber(), 1 << 20).value();
  for (const auto& block : blocks) {
    // Under the address sanitizer this fails if the padding is not there.
    EXPECT_EQ(std::string(block->payload.data() + block->payload.size(), 64).size(), 64u);
  }
  reopen();
  EXPECT_EQ(read(0), expected);
}

TEST_F(LogTest, ReadsAreBoundedYetNeverEmptyBeforeTheEnd) {
  open();
  for (int i = 0; i < 10; ++i) commit(0, {std::string(1000, 'x')});
  EXPECT_EQ(log_->read(ShardId(0), SequenceNumber(), 0).value().size(), 1u);
  EXPECT_EQ(log_->read(ShardId(0), SequenceNumber(), 2500).value().size(), 3u);
  EXPECT_TRUE(log_->read(ShardId(0), SequenceNumber(10), 2500).value().empty());
  EXPECT_TRUE(log_->read(ShardId(0), SequenceNumber(11), 2500).value().empty());
}

TEST_F(LogTest, RecordsAreFoundByTheTimeOfTheirArrival) {
  open();
  const int64_t start = clock_.now().value;
  for (int i = 0; i < 200; ++i) {  // over several segments
    commit(0, {std::string(1000, 'x')});
    if (i % 10 == 0) commit(1, {"rare"});
    clock_.advance_ms(10);
  }
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(log_->find(ShardId(0), ProcessingTime(0)).value().value, 0u);
    EXPECT_EQ(log_->find(ShardId(0), ProcessingTime(start + 500)).value().value, 50u);
    EXPECT_EQ(log_->find(ShardId(0), ProcessingTime(start + 501)).value().value, 51u);
    EXPECT_EQ(log_->find(ShardId(0), ProcessingTime(start + 1999)).value().value, 200u);
    EXPECT_EQ(log_->find(ShardId(1), ProcessingTime(start + 501)).value().value, 6u);
    EXPECT_EQ(log_->find(ShardId(1), ProcessingTime(start + 1999)).value().value, 20u);
    reopen();
  }
}

TEST_F(LogTest, ReadersOfHeldShardsSeeWhatWasThereBefore) {
  open();
  commit(0, {"a"});
  commit(1, {"a"});
  append(0, {"b"});
  std::atomic<int> woken = 0;
  const auto subscription = log_->subscribe(ShardId(0), [&] { ++woken; });
  const ShardId held[] = {ShardId(0), ShardId(77)};
  auto first = log_->hold(held);
  auto second = log_->hold(held);
  clock_.advance_ms(1000);
  append(0, {"c"});
  commit(1, {"b"});
  for (int i = 0; i < 150; ++i) commit(0, {std::string(1000, 'x')});  // over several segments
  const auto expect_held = [&] {
    EXPECT_EQ(read(0), std::vector<std::string>{"a"});
    EXPECT_EQ(end(0), 1u);
    EXPECT_EQ(log_->find(ShardId(0), clock_.now())->value, 1u);
    EXPECT_EQ(read(1).size(), 2u);
  };
  expect_held();
  first.reset();
  expect_held();
  const GroupNumber from = second->from();
  const int before = woken;
  second.reset();
  EXPECT_EQ(woken, before + 1);
  EXPECT_EQ(read(0).size(), 153u);

  // By the number of the group after a restart, where the blocks lie on the disk.
  reopen();
  first = log_->hold(held, from);
  expect_held();
  first.reset();
  EXPECT_EQ(read(0).size(), 153u);
}

TEST_F(LogTest, ArrivalTimesNeverDecreaseNotEvenOverARestart) {
  open();
  commit(0, {"a"});
  const auto before = log_->read(ShardId(0), SequenceNumber(), 1).value()[0]->time;
  clock_.advance_ms(-5000);
  reopen();
  commit(0, {"b"});
  EXPECT_EQ(log_->read(ShardId(0), SequenceNumber(1), 1).value()[0]->time, before);
}

TEST_F(LogTest, GroupNumbersContinueAfterARestartAndReplayGoesOnBehindAnyOfThem) {
  open();
  for (int i = 0; i < 150; ++i) commit(i % 3, {std::to_string(i) + std::string(1000, 'x')});
  reopen();
  EXPECT_EQ(log_->durable_group(), GroupNumber(150));
  EXPECT_EQ(commit(0, {"150"}), GroupNumber(151));
  for (const uint64_t after : {0, 1, 77, 150, 151}) {
    uint64_t next = after + 1;
    ASSERT_TRUE(log_->replay(GroupNumber(after), [&](GroupNumber group, std::span<const BlockPtr> blocks) {
      EXPECT_EQ(group.value, next);
      EXPECT_EQ(blocks.size(), 1u);
      for_each_record(*blocks[0], SequenceNumber(),
                      [&](const Record& record) { EXPECT_TRUE(record.data.starts_with(std::to_string(next - 1))); });
      next += 1;
      return Result<void>{};
    }));
    EXPECT_EQ(next, 152u);
  }
}

TEST_F(LogTest, ReplayStopsWithTheErrorOfWhoApplies) {
  open();
  commit(0, {"a"});
  commit(0, {"b"});
  int calls = 0;
  const auto result = log_->replay(GroupNumber(), [&](GroupNumber, std::span<const BlockPtr>) -> Result<void> {
    calls += 1;
    return fail(ErrorKind::limit_exceeded, "enough");
  });
  EXPECT_EQ(result.error().kind, ErrorKind::limit_exceeded);
  EXPECT_EQ(calls, 1);
}

TEST_F(LogTest, ADirectoryInUseIsRefusedWithAMessageThatSaysWhatToDo) {
  open();
  const auto second = open_log(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::in_use);
  EXPECT_NE(second.error().message.find(options_.directory), std::string::npos);
  EXPECT_NE(second.error().message.find("stop that process"), std::string::npos);
  log_->close();
  const AppendRecord record{ShardId(0), "k", "late"};
  EXPECT_EQ(log_->append({&record, 1}).error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(open_log(options_));
}

TEST_F(LogTest, ClosingWritesWhatWasAppended) {
  open();
  append(0, {"never flushed"});
  reopen();
  EXPECT_EQ(read(0), (Texts{"never flushed"}));
}

}  // namespace
}  // namespace millrace::log
