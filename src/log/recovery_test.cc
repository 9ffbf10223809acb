// What a killed process or a cut cable leaves behind: the reopened log holds a prefix of whole groups that
// includes every one that was durable, and tells damage apart from a torn tail.

#include "log/recovery.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

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
  const std::string path = newest(options_.directory);
  const uint64_t id = id_in_name(path.substr(path.rfind('/') + 1), "segment-").value();
  ASSERT_GT(id, 1u);
  const std::string before = segment_path(options_.directory, id - 1);
  Seal seal{};
  // The log seals it in its own time, and leaves that when it is closed.
  while (seal.span_count == 0) {
    std::memcpy(&seal, read_file(before).data() + seal_offset, sizeof(seal));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(seal.span_count, 1u);
  log_.reset();
  std::string bytes = read_file(path);
  // As before it was sealed.
  std::fill_n(bytes.begin() + seal_offset, sizeof(Seal), '\0');
  write_file(path, bytes);
  // The one before claims a record more than it has.
  bytes = read_file(before);
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
  for (int restart = 0; restart < 5; ++restart) reopen();
  log_.reset();
  // The lock, the segment with the groups, and the one that is prepared.
  EXPECT_LE(files("").size(), 3u);
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

// The bytes of files whose checksums hold and that no writer has written: what is said of them is said again at the
// next start.
class TamperedTest : public RecoveryTest {
 protected:
  template <class T>
  static T get(const std::string& bytes, size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  }
  // With its checksum, and that of the `rest` bytes behind it.
  template <class T>
  static void put(std::string& bytes, size_t offset, T value, size_t rest = 0) {
    value.checksum = checksum_of(value, std::string_view(bytes).substr(offset + sizeof(value), rest));
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
  }

  // A log of two groups, each with a record in the shards 0 and 1, as a killed process leaves it; the file with them.
  std::string make_image() {
    open();
    for (const uint32_t shard : {0u, 1u}) log_->add_shard(ShardId(shard));
    for (const char* text : {"first", "second"}) {
      const std::vector<AppendRecord> records = {{ShardId(0), "k", text}, {ShardId(1), "k", text}};
      log_->wait_durable(*log_->append(records));
    }
    const std::string image = image_of_directory("image");
    log_.reset();
    return newest(image);
  }
  // Two starts say the same: how far the journal has come, and the shards.
  Recovered recover_twice() {
    const std::string directory = root_ + "/image";
    const auto first = recover(directory, std::make_shared<OpenFiles>(4)).value();
    const auto second = recover(directory, std::make_shared<OpenFiles>(4)).value();
    EXPECT_EQ(first.next_group, second.next_group);
    EXPECT_EQ(first.next_sequences, second.next_sequences);
    EXPECT_EQ(first.last_time, second.last_time);
    EXPECT_EQ(first.segments.size(), second.segments.size());
    return second;
  }
  Error refused_twice() {
    const std::string directory = root_ + "/image";
    const auto first = recover(directory, std::make_shared<OpenFiles>(4));
    const auto second = recover(directory, std::make_shared<OpenFiles>(4));
    EXPECT_FALSE(first);
    EXPECT_FALSE(second);
    return second ? Error{} : second.error();
  }
  // Another opening for the image's file, with shards in place of the groups.
  void put_opening(std::string& bytes, uint64_t first_group, std::vector<OpeningShard> shards) {
    Opening opening = get<Opening>(bytes, header_page_bytes);
    opening.first_group = first_group;
    opening.flags = 0;
    std::fill(bytes.begin() + header_page_bytes, bytes.end(), '\0');
    const std::string encoded = encode_opening(opening, shards);
    bytes.replace(header_page_bytes, encoded.size(), encoded);
  }
};

using Sequences = std::map<uint32_t, uint64_t>;

TEST_F(TamperedTest, an_opening_without_a_group_says_nothing_behind_others) {
  const std::string path = make_image();
  std::string next = read_file(path);
  put_opening(next, 3, {{0, 0, 2}, {1, 0, 2}, {5, 0, 7}});
  auto header = get<SegmentHeader>(next, 0);
  header.id = 2;
  put(next, 0, header);
  write_file(segment_path(root_ + "/image", 2), next);
  const auto recovered = recover_twice();
  EXPECT_EQ(recovered.next_group, 3u);
  EXPECT_EQ(recovered.next_sequences, (Sequences{{0, 2}, {1, 2}}));
}

TEST_F(TamperedTest, an_opening_without_a_group_counts_where_it_is_alone) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  put_opening(bytes, 10, {{0, 0, 4}});
  write_file(path, bytes);
  EXPECT_EQ(recover_twice().next_group, 10u);
  // And what is appended continues there.
  options_.directory = root_ + "/image";
  for (uint64_t group = 10; group < 13; ++group) {
    open();
    EXPECT_EQ(commit(0, {"more"}).value, group);
    EXPECT_EQ(end(0), group - 5);
    EXPECT_EQ(oldest(0), 4u);
  }
  EXPECT_EQ(recover_twice().next_group, 13u);
}

TEST_F(TamperedTest, an_opening_of_the_first_group_knows_no_shards) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  put_opening(bytes, 1, {{0, 0, 4}});
  write_file(path, bytes);
  EXPECT_EQ(recover_twice().next_sequences, Sequences());
}

