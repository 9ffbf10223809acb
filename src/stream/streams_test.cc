#include "stream/streams.h"
#include "log/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <ranges>

namespace millrace::stream {
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

  Result<Consumer> register_consumer(const StreamPtr& stream, const std::string& name) {
    std::promise<Result<Consumer>> done;
    streams_->register_consumer(stream, name, [&](Result<Consumer> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  Result<void> deregister_consumer(const StreamPtr& stream, const std::string& name) {
    std::promise<Result<void>> done;
    streams_->deregister_consumer(stream, name, [&](Result<void> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
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
  EXPECT_EQ(streams_->find("clicks")->mode(), StreamMode::on_demand);
  EXPECT_EQ(streams_->find("orders")->mode(), StreamMode::provisioned);
}

TEST_F(StreamsTest, how_long_records_stay_and_the_mode_can_be_changed) {
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  std::promise<bool> done;
  ASSERT_TRUE(streams_->change(
      "clicks",
      [](Definition& definition) -> Result<void> {
        definition.retention_ms = Definition::retention_ms_max;
        definition.mode = StreamMode::on_demand;
        return {};
      },
      [&](Result<void> result) { done.set_value(result.has_value()); }));
  ASSERT_TRUE(done.get_future().get());
  EXPECT_EQ(streams_->limits().on_demand_streams, 1U);
  reopen();
  EXPECT_EQ(streams_->find("clicks")->retention_ms(), int64_t{8760} * 3'600'000);
  EXPECT_EQ(streams_->find("clicks")->mode(), StreamMode::on_demand);
}

TEST_F(StreamsTest, consumers_are_kept_and_copied_with_their_stream_and_go_with_it) {
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  ASSERT_TRUE(register_consumer(streams_->find("clicks"), "one"));
  ASSERT_TRUE(register_consumer(streams_->find("clicks"), "two"));
  EXPECT_EQ(register_consumer(streams_->find("clicks"), "two").error().kind, ErrorKind::in_use);
  ASSERT_TRUE(deregister_consumer(streams_->find("clicks"), "one"));
  reopen();
  EXPECT_TRUE(streams_->find("clicks")->consumers.find("two"));
  EXPECT_FALSE(streams_->find("clicks")->consumers.find("one"));

  const std::string copy = directory_ + "-copy";
  ASSERT_TRUE(streams_->copy_to(copy, {}));
  auto copied = Streams::open({.directory = copy, .segment_bytes = size_t{1} << 20});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE((*copied)->find("clicks")->consumers.find("two"));
  copied->reset();
  fs::remove_all(copy);

  const StreamPtr old = streams_->find("clicks");
  ASSERT_TRUE(streams_->remove("clicks"));
  ASSERT_TRUE(streams_->ensure("clicks", 1));
  EXPECT_EQ(register_consumer(old, "three").error().kind, ErrorKind::not_found);
  EXPECT_EQ(deregister_consumer(old, "two").error().kind, ErrorKind::not_found);
  EXPECT_EQ(streams_->find("clicks")->consumers.size(), 0U);
}

TEST_F(StreamsTest, the_copy_of_a_stream_without_records_is_a_stream) {
  ASSERT_TRUE(streams_->ensure("empty", 1));
  const std::string copy = directory_ + "-copy";
  ASSERT_TRUE(streams_->copy_to(copy, {}));
  auto copied = Streams::open({.directory = copy, .segment_bytes = size_t{1} << 20});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE((*copied)->damaged().empty());
  EXPECT_TRUE((*copied)->find("empty"));
  copied->reset();
  fs::remove_all(copy);
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

TEST_F(StreamsTest, a_follower_finds_the_shards_of_a_stream_or_learns_what_to_do) {
  const auto missing = streams_->source("clicks");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(
      missing.error().message,
      "there is no stream clicks; create it first: aws kinesis create-stream --stream-name clicks --shard-count 1");
  const StreamPtr stream = streams_->ensure("clicks", 2).value();
  const auto source = streams_->source("clicks");
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->id, stream->id);
  EXPECT_EQ(source->shards()->all().size(), 2U);
  EXPECT_EQ(source->log, stream->log());
}

class DamagedStreams : public StreamsTest {
 protected:
  DamagedStreams() {
    make("clicks", 3);
    make("orders", 1);
    streams_.reset();
  }

  void make(const std::string& name, int records) {
    const StreamPtr stream = *streams_->ensure(name, 1);
    for (int i = 0; i < records; ++i) {
      const std::vector<log::AppendRecord> record = {{ShardId(0), "k", "text"}};
      stream->log()->wait_durable(*stream->log()->append(record));
    }
  }
  std::string path(const std::string& name = "clicks") const { return directory_ + "/" + name + "/stream.json"; }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // As the first version wrote it, before shards could be changed and before it had a checksum.
  static std::string in_first_version(const std::string& text) {
    const auto member = [&](const std::string& name, size_t bytes) {
      return text.substr(text.find(fmt::format("\"{}\":", name)) + name.size() + 3, bytes);
    };
    return fmt::format(
        R"({{"name":"clicks","id":{},"shards":1,"mode":"PROVISIONED","created_ms":{},"retention_ms":86400000}})",
        member("id", 18), member("created_ms", 13));
  }
  uint64_t records(const std::string& name) const {
    const StreamPtr stream = streams_->find(name);
    return stream ? stream->log()->range(ShardId(0)).value().end.value : 0;
  }
  std::map<std::string, uintmax_t> files() const {
    std::map<std::string, uintmax_t> sizes;
    for (const auto& file : fs::directory_iterator(directory_ + "/clicks")) {
      if (file.is_regular_file()) sizes[file.path().filename()] = file.file_size();
    }
    return sizes;
  }
  // `clicks` is set aside, whole; `orders` is served.
  void expect_set_aside(const std::string& reason) {
    const auto before = files();
    reopen();
    ASSERT_NE(streams_, nullptr);
    EXPECT_EQ(records("orders"), 1u);
    EXPECT_EQ(streams_->find("clicks"), nullptr) << reason;
    EXPECT_NE(streams_->source("clicks").error().message.find("is damaged and not served"), std::string::npos);
    ASSERT_EQ(streams_->damaged().size(), 1u) << reason;
    EXPECT_EQ(streams_->damaged()[0].name, "clicks");
    EXPECT_NE(streams_->damaged()[0].reason.find(reason), std::string::npos) << streams_->damaged()[0].reason;
    const auto made = streams_->create("clicks", 1, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::in_use);
    EXPECT_NE(made.error().message.find("restore"), std::string::npos) << made.error().message;
    const auto removed = streams_->remove("clicks");
    ASSERT_FALSE(removed);
    EXPECT_NE(removed.error().message.find("damaged"), std::string::npos) << removed.error().message;
    streams_.reset();
    EXPECT_EQ(files(), before);
  }
};

TEST_F(DamagedStreams, a_stream_whose_definition_is_missing_is_kept_if_it_holds_records) {
  const std::string text = text_of(path());
  fs::remove(path());
  expect_set_aside("stream.json");
  std::ofstream(path()) << text;
  reopen();
  EXPECT_EQ(records("clicks"), 3u);
  EXPECT_TRUE(streams_->damaged().empty());
}

TEST_F(DamagedStreams, no_flipped_bit_of_a_definition_is_believed) {
  const std::string text = text_of(path());
  for (size_t at = 0; at < text.size(); at += 7) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 7)));
    std::ofstream(path()) << damaged;
    expect_set_aside("stream.json is damaged");
  }
}

TEST_F(DamagedStreams, what_a_definition_without_a_checksum_says_must_be_possible) {
  const std::string text = in_first_version(text_of(path()));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    return changed.replace(changed.find(from), from.size(), to);
  };
  std::ofstream(path()) << with("\"name\":\"clicks\"", "\"name\":\"../x\"");
  expect_set_aside("`name` is not a stream's name");
  std::ofstream(path()) << with("\"name\":\"clicks\"", "\"name\":\"orders\"");
  expect_set_aside("it is the definition of the stream orders");
  std::ofstream(path()) << with("\"retention_ms\":86400000", "\"retention_ms\":1");
  expect_set_aside("`retention_ms`");
  std::ofstream(path()) << with("\"shards\":1", "\"shards\":0");
  expect_set_aside("`shards`");
  std::ofstream(path()) << with("\"id\":\"", "\"id\":\"z");
  expect_set_aside("`id`");
  std::ofstream(path()) << with("PROVISIONED", "PROVISIONEE");
  expect_set_aside("`mode`");
  std::ofstream(path()) << "";
  expect_set_aside("it is not a JSON object");
  std::ofstream(path()) << text;  // as earlier versions wrote it
  reopen();
  EXPECT_EQ(records("clicks"), 3u);
}

TEST_F(DamagedStreams, a_damaged_log_refuses_its_own_stream_only) {
  for (const auto& file : fs::directory_iterator(directory_ + "/clicks")) {
    if (!file.path().filename().string().starts_with("segment-")) continue;
    std::fstream segment(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    segment.put('x');
  }
  expect_set_aside("header");
}

TEST_F(DamagedStreams, a_log_whose_files_are_gone_is_not_taken_for_an_empty_one) {
  for (const std::string& file : std::views::keys(files())) {
    if (file.starts_with("segment-")) fs::remove(directory_ + "/clicks/" + file);
  }
  expect_set_aside("segments (segment-*.log) are gone");
}

TEST_F(DamagedStreams, files_are_for_their_owner_alone) {
  for (const auto& file : fs::recursive_directory_iterator(directory_)) {
    const fs::perms expected =
        file.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
    EXPECT_EQ(file.status().permissions(), expected) << file.path();
  }
}

}  // namespace
}  // namespace millrace::stream
