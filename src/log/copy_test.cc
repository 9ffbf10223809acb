// Goal: a copy taken while a log is written, sealed and trimmed opens, and holds all that was durable when it began, in
// order. Method: a writer at full speed, copies again and again, each opened and read.

#include "log/copy.h"

#include <atomic>
#include <thread>

#include "log/format.h"
#include "log/test_log.h"

namespace millrace::log {
namespace {

class CopyTest : public LogTest {
 protected:
  CopyTest() : LogTest(place_in_memory()) {}

  std::unique_ptr<Log> open_copy(const std::string& directory) {
    LogOptions options = options_;
    options.directory = directory;
    options.io = nullptr;
    auto log = open_log(options);
    EXPECT_TRUE(log) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
};

TEST_F(CopyTest, holds_what_was_durable_while_the_log_goes_on) {
  open();
  std::atomic<uint64_t> durable = 0;  // records
  std::atomic<bool> stopping = false;
  std::thread writer([&] {
    for (uint64_t n = 0; !stopping; ++n) {
      commit(0, {fmt::format("{:08}{}", n, std::string(n % 700, 'x'))});
      durable = n + 1;
      if (n % 200 == 199) {
        clock_.advance_ms(1000);
        ASSERT_TRUE(log_->trim(ProcessingTime(clock_.now().value - 5'000), log_->durable_group()));
      }
    }
  });
  while (durable < 100) std::this_thread::yield();
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    const std::string directory = fmt::format("{}/copy-{}", root_, round);
    const uint64_t before = durable;
    const auto copied = log_->copy_to(directory, {});
    EXPECT_TRUE(copied) << copied.error().message;
    auto copy = copied ? open_copy(directory) : nullptr;
    if (!copy) break;
    const auto range = copy->range(ShardId(0));
    EXPECT_TRUE(range);
    if (!range) break;
    EXPECT_GE(range->end.value, before);
    uint64_t next = range->oldest.value;
    while (next < range->end.value) {
      const auto blocks = copy->read(ShardId(0), SequenceNumber(next), 1 << 20);
      if (!blocks || blocks->empty()) break;
      for (const BlockPtr& block : *blocks) {
        for_each_record(*block, SequenceNumber(next), [&](const Record& record) {
          EXPECT_EQ(std::string(record.data.substr(0, 8)), fmt::format("{:08}", record.sequence.value));
          next = record.sequence.value + 1;
        });
      }
    }
    EXPECT_EQ(next, range->end.value);
    copy = nullptr;
    std::filesystem::remove_all(directory);
  }
  stopping = true;
  writer.join();
}

// What is written while a file is read may be there in part: the copy ends where the log did when it began.
TEST_F(CopyTest, what_came_later_is_left_out) {
  open();
  commit(0, {"a", "b"});
  const std::string path = segment_path(options_.directory, 1);
  const auto segment = open_segment(path, 1, std::make_shared<OpenFiles>(4));
  ASSERT_TRUE(segment) << segment.error().message;
  GroupScanner scanner(**segment, header_page_bytes);
  const auto opening = scanner.opening();
  ASSERT_TRUE(opening && *opening);
  scanner.skip((*opening)->header.bytes);
  const auto group = scanner.group();
  ASSERT_TRUE(group && *group);
  scanner.skip((*group)->header.bytes);
  commit(0, {"c"});
  ASSERT_TRUE(copy_segments({{*segment, scanner.offset(), false}}, root_ + "/copy", {}));
  const auto copy = open_copy(root_ + "/copy");
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->range(ShardId(0))->end, SequenceNumber(2));
}

TEST_F(CopyTest, a_copy_goes_on_where_the_log_was) {
  open();
  for (int n = 0; n < 300; ++n) commit(0, {std::string(1'000, static_cast<char>('a' + n % 26))});
  ASSERT_TRUE(log_->copy_to(root_ + "/copy", {}));
  const auto copy = open_copy(root_ + "/copy");
  ASSERT_TRUE(copy);
  const std::vector<AppendRecord> records = {{ShardId(0), "key", "next"}};
  std::vector<SequenceNumber> sequences(1);
  const auto group = copy->append(records, sequences);
  ASSERT_TRUE(group);
  copy->wait_durable(*group);
  EXPECT_EQ(sequences[0], SequenceNumber(300));
}

TEST_F(CopyTest, is_given_up_when_it_is_to_stop) {
  open();
  commit(0, {"a"});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(log_->copy_to(root_ + "/copy", stop.get_token()).error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(log_->copy_to(root_ + "/copy", {})) << "there is a part of a copy";
}

}  // namespace
}  // namespace millrace::log
