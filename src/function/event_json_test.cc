#include "function/event_json.h"

#include <gtest/gtest.h>

#include "stream/shard_ranges.h"

namespace millrace::function {
namespace {

TEST(EventJson, a_record_of_a_stream_looks_as_lambda_shows_it) {
  EventSource source;
  source.region = "us-east-2";
  source.arn = "arn:aws:kinesis:us-east-2:000000000000:stream/clicks";
  source.shard_name = stream::shard_name(ShardId(6));
  source.numbers = base::SequenceFormat(ShardId(6), 42);
  std::string out;
  put_stream_record(out, source, {SequenceNumber(41), ProcessingTime(1'545'084'650'007), "visitor \"7\"", "Hello"});
  EXPECT_EQ(
      out,
      R"({"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"visitor \"7\"",)"
      R"("sequenceNumber":"40000000006000000000000000041000000042","data":"SGVsbG8=",)"
      R"("approximateArrivalTimestamp":1545084650.007},"eventSource":"aws:kinesis","eventVersion":"1.0",)"
      R"("eventID":"shardId-000000000006:40000000006000000000000000041000000042","eventName":"aws:kinesis:record",)"
      R"("invokeIdentityArn":"arn:aws:iam::000000000000:role/millrace","awsRegion":"us-east-2",)"
      R"("eventSourceARN":"arn:aws:kinesis:us-east-2:000000000000:stream/clicks"})");
}

}  // namespace
}  // namespace millrace::function
