#include "aws/streams.h"
#include "log/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>

namespace millrace::aws {
namespace {

namespace fs = std::filesystem;

class StreamsTest : public testing::Test {
 protected:
  StreamsTest() {
    std::string pattern = testing::TempDir() + "streams_test_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    reopen();
  }
  ~StreamsTest() override {
    streams_.reset();
    fs::remove_all(directory_);
  }

  void reopen() {
    streams_.reset();
    auto streams =
        Streams::open({.directory = directory_, .segment_bytes = size_t{1} << 20, .streams_max = 2, .changed = [this] {
                         ++changes_;
                       }});
    ASSERT_TRUE(streams) << streams.error().message;
    streams_ = std::move(*streams);
  }

  std::string directory_;
  std::atomic<int> changes_ = 0;
  std::unique_ptr<Streams> streams_;
};

TEST_F(StreamsTest, a_stream_and_its_records_are_there_after_a_restart) {
  auto made = streams_->ensure("clicks", 2);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->status(), StreamStatus::active);
  EXPECT_EQ(*streams_->ensure("clicks", 5), *made);
  const std::vector<log::AppendRecord> records = {{ShardId(1), "k", "text"}};
  const auto group = (*made)->log()->append(records);
  ASSERT_TRUE(group);
  streams_->mark_appended(*made);
  streams_->flush_all();
  (*made)->log()->wait_durable(*group);
  const uint64_t id = (*made)->id;
  made->reset();  // who holds a stream holds its log

  reopen();
  const StreamPtr found = streams_->find("clicks");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, id);
  EXPECT_EQ(found->shard_count(), 2u);
  EXPECT_EQ(found->log()->range(ShardId(1))->end, SequenceNumber(1));
}

TEST_F(StreamsTest, a_streams_mode_is_there_after_a_restart) {
  std::promise<bool> made;
  ASSERT_TRUE(streams_->create(
      "clicks", 1, [&](Result<void> done) { made.set_value(done.has_value()); }, StreamMode::on_demand));
  ASSERT_TRUE(made.get_future().get());
  ASSERT_TRUE(streams_->ensure("orders", 1));
  reopen();
  EXPECT_EQ(streams_->find("clicks")->mode, StreamMode::on_demand);
  EXPECT_EQ(streams_->find("orders")->mode, StreamMode::provisioned);
}

TEST_F(StreamsTest, a_removed_stream_is_gone_at_once_and_its_name_is_free) {
  const uint64_t id = (*streams_->ensure("clicks", 1))->id;
  std::promise<bool> removed;
  ASSERT_TRUE(streams_->remove("clicks", [&](Result<void> done) { removed.set_value(done.has_value()); }));
  EXPECT_EQ(streams_->find("clicks"), nullptr);
  EXPECT_EQ(streams_->remove("clicks").error().kind, ErrorKind::not_found);
  EXPECT_TRUE(removed.get_future().get());
  EXPECT_NE((*streams_->ensure("clicks", 1))->id, id);
}

TEST_F(StreamsTest, says_when_streams_come_and_go) {
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  EXPECT_EQ(changes_, 1);
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  EXPECT_EQ(changes_, 1);
  ASSERT_TRUE(streams_->remove("clicks"));
  EXPECT_EQ(changes_, 2);
}

TEST_F(StreamsTest, there_are_so_many_streams_and_no_more) {
  ASSERT_TRUE(streams_->ensure("one", 1));
  ASSERT_TRUE(streams_->ensure("two", 1));
  EXPECT_EQ(streams_->ensure("three", 1).error().kind, ErrorKind::limit_exceeded);
  EXPECT_EQ(streams_->list().size(), 2u);
  EXPECT_EQ(streams_->list_after("one", 10).front()->name, "two");
}

TEST_F(StreamsTest, what_a_crash_left_of_a_creation_is_removed) {
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  fs::create_directory(directory_ + "/half");  // no definition in it
  reopen();
  EXPECT_EQ(streams_->find("half"), nullptr);
  EXPECT_FALSE(fs::exists(directory_ + "/half"));
  EXPECT_NE(streams_->find("clicks"), nullptr);
}

}  // namespace
}  // namespace millrace::aws
