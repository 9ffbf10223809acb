// Records of a stream to rows, and how a bad one is dealt with.

#include "connector/stream_source.h"

#include <gtest/gtest.h>

namespace millrace::connector {
namespace {

// One stream that is never read from a log.
class OneStream final : public stream::Sources {
 public:
  uint64_t id = 7;
  Result<stream::Source> source(std::string_view name) override {
    if (id == 0) return millrace::fail(ErrorKind::not_found, "there is no stream {}", name);
    return stream::fixed_source(id, nullptr, stream::ShardSet::single(ShardId(0)));
  }
};

class StreamSourceTest : public testing::Test {
 protected:
  Source open(bool ignore_parse_errors = false) {
    const sql::TableDefinition declared{
        .name = "clicks",
        .resource = "Clicks",
        .columns = {{"n", {data::TypeKind::bigint}, nullptr}, {"id", {data::TypeKind::string}, nullptr}}};
    auto source = connector_->source(declared, {.columns = {1}, .ignore_parse_errors = ignore_parse_errors});
    CHECK(source, "{}", source.error().message);
    return std::move(*source);
  }
  static std::vector<log::Record> records(const std::vector<std::string_view>& json) {
    std::vector<log::Record> records;
    for (const std::string_view data : json) {
      const uint64_t n = records.size();
      records.push_back({SequenceNumber(n), ProcessingTime(static_cast<int64_t>(100 * (n / 2))), "k", data});
    }
    return records;
  }

  OneStream streams_;
  std::unique_ptr<Connector> connector_ = make_stream_connector(streams_);
};

TEST_F(StreamSourceTest, decodes_the_columns_that_are_read_and_keeps_arrivals) {
  const Source source = open();
  EXPECT_EQ(source.label(), "stream Clicks");
  EXPECT_TRUE(source.own_log);
  SkipBad none;
  const auto batch = source.decoder->decode(0, records({R"({"id":"a","n":1})", R"({"id":"b"})", R"({"n":2})"}), none);
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->rows, 3U);
  ASSERT_EQ(batch->columns.size(), 1U);
  EXPECT_EQ(batch->columns[0]->strings()[1], "b");
  EXPECT_TRUE(batch->columns[0]->is_null(2));
  ASSERT_TRUE(batch->arrivals);
  ASSERT_EQ(batch->arrivals->size(), 2U);
  EXPECT_EQ(batch->arrivals->front().end, 2U);
  EXPECT_EQ(batch->arrivals->back().time, ProcessingTime(100));
}

TEST_F(StreamSourceTest, a_bad_record_stops_the_job_unless_it_may_be_skipped) {
  SkipBad skip;
  const auto some = records({R"({"id":"a"})", "no JSON", R"({"id":"b"})"});
  const auto refused = open().decoder->decode(3, some, skip);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("stream Clicks, record 1 of shard 3 (`millrace jobs resume JOB --skip 1`"),
            std::string::npos)
      << refused.error().message;

  skip.left = 1;
  const Source source = open();
  const auto batch = source.decoder->decode(3, some, skip);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->rows, 2U);
  EXPECT_EQ(source.decoder->bad(), 1U);
  EXPECT_EQ(skip.left, 0U);
  EXPECT_EQ(skip.next_time(), 2U);

  const Source ignoring = open(true);
  EXPECT_EQ(ignoring.decoder->decode(3, some, skip)->rows, 2U);
  EXPECT_EQ(ignoring.decoder->bad(), 1U);
}

TEST_F(StreamSourceTest, knows_when_its_name_stands_for_another_stream) {
  const Source source = open();
  EXPECT_EQ(*source.current_id(), source.records.id);
  streams_.id = 8;
  EXPECT_NE(*source.current_id(), source.records.id);
  streams_.id = 0;
  EXPECT_EQ(source.current_id().error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace millrace::connector
