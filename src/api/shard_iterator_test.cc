#include "api/shard_iterator.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace millrace::api {
namespace {

class ShardIteratorTest : public testing::Test {
 protected:
  const ProcessingTime now_{1'700'000'000'000};
  const ShardIterator iterator_{"clickstream", 0x1234567890abcdef, ShardId(7), SequenceNumber(42), now_};

  Result<ShardIterator> decode(std::string_view text, int64_t later_ms = 0) {
    return ShardIterator::decode(text, ProcessingTime(now_.value + later_ms), kinesis_iterator_life_ms);
  }
};

TEST_F(ShardIteratorTest, ComesBack) {
  const auto back = decode(iterator_.encode()).value();
  EXPECT_EQ(back.stream, "clickstream");
  EXPECT_EQ(back.stream_id, 0x1234567890abcdefu);
  EXPECT_EQ(back.shard, ShardId(7));
  EXPECT_EQ(back.next, SequenceNumber(42));
  EXPECT_EQ(back.issued, now_);
  ShardIterator longest = iterator_;
  longest.stream = std::string(128, 's');
  EXPECT_LE(longest.encode().size(), 512u);
  EXPECT_EQ(decode(longest.encode())->stream, longest.stream);
}

TEST_F(ShardIteratorTest, ServesOnlyWhatItWasGivenOutFor) {
  EXPECT_FALSE(decode(iterator_.encode(ShardIterator::Use::list)));
}

TEST_F(ShardIteratorTest, ExpiresAfterFiveMinutes) {
  EXPECT_TRUE(decode(iterator_.encode(), 300'000));
  const auto late = decode(iterator_.encode(), 300'001);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::expired);
}

TEST_F(ShardIteratorTest, AnyChangeIsNoticed) {
  const std::string text = iterator_.encode();
  const std::string bytes = base::base64_decode(text).value();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      std::string encoded;
      base::append_base64(encoded, changed);
      const auto decoded = decode(encoded);
      ASSERT_FALSE(decoded) << i;
      EXPECT_EQ(decoded.error().kind, ErrorKind::invalid_argument);
    }
  }
  for (size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(decode(std::string_view(text).substr(0, size)));
  EXPECT_FALSE(decode(text + "AAAA"));
  EXPECT_FALSE(decode(std::string(10'000, 'A')));
}

}  // namespace
}  // namespace millrace::api
