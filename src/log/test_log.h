#pragma once
// A log in a directory of its own, spoken to in few words. For tests.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "log/segment.h"

namespace millrace::log {

class LogTest : public testing::Test {
 protected:
  LogTest() : LogTest(testing::TempDir()) {}
  explicit LogTest(const std::string& where) {
    std::string pattern = where + "/log_test_XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.directory = root_ + "/log";
    options_.segment_bytes = 64 << 10;
    options_.group_bytes_max = 32 << 10;
    options_.clock = &clock_;
  }
  ~LogTest() override {
    log_.reset();
    std::filesystem::remove_all(root_);
  }

  // Where syncing costs nothing, if there is such a place: for tests that open a log many times.
  static std::string place_in_memory() { return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir(); }

  void open(IoMode mode = IoMode::automatic) {
    log_.reset();
    auto io = make_io_driver(mode);
    ASSERT_TRUE(io) << io.error().message;
    io_ = std::move(*io);
    io_->start_thread();
    options_.io = io_.get();
    auto log = open_log(options_);
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
  }
  void reopen() { open(); }
  Error expect_no_opening() {
    log_.reset();
    auto log = open_log(options_);
    EXPECT_FALSE(log);
    return log ? Error{} : log.error();
  }

  GroupNumber append(uint32_t shard, const std::vector<std::string>& texts) {
    log_->add_shard(ShardId(shard));
    std::vector<AppendRecord> records;
    for (const auto& text : texts) records.push_back({ShardId(shard), "key", text});
    const auto group = log_->append(records);
    EXPECT_TRUE(group) << group.error().message;
    return group.value_or(GroupNumber());
  }
  // A group of its own, durable.
  GroupNumber commit(uint32_t shard, const std::vector<std::string>& texts) {
    const GroupNumber group = append(shard, texts);
    log_->wait_durable(group);
    return group;
  }

  std::vector<std::string> read(uint32_t shard, uint64_t from = 0, size_t bytes_max = 4096) {
    std::vector<std::string> texts;
    for (SequenceNumber at(from);;) {
      const auto blocks = log_->read(ShardId(shard), at, bytes_max);
      EXPECT_TRUE(blocks) << blocks.error().message;
      if (!blocks || blocks->empty()) return texts;
      for (const BlockPtr& block : *blocks) {
        for_each_record(*block, at, [&](const Record& record) {
          EXPECT_EQ(record.sequence.value, from + texts.size());
          texts.emplace_back(record.data);
        });
        at = block->end();
      }
    }
  }

  uint64_t oldest(uint32_t shard) { return log_->range(ShardId(shard)).value().oldest.value; }
  uint64_t end(uint32_t shard) { return log_->range(ShardId(shard)).value().end.value; }

  std::vector<std::string> files(const std::string& kind) const {
    std::vector<std::string> paths;
    const auto names = base::list_directory(options_.directory).value();
    for (const auto& name : names) {
      if (name.starts_with(kind)) paths.push_back(options_.directory + "/" + name);
    }
    return paths;
  }

  // What a killed process would leave: the files as they are now, in a directory of their own.
  std::string image_of_directory(const std::string& name) {
    const std::string copy = root_ + "/" + name;
    std::error_code renamed_meanwhile;
    do {
      std::filesystem::remove_all(copy);
      std::filesystem::copy(options_.directory, copy, renamed_meanwhile);
    } while (renamed_meanwhile);
    return copy;
  }

  std::string root_;
  LogOptions options_;
  base::ManualClock clock_;
  std::unique_ptr<IoDriver> io_;
  std::unique_ptr<Log> log_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Where each group of a segment file begins and ends.
inline std::vector<std::pair<uint32_t, uint32_t>> groups_in(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const auto segment = open_segment(path, id_in_name(name, "segment-").value(), std::make_shared<OpenFiles>(4));
  std::vector<std::pair<uint32_t, uint32_t>> groups;
  GroupScanner scanner(**segment, header_page_bytes);
  const auto opening = scanner.opening().value();
  if (!opening) return groups;
  scanner.skip(opening->header.bytes);
  for (;;) {
    const auto group = scanner.group().value();
    if (!group) return groups;
    const uint32_t begin = scanner.offset();
    scanner.skip(group->header.bytes);
    groups.emplace_back(begin, scanner.offset());
  }
}

}  // namespace millrace::log
