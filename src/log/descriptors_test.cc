// A log has more segments than its process may have descriptors.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <thread>

#include "log/test_log.h"

namespace millrace::log {
namespace {

class Descriptors : public LogTest {
 protected:
  Descriptors() : LogTest(place_in_memory()) {
    getrlimit(RLIMIT_NOFILE, &before_);
    options_.tail_bytes_max = 0;  // so that every read opens a file
  }
  ~Descriptors() override {
    give_back();
    setrlimit(RLIMIT_NOFILE, &before_);
  }

  void limit_to(rlim_t count) {
    const rlimit limit{count, before_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  void take_all() {
    for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(fd);
    ASSERT_EQ(errno, EMFILE);
  }
  void give_back() {
    for (const int fd : taken_) ::close(fd);
    taken_.clear();
  }
  static size_t open_count() { return base::list_directory("/proc/self/fd").value().size() - 1; }

  void open_with(size_t cold_files_max, IoMode mode = IoMode::automatic) {
    log_.reset();
    io_ = std::move(*make_io_driver(mode, {.cold_files_max = cold_files_max}));
    io_->start_thread();
    options_.io = io_.get();
    auto log = open_log(options_);
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
  }

  // One segment each: a record that leaves no room for a second one.
  void fill(int segments) {
    for (int i = 0; i < segments; ++i) commit(0, {std::to_string(i) + std::string(30 << 10, 'x')});
  }

  rlimit before_{};
  std::vector<int> taken_;
};

TEST_F(Descriptors, a_log_with_more_segments_than_descriptors_opens_reads_all_and_appends) {
  options_.segment_bytes = 40 << 10;
  constexpr rlim_t limit = 100;
  limit_to(limit);
  open_with(8);
  // The keeper may be preparing the next segment: a file and the directory.
  const size_t most = open_count() + 8 + 3;
  fill(150);
  EXPECT_EQ(read(0).size(), 150u);
  ASSERT_GT(files("segment-").size(), limit);
  open_with(8);
  EXPECT_LE(open_count(), most);
  EXPECT_EQ(read(0).size(), 150u);
  EXPECT_LE(open_count(), most);
  fill(5);
  EXPECT_EQ(read(0).size(), 155u);
  int groups = 0;
  ASSERT_TRUE(log_->replay(GroupNumber(), [&](GroupNumber, std::span<const BlockPtr>) {
    groups += 1;
    return Result<void>{};
  }));
  EXPECT_EQ(groups, 155);
}

TEST_F(Descriptors, without_a_descriptor_left_appends_and_reads_are_throttled_and_go_on_later) {
  options_.segment_bytes = 40 << 10;
  for (const IoMode mode : {IoMode::automatic, IoMode::blocking}) {
    limit_to(100);
    open_with(4, mode);
    fill(20);
    clock_.advance_ms(1000);
    const uint64_t before = end(0);
    take_all();
    // The cold files that are open are given up first; then nothing is left.
    const std::string text(30 << 10, 'y');
    const AppendRecord record{ShardId(0), "key", text};
    std::optional<Error> refused;
    uint64_t accepted = 0;
    while (!refused && accepted < 5000) {  // the keeper may be quicker than take_all()
      const auto group = log_->append({&record, 1});
      if (group) {
        log_->wait_durable(*group);
        accepted += 1;
        take_all();
      } else {
        refused = group.error();
      }
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, ErrorKind::throttled) << refused->message;
    EXPECT_NE(refused->message.find("ulimit"), std::string::npos) << refused->message;
    // What the keeper lets go of meanwhile is given up as well.
    Result<std::vector<BlockPtr>> unread;
    for (int i = 0; i < 200 && unread; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (const auto group = log_->append({&record, 1})) {
        log_->wait_durable(*group);
        accepted += 1;
      }
      take_all();
      unread = log_->read(ShardId(0), SequenceNumber(oldest(0)), 1);
    }
    ASSERT_FALSE(unread);
    EXPECT_EQ(unread.error().kind, ErrorKind::throttled) << unread.error().message;
    const uint64_t gone = oldest(0);
    EXPECT_TRUE(log_->trim(ProcessingTime(clock_.now().value - 500), log_->durable_group()));
    EXPECT_GT(oldest(0), gone);

    give_back();
    const auto group = log_->append({&record, 1});
    ASSERT_TRUE(group) << group.error().message;
    log_->wait_durable(*group);
    EXPECT_EQ(end(0), before + accepted + 1);
    EXPECT_EQ(read(0, oldest(0)).size(), end(0) - oldest(0));
    open_with(4, mode);
    EXPECT_EQ(end(0), before + accepted + 1);
    EXPECT_EQ(read(0, oldest(0)).size(), end(0) - oldest(0));
  }
}

TEST_F(Descriptors, a_read_of_a_segment_that_was_trimmed_or_replaced_says_so) {
  options_.segment_bytes = 40 << 10;
  open_with(1);
  fill(10);
  open_with(1);  // none is held any more
  // Somebody deletes the directory and makes the log again while this one is still held.
  const auto paths = files("segment-");
  for (size_t i = 1; i < 5; ++i)
    std::filesystem::copy_file(paths[0], paths[i], std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(paths[5]);
  const auto read_at = [&](uint64_t sequence) { return log_->read(ShardId(0), SequenceNumber(sequence), 1); };
  std::set<ErrorKind> kinds;
  for (uint64_t i = 1; i < 5; ++i) {
    const auto blocks = read_at(i);
    if (!blocks) kinds.insert(blocks.error().kind);
  }
  EXPECT_EQ(kinds, (std::set{ErrorKind::corrupt}));
  std::set<ErrorKind> of_removed;
  for (uint64_t i = 0; i < 10; ++i) {
    const auto blocks = read_at(i);
    if (!blocks) of_removed.insert(blocks.error().kind);
  }
  EXPECT_TRUE(of_removed.contains(ErrorKind::unavailable));
}

}  // namespace
}  // namespace millrace::log
