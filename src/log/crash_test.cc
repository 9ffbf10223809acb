// A process that is killed, a disk that is full, a disk that fails.

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "log/test_log.h"

namespace millrace::log {
namespace {

// A disk of two megabytes.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=2m") == 0;
  }
  // Detached, because the kernel may hold a file of it a little longer than the log.
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

class CrashTest : public LogTest {
 protected:
  ~CrashTest() override { close_all(); }

  // A process is forked only when this one has no threads, which the child would miss.
  void close_all() {
    log_.reset();
    io_.reset();
  }

  // Appends for ever in a process of its own; what is acknowledged goes down the pipe as (shard, number).
  struct Acknowledged {
    uint32_t shard;
    uint64_t sequence;
  };
  [[noreturn]] void append_until_killed(IoMode mode, int pipe, uint64_t start) {
    open(mode);
    for (uint32_t shard = 0; shard < 3; ++shard) log_->add_shard(ShardId(shard));
    for (uint64_t i = start;; ++i) {
      const ShardId shard(static_cast<uint32_t>(i % 3));
      const std::string text = std::to_string(i) + std::string(i % 700, 'x');
      const AppendRecord record{shard, "k", text};
      SequenceNumber sequence;
      const auto group = log_->append({&record, 1}, {&sequence, 1});
      if (!group) {
        log_->wait_durable(GroupNumber(log_->durable_group().value + 1));
        continue;
      }
      log_->when_durable(*group, [pipe, shard, sequence] {
        const Acknowledged acknowledged{shard.value, sequence.value};
        if (write(pipe, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged)) _exit(1);
      });
      if (i % 5 == 0) log_->flush();
    }
  }

  std::unique_ptr<SmallDisk> small_disk_;
};

TEST_F(CrashTest, NothingAcknowledgedIsLostByAKilledProcess) {
  std::mt19937 random(3);
  uint64_t acknowledged[3] = {};
  for (int round = 0; round < 6; ++round) {
    const IoMode mode = round % 2 == 0 ? IoMode::automatic : IoMode::blocking;
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) append_until_killed(mode, ends[1], static_cast<uint64_t>(round) * 1'000'000);
    close(ends[1]);
    fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    Acknowledged each;
    // Killed at any moment after the first acknowledgement, however slow the machine is.
    ASSERT_EQ(::read(ends[0], &each, sizeof(each)), static_cast<ssize_t>(sizeof(each)));
    acknowledged[each.shard] = std::max(acknowledged[each.shard], each.sequence + 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 120));
    kill(child, SIGKILL);
    while (::read(ends[0], &each, sizeof(each)) == sizeof(each)) {
      ASSERT_LT(each.shard, 3u);
      acknowledged[each.shard] = std::max(acknowledged[each.shard], each.sequence + 1);
    }
    close(ends[0]);
    waitpid(child, nullptr, 0);

    open();
    for (uint32_t shard = 0; shard < 3; ++shard) {
      if (acknowledged[shard] == 0) continue;
      ASSERT_GE(end(shard), acknowledged[shard]) << "shard " << shard;
      uint64_t last = 0;
      for (const std::string& text : read(shard)) {
        const uint64_t number = std::stoull(text);
        EXPECT_EQ(number % 3, shard);
        EXPECT_TRUE(number > last || last == 0) << number << " after " << last;
        EXPECT_EQ(text.size(), std::to_string(number).size() + number % 700);
        last = number;
      }
    }
    close_all();
  }
}

TEST_F(CrashTest, AFullDiskRefusesAppendsUntilThereIsRoomAgain) {
  const std::string disk = root_ + "/disk";
  small_disk_ = std::make_unique<SmallDisk>(disk);
  if (!small_disk_->mounted()) GTEST_SKIP() << "no right to mount a small disk";
  options_.directory = disk + "/log";
  options_.segment_bytes = 512 << 10;
  open();
  log_->add_shard(ShardId(0));
  const std::string text(10'000, 'x');
  const AppendRecord record{ShardId(0), "k", text};
  uint64_t accepted = 0;
  std::optional<Error> refusal;
  while (!refusal && accepted < 1000) {
    const auto group = log_->append({&record, 1});
    if (!group) {
      refusal = group.error();
    } else {
      accepted += 1;
      log_->wait_durable(*group);
    }
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->kind, ErrorKind::disk_full) << refusal->message;
  EXPECT_NE(refusal->message.find(disk), std::string::npos) << refusal->message;
  EXPECT_GT(accepted, 100u);
  EXPECT_EQ(end(0), accepted);
  EXPECT_EQ(read(0).size(), accepted);
  EXPECT_EQ(log_->append({&record, 1}).error().kind, ErrorKind::disk_full);

  // Still so after a restart, and reading still works.
  reopen();
  EXPECT_EQ(read(0).size(), accepted);

  clock_.advance_ms(1000);
  ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  uint64_t again = 0;
  for (int i = 0; i < 20; ++i) {
    const auto group = log_->append({&record, 1});
    ASSERT_TRUE(group) << group.error().message;
    log_->wait_durable(*group);
    again += 1;
  }
  EXPECT_EQ(end(0), accepted + again);
}

TEST_F(CrashTest, AFailedWriteEndsTheProcessWithItsExitCodeAndTheRestartHasAllThatWasDurable) {
  for (const IoMode mode : {IoMode::automatic, IoMode::blocking}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      open(mode);
      commit(0, {"durable"});
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{8192, 8192};  // the segment's file may not be written beyond this
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
      for (int i = 0; i < 10; ++i) commit(0, {std::string(3000, 'x')});
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), exit_code_disk_failed);
    open();
    EXPECT_EQ(read(0).front(), "durable");
    close_all();
    std::filesystem::remove_all(options_.directory);
  }
}

}  // namespace
}  // namespace millrace::log
