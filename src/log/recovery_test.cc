// What a killed process or a cut cable leaves behind: the reopened log holds a prefix of whole groups that
// includes every one that was durable, and tells damage apart from a torn tail.

#include "log/recovery.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "log/test_log.h"

namespace millrace::log {
namespace {

using Texts = std::vector<std::string>;

class RecoveryTest : public LogTest {
 protected:
  RecoveryTest() : LogTest(place_in_memory()) {}

  // The segment that holds the newest groups.
  static std::string newest(const std::string& directory) {
    std::string path;
    const auto names = base::list_directory(directory).value();
    for (const auto& name : names) {
      if (!name.starts_with("segment-")) continue;
      if (!groups_in(directory + "/" + name).empty()) path = directory + "/" + name;
    }
    return path;
  }

  // Opens a copy and gives it back as the log under test.
  void open_copy(const std::string& directory) {
    log_.reset();
    options_.directory = directory;
    open();
  }

  uint64_t fill(uint64_t from, size_t groups, size_t bytes = 1000) {
    for (size_t i = 0; i < groups; ++i) commit(0, {std::to_string(from + i) + std::string(bytes, 'x')});
    return from + groups;
  }
  void expect_filled(uint64_t from, uint64_t to) {
    const Texts texts = read(0, from);
    ASSERT_EQ(texts.size(), to - from);
    for (uint64_t i = from; i < to; ++i) EXPECT_TRUE(texts[i - from].starts_with(std::to_string(i) + "x"));
  }
};

TEST_F(RecoveryTest, ATornLastGroupIsCutWhereverItIsTorn) {
  open();
  commit(0, {"first"});
  log_->add_shard(ShardId(1));
  const std::vector<AppendRecord> records = {{ShardId(0), "k", "second"}, {ShardId(1), "k", "other shard"}};
  log_->wait_durable(*log_->append(records));
  const std::string image = image_of_directory("image");
  log_.reset();
  const std::string path = newest(image);
  const std::string whole = read_file(path);
  const auto groups = groups_in(path);
  ASSERT_EQ(groups.size(), 2u);
  const auto [begin, end] = groups.back();
  const size_t padding = 64 + 2 * 24 + 9 + 14;  // behind header, table and the two records' bytes

  std::mt19937 random(11);
  enum Damage { cut, zeroed, garbled, swapped };
  for (const Damage damage : {cut, zeroed, garbled, swapped}) {
    for (uint32_t at = begin; at < end; ++at) {
      std::string torn = whole;
      if (damage == cut) torn.resize(at);
      if (damage == zeroed) std::fill(torn.begin() + at, torn.end(), '\0');
      if (damage == garbled) torn[at] = static_cast<char>(torn[at] ^ (1 + random() % 255));
      // The tail reached the disk and the head did not.
      if (damage == swapped) std::fill(torn.begin() + begin, torn.begin() + at + 1, '\0');
      log_.reset();
      std::filesystem::remove_all(root_ + "/torn");
      std::filesystem::copy(image, root_ + "/torn");
      write_file(root_ + "/torn/" + path.substr(path.rfind('/') + 1), torn);
      open_copy(root_ + "/torn");
      const bool kept = at >= begin + padding && (damage == zeroed || damage == garbled);
      ASSERT_EQ(read(0), kept ? (Texts{"first", "second"}) : (Texts{"first"}))
          << "damage " << damage << " at " << at - begin << " of " << end - begin;
      ASSERT_EQ(log_->durable_group().value, kept ? 2u : 1u);
      if (at % 16 == 0) {
        commit(0, {"third"});
        reopen();
        ASSERT_EQ(read(0), kept ? (Texts{"first", "second", "third"}) : (Texts{"first", "third"}));
      }
    }
  }
}

TEST_F(RecoveryTest, AnImageTakenAtAnyTimeHoldsAllThatWasDurableThen) {
  open();
  uint64_t filled = 0;
  for (int round = 0; round < 12; ++round) {
    filled = fill(filled, 17, 700);
    append(0, {std::to_string(filled) + "x"});  // appended, never flushed: may or may not survive
    const std::string image = image_of_directory("image");
    const std::string directory = options_.directory;
    auto running = std::move(log_);
    auto running_io = std::move(io_);
    open_copy(image);
    const uint64_t found = end(0);
    EXPECT_GE(found, filled);
    EXPECT_LE(found, filled + 1);
    expect_filled(0, found);
    log_.reset();
    options_.directory = directory;
    io_ = std::move(running_io);
    log_ = std::move(running);
    options_.io = io_.get();
    log_->wait_durable(GroupNumber(log_->durable_group().value + 1));
    filled += 1;
  }
}

TEST_F(RecoveryTest, StaleGroupsOfARecycledSegmentStayDead) {
  open();
  uint64_t filled = 0;
  // Several lives: what is trimmed is written again, with groups of the same size at the same places.
  for (int life = 0; life < 6; ++life) {
    filled = fill(filled, 120);
    clock_.advance_ms(1000);
    filled = fill(filled, 1);
    ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  }
  EXPECT_GT(oldest(0), 500u);
  const uint64_t kept = oldest(0);
  const std::string image = image_of_directory("image");
  log_.reset();
  const std::string path = newest(image);
  const auto groups = groups_in(path);
  // The bytes behind the last group are a former life's.
  const std::string bytes = read_file(path);
  ASSERT_GT(bytes.size(), groups.back().second + size_t{64});
  open_copy(image);
  EXPECT_EQ(end(0), filled);
  EXPECT_LE(oldest(0), kept);  // the removal of a file may have been on its way
  expect_filled(kept, filled);

  // The same with the last group torn.
  std::string torn = bytes;
  std::fill_n(torn.begin() + groups.back().first, 64, '\x55');
  write_file(path, torn);
  const auto names = base::list_directory(image).value();
  for (const auto& name : names) {
    // The copy was opened above and went on in new segments: keep only what the crash left.
    if (name > path.substr(path.rfind('/') + 1) && name.starts_with("segment-")) {
      std::filesystem::remove(image + "/" + name);
    }
  }
  open_copy(image);
  EXPECT_EQ(end(0), filled - 1);
  expect_filled(kept, filled - 1);
}

TEST_F(RecoveryTest, DamageBeforeAWholeGroupIsReportedWithFileAndOffset) {
  open();
  fill(0, 10);
  const std::string image = image_of_directory("image");
  log_.reset();
  const std::string path = newest(image);
  const auto groups = groups_in(path);
  const std::string whole = read_file(path);
  for (const uint32_t into : {0u, 8u, 70u, 500u}) {
    std::string damaged = whole;
    damaged[groups[4].first + into] ^= 1;
    write_file(path, damaged);
    options_.directory = image;
    const Error error = expect_no_opening();
    EXPECT_EQ(error.kind, ErrorKind::corrupt);
    EXPECT_NE(error.message.find(path), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("offset " + std::to_string(groups[4].first)), std::string::npos) << error.message;
  }
}

TEST_F(RecoveryTest, ADamagedOpeningBeforeWholeGroupsIsReported) {
  open();
  fill(0, 3);
  const std::string image = image_of_directory("image");
  log_.reset();
  const std::string path = newest(image);
  std::string damaged = read_file(path);
  damaged[header_page_bytes + 16] ^= 1;
  write_file(path, damaged);
  options_.directory = image;
  EXPECT_EQ(expect_no_opening().kind, ErrorKind::corrupt);
}

// It was believed, and the segment sealed: the log opened once, and then no more.
TEST_F(RecoveryTest, an_opening_that_contradicts_the_segment_before_is_reported) {
  open();
  fill(0, 100);
  log_.reset();
  const std::string path = newest(options_.directory);
  std::string bytes = read_file(path);
  // As before it was sealed.
  std::fill_n(bytes.begin() + seal_offset, sizeof(Seal), '\0');
  write_file(path, bytes);
  const uint64_t id = id_in_name(path.substr(path.rfind('/') + 1), "segment-").value();
  ASSERT_GT(id, 1u);
  // The one before claims a record more than it has.
  const std::string before = segment_path(options_.directory, id - 1);
  bytes = read_file(before);
  Seal seal;
  std::memcpy(&seal, bytes.data() + seal_offset, sizeof(seal));
  ASSERT_EQ(seal.span_count, 1u);
  Span span;
  std::memcpy(&span, bytes.data() + seal.footer_offset, sizeof(span));
  ++span.next;
  const std::string_view span_bytes(reinterpret_cast<const char*>(&span), sizeof(span));
  seal.spans_checksum = base::crc32c(span_bytes);
  seal.checksum = checksum_of(seal);
  std::memcpy(bytes.data() + seal_offset, &seal, sizeof(seal));
  std::memcpy(bytes.data() + seal.footer_offset, &span, sizeof(span));
  write_file(before, bytes);
  EXPECT_EQ(expect_no_opening().kind, ErrorKind::corrupt);
}

TEST_F(RecoveryTest, DamageInAClosedSegmentIsReportedWhenItIsRead) {
  open();
  fill(0, 200);
  log_.reset();
  const std::string path = files("segment-").front();
  const auto groups = groups_in(path);
  std::string damaged = read_file(path);
  damaged[groups[20].first + 300] ^= 1;
  write_file(path, damaged);
  open();
  const auto blocks = log_->read(ShardId(0), SequenceNumber(), 1 << 20);
  ASSERT_FALSE(blocks);
  EXPECT_EQ(blocks.error().kind, ErrorKind::corrupt);
  EXPECT_NE(blocks.error().message.find(path), std::string::npos);
  EXPECT_EQ(read(0, 100).size(), 100u);
  const auto replayed =
      log_->replay(GroupNumber(), [](GroupNumber, std::span<const BlockPtr>) { return Result<void>{}; });
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().kind, ErrorKind::corrupt);
  EXPECT_NE(replayed.error().message.find(std::to_string(groups[20].first)), std::string::npos);
}

TEST_F(RecoveryTest, AMissingSegmentIsReported) {
  open();
  fill(0, 200);
  log_.reset();
  const auto segments = files("segment-");
  ASSERT_GT(segments.size(), 3u);
  std::filesystem::remove(segments[1]);
  const Error error = expect_no_opening();
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_NE(error.message.find(segments[2]), std::string::npos) << error.message;
}

TEST_F(RecoveryTest, ADamagedSealIsMadeAgainFromTheGroups) {
  open();
  fill(0, 200);
  log_.reset();
  const std::string path = files("segment-").front();
  std::string damaged = read_file(path);
  damaged[seal_offset + 20] ^= 1;
  write_file(path, damaged);
  open();
  expect_filled(0, 200);
  reopen();
  expect_filled(0, 200);
}

TEST_F(RecoveryTest, ADamagedHeaderIsReported) {
  open();
  fill(0, 3);
  log_.reset();
  const std::string path = files("segment-").front();
  std::string damaged = read_file(path);
  damaged[24] ^= 1;
  write_file(path, damaged);
  const Error error = expect_no_opening();
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_NE(error.message.find(path), std::string::npos);
}

TEST_F(RecoveryTest, WithoutSyncWhatFollowsALossIsGivenUp) {
  options_.durable = false;
  open();
  fill(0, 10);
  const std::string image = image_of_directory("image");
  log_.reset();
  const std::string path = newest(image);
  const auto groups = groups_in(path);
  std::string damaged = read_file(path);
  std::fill_n(damaged.begin() + groups[6].first, 64, '\0');
  write_file(path, damaged);
  open_copy(image);
  EXPECT_EQ(end(0), 6u);
  // What is appended now must not let the lost groups' successors in again.
  fill(6, 1);
  reopen();
  EXPECT_EQ(end(0), 7u);
  expect_filled(0, 7);
}

TEST_F(RecoveryTest, SequencesSurviveTrimmingAndRestarts) {
  open();
  commit(5, {"a", "b", "c"});
  clock_.advance_ms(1000);
  uint64_t filled = fill(0, 200);
  clock_.advance_ms(1000);
  ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  EXPECT_EQ(oldest(5), 3u);
  EXPECT_EQ(end(5), 3u);
  EXPECT_EQ(log_->read(ShardId(5), SequenceNumber(0), 100).error().kind, ErrorKind::trimmed);
  EXPECT_EQ(log_->read(ShardId(0), SequenceNumber(0), 100).error().kind, ErrorKind::trimmed);
  EXPECT_EQ(
      log_->replay(GroupNumber(), [](GroupNumber, std::span<const BlockPtr>) { return Result<void>{}; }).error().kind,
      ErrorKind::trimmed);
  const GroupNumber groups = log_->durable_group();
  for (int restart = 0; restart < 3; ++restart) {
    reopen();
    ASSERT_TRUE(log_->trim(ProcessingTime(INT64_MAX), log_->durable_group()));
    EXPECT_EQ(log_->durable_group(), groups);
    EXPECT_EQ(end(5), 3u);
    EXPECT_EQ(end(0), filled);
  }
  commit(5, {"d"});
  filled = fill(filled, 150);
  ASSERT_TRUE(log_->trim(ProcessingTime(INT64_MAX), log_->durable_group()));
  reopen();
  EXPECT_EQ(end(5), 4u);
  EXPECT_EQ(end(0), filled);
  expect_filled(oldest(0), filled);
}

TEST_F(RecoveryTest, TrimmingSparesWhatIsYoungerOrStillNeeded) {
  open();
  fill(0, 200);
  clock_.advance_ms(1000);
  ASSERT_TRUE(log_->trim(clock_.now(), GroupNumber(100)));
  EXPECT_GT(oldest(0), 0u);
  EXPECT_LE(oldest(0), 100u);
  const uint64_t kept = oldest(0);
  ASSERT_TRUE(log_->trim(ProcessingTime(clock_.now().value - 1000), log_->durable_group()));
  EXPECT_EQ(oldest(0), kept);
  expect_filled(kept, 200);
}

TEST_F(RecoveryTest, ABlockThatAReaderHoldsOutlivesItsSegment) {
  options_.tail_bytes_max = 0;
  open();
  fill(0, 200);
  clock_.advance_ms(1000);
  const auto blocks = log_->read(ShardId(0), SequenceNumber(), 1 << 20).value();
  ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  fill(200, 200);
  log_.reset();
  uint64_t next = 0;
  for (const auto& block : blocks) {
    for_each_record(*block, SequenceNumber(),
                    [&](const Record& record) { EXPECT_TRUE(record.data.starts_with(std::to_string(next++) + "x")); });
  }
  EXPECT_GT(next, 10u);
}

TEST_F(RecoveryTest, RestartsWithoutAppendsLeaveNoFilesBehind) {
  open();
  fill(0, 3);
  reopen();
  log_.reset();
  const auto before = files("").size();
  for (int restart = 0; restart < 5; ++restart) reopen();
  log_.reset();
  EXPECT_EQ(files("").size(), before);
  open();
  expect_filled(0, 3);
}

TEST_F(RecoveryTest, TrimmedRoomIsUsedAgain) {
  open();
  uint64_t filled = 0;
  for (int round = 0; round < 10; ++round) {
    filled = fill(filled, 100);
    clock_.advance_ms(1000);
    ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  }
  log_.reset();
  uint64_t bytes = 0;
  for (const auto& path : files("")) bytes += std::filesystem::file_size(path);
  EXPECT_LT(bytes, 6 * options_.segment_bytes);
}

TEST_F(RecoveryTest, a_segment_that_cannot_be_removed_keeps_the_later_ones) {
  options_.tail_bytes_max = 0;
  open();
  const uint64_t filled = fill(0, 300);
  ASSERT_GE(files("segment-").size(), 4u);
  // In the way of the name that the oldest one gets when it is trimmed.
  const std::string obstacle = options_.directory + "/free-00000000000000000001.log";
  std::filesystem::create_directories(obstacle + "/something");
  clock_.advance_ms(1000);
  testing::internal::CaptureStderr();
  ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
  fill(filled, 100);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find("a trimmed segment could not be removed"), std::string::npos) << told;
  std::filesystem::remove_all(obstacle);
  reopen();
  EXPECT_EQ(end(0), filled + 100);
  expect_filled(oldest(0), filled + 100);
}

TEST_F(RecoveryTest, damage_that_a_read_meets_is_told_once) {
  options_.tail_bytes_max = 0;
  open();
  for (int i = 0; i < 3; ++i) commit(0, {"clean", "text"});
  reopen();
  const std::string path = files("segment-").front();
  std::string bytes = read_file(path);
  bytes[bytes.find("clean")] ^= 1;
  write_file(path, bytes);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) {
    const auto blocks = log_->read(ShardId(0), SequenceNumber(0), 1);
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().kind, ErrorKind::corrupt);
  }
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find(path), std::string::npos) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

}  // namespace
}  // namespace millrace::log