TEST_F(TamperedTest, an_opening_that_names_a_shard_twice_is_refused) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  put_opening(bytes, 10, {{0, 0, 4}, {0, 0, 4}});
  write_file(path, bytes);
  const Error error = refused_twice();
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_NE(error.message.find(path + ": the opening at offset 4096 is damaged"), std::string::npos) << error.message;
}

TEST_F(TamperedTest, an_opening_without_a_group_number_is_refused) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  put_opening(bytes, 0, {});
  write_file(path, bytes);
  EXPECT_EQ(refused_twice().kind, ErrorKind::corrupt);
}

TEST_F(TamperedTest, a_group_whose_blocks_name_a_shard_twice_does_not_hold) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  const size_t group = groups_in(path)[1].first;
  const auto header = get<GroupHeader>(bytes, group);
  const size_t table = group + sizeof(GroupHeader);
  auto block = get<BlockHeader>(bytes, table + sizeof(BlockHeader));
  block.shard = 0;
  std::memcpy(bytes.data() + table + sizeof(BlockHeader), &block, sizeof(block));
  put(bytes, group, header, 2 * sizeof(BlockHeader));
  write_file(path, bytes);
  const auto recovered = recover_twice();
  EXPECT_EQ(recovered.next_group, 2u);
  EXPECT_EQ(recovered.next_sequences, (Sequences{{0, 1}, {1, 1}}));
}

TEST_F(TamperedTest, a_group_with_a_block_without_records_does_not_hold) {
  const std::string path = make_image();
  std::string bytes = read_file(path);
  const size_t group = groups_in(path)[1].first;
  const auto header = get<GroupHeader>(bytes, group);
  auto block = get<BlockHeader>(bytes, group + sizeof(GroupHeader));
  block.count = 0;
  std::memcpy(bytes.data() + group + sizeof(GroupHeader), &block, sizeof(block));
  put(bytes, group, header, 2 * sizeof(BlockHeader));
  write_file(path, bytes);
  EXPECT_EQ(recover_twice().next_group, 2u);
}

TEST_F(TamperedTest, spans_that_name_a_shard_twice_are_made_again_from_the_groups) {
  const std::string path = make_image();
  ASSERT_EQ(recover_twice().next_group, 3u);  // which seals it
  std::string bytes = read_file(path);
  auto seal = get<Seal>(bytes, seal_offset);
  auto span = get<Span>(bytes, seal.footer_offset + sizeof(Span));
  span = {.shard = 0, .block_count = 2, .first = 2, .next = 4};
  std::memcpy(bytes.data() + seal.footer_offset + sizeof(Span), &span, sizeof(span));
  seal.spans_checksum = base::crc32c(std::string_view(bytes).substr(seal.footer_offset, 2 * sizeof(Span)));
  put(bytes, seal_offset, seal);
  write_file(path, bytes);
  EXPECT_EQ(recover_twice().next_sequences, (Sequences{{0, 2}, {1, 2}}));
}

TEST_F(TamperedTest, a_seal_without_groups_is_made_again_from_them) {
  const std::string path = make_image();
  ASSERT_EQ(recover_twice().next_group, 3u);
  std::string bytes = read_file(path);
  auto seal = get<Seal>(bytes, seal_offset);
  seal.group_count = 0;
  put(bytes, seal_offset, seal);
  write_file(path, bytes);
  EXPECT_EQ(recover_twice().next_group, 3u);
}

TEST_F(TamperedTest, an_index_with_blocks_outside_their_groups_is_damaged) {
  const std::string path = make_image();
  ASSERT_EQ(recover_twice().next_group, 3u);
  const std::string whole = read_file(path);
  auto seal = get<Seal>(whole, seal_offset);
  const size_t index = seal.footer_offset + 2 * sizeof(Span);
  const size_t block = index + 2 * sizeof(GroupEntry);
  struct Change {
    size_t offset;
    uint32_t value;
  };
  for (const Change change :
       {Change{index + offsetof(GroupEntry, offset), 4096},
        Change{index + sizeof(GroupEntry) + offsetof(GroupEntry, offset), seal.footer_offset},
        Change{block + offsetof(BlockEntry, first), 1}, Change{block + offsetof(BlockEntry, count), 0},
        Change{block + offsetof(BlockEntry, count), 2},
        Change{block + offsetof(BlockEntry, offset), seal.groups_offset},
        Change{block + offsetof(BlockEntry, bytes), 4096}, Change{block + offsetof(BlockEntry, group_index), 1}}) {
    std::string bytes = whole;
    std::memcpy(bytes.data() + change.offset, &change.value, sizeof(change.value));
    seal.index_checksum = base::crc32c(std::string_view(bytes).substr(index, seal.index_bytes));
    put(bytes, seal_offset, seal);
    write_file(path, bytes);
    const auto segment = recover_twice().segments.front().segment;
    const auto loaded = load_index(*segment);
    ASSERT_FALSE(loaded) << change.offset - index;
    EXPECT_NE(loaded.error().message.find("the footer at offset"), std::string::npos) << loaded.error().message;
  }
}

}  // namespace
}  // namespace millrace::log
