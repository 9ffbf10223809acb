// Goal: whoever follows a shard sees each record once and in order, can go back to what is not committed whatever
// retention does, and knows how far behind it is.
// Method: a real log in a directory of its own; a clock that the test moves.

#include "stream/reader.h"

#include <gtest/gtest.h>

#include "log/test_log.h"

namespace millrace::stream {
namespace {

constexpr size_t one_block = 1;  // bytes: read() brings at least a block

class ReaderTest : public log::LogTest {
 protected:
  ReaderTest() { open(); }

  Reader follow(uint64_t position = 0) { return Reader({log_.get(), ShardId(0), nullptr}, SequenceNumber(position)); }

  // What is in memory from next() on.
  static std::vector<std::string> take(Reader& reader, size_t records_max = SIZE_MAX) {
    std::vector<std::string> texts;
    while (texts.size() < records_max) {
      const log::Record* const record = reader.peek();
      if (record == nullptr) break;
      EXPECT_EQ(record->sequence, reader.next());
      EXPECT_LE(reader.block()->first, record->sequence);
      EXPECT_LT(record->sequence, reader.block()->end());
      texts.emplace_back(record->data);
      reader.pop();
    }
    return texts;
  }
  static bool read(Reader& reader, size_t bytes_max = 4096) {
    const auto more = reader.read(bytes_max);
    EXPECT_TRUE(more) << more.error().message;
    return more.value_or(false);
  }
  // Retention passes the first segment.
  void trim() {
    const std::string large(options_.group_bytes_max / 2, 'x');
    for (int i = 0; i < 100 && oldest(0) == 0; ++i) {
      commit(0, {large});
      clock_.advance_ms(3'600'000);
      ASSERT_TRUE(log_->trim(clock_.now(), log_->durable_group()));
    }
    ASSERT_GT(oldest(0), 0U);
  }
};

using Texts = std::vector<std::string>;

TEST_F(ReaderTest, hands_out_records_in_order_from_a_position_inside_a_block) {
  commit(0, {"a", "b", "c"});
  commit(1, {"of another shard"});
  commit(0, {"d"});
  commit(0, {"e", "f"});
  Reader reader = follow(1);
  EXPECT_EQ(reader.peek(), nullptr) << "nothing is read unasked";
  EXPECT_TRUE(read(reader));
  EXPECT_EQ(take(reader, 1), Texts{"b"});
  EXPECT_EQ(take(reader), (Texts{"c", "d", "e", "f"}));
  EXPECT_EQ(reader.next(), SequenceNumber(6));
  EXPECT_FALSE(read(reader));
  commit(0, {"g"});
  EXPECT_TRUE(read(reader));
  EXPECT_EQ(take(reader), Texts{"g"});
}

TEST_F(ReaderTest, reads_on_behind_what_is_in_memory) {
  commit(0, {"a", "b"});
  commit(0, {"c"});
  Reader reader = follow();
  EXPECT_TRUE(read(reader, one_block));
  EXPECT_TRUE(read(reader, one_block));
  EXPECT_FALSE(read(reader, one_block));
  EXPECT_EQ(take(reader), (Texts{"a", "b", "c"}));
}

TEST_F(ReaderTest, goes_back_to_what_is_in_memory_when_the_log_has_it_no_more) {
  commit(0, {"a", "b"});
  commit(0, {"c", "d"});
  Reader reader = follow();
  read(reader);
  take(reader);
  log_->close();
  for (const uint64_t position : {3, 0, 1}) {
    reader.seek(SequenceNumber(position));
    const Texts all = {"a", "b", "c", "d"};
    EXPECT_EQ(take(reader), Texts(all.begin() + static_cast<long>(position), all.end()));
  }
}

TEST_F(ReaderTest, reads_again_what_was_forgotten) {
  commit(0, {"a", "b"});
  commit(0, {"c", "d"});
  Reader reader = follow();
  read(reader);
  EXPECT_EQ(take(reader, 3), (Texts{"a", "b", "c"}));
  reader.forget();
  EXPECT_EQ(take(reader), Texts{"d"}) << "it lies in a block with what was forgotten";
  reader.seek(SequenceNumber(1));
  EXPECT_EQ(reader.peek(), nullptr);
  EXPECT_TRUE(read(reader));
  EXPECT_EQ(take(reader), (Texts{"b", "c", "d"}));
  reader.forget();
  EXPECT_EQ(reader.peek(), nullptr);
  EXPECT_FALSE(read(reader));
}

TEST_F(ReaderTest, lag_is_behind_what_is_committed) {
  Reader reader = follow();
  EXPECT_EQ(reader.lag(clock_.now()).records, 0U);
  commit(0, {"a", "b"});
  clock_.advance_ms(5);
  commit(0, {"c"});
  EXPECT_EQ(reader.lag(clock_.now()).records, 3U);
  read(reader);
  take(reader, 2);
  EXPECT_EQ(reader.lag(clock_.now()).records, 3U) << "read, and not committed";
  reader.commit();
  EXPECT_EQ(reader.committed(), SequenceNumber(2));
  EXPECT_EQ(reader.lag(clock_.now()).records, 1U);
  EXPECT_EQ(reader.lag(clock_.now()).ms, 5);
  take(reader);
  reader.commit();
  EXPECT_EQ(reader.lag(ProcessingTime(clock_.now().value + 100)).ms, 0) << "nothing waits";
}

TEST_F(ReaderTest, tells_when_retention_has_passed_it_and_goes_on_where_it_is_told) {
  commit(0, {"a", "b"});
  Reader reader = follow(1);
  trim();
  const auto more = reader.read(4096);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::trimmed);
  EXPECT_EQ(reader.next(), SequenceNumber(1));
  EXPECT_EQ(reader.lag(clock_.now()).records, end(0) - oldest(0)) << "what is gone does not wait";
  reader.seek(SequenceNumber(oldest(0)));
  reader.commit();
  EXPECT_TRUE(read(reader));
  EXPECT_EQ(reader.peek()->sequence.value, oldest(0));
}

}  // namespace
}  // namespace millrace::stream
