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

TEST(EventJson, user_records_of_an_aggregated_one_are_told_apart) {
  EventSource source;
  source.region = "us-east-1";
  source.arn = "ARN";
  source.shard_name = "shardId-000000000000";
  source.numbers = base::SequenceFormat(ShardId(0), 42);
  const log::Record record{SequenceNumber(1), ProcessingTime(1'007), "ignored", "the whole"};
  std::string out;
  put_user_record(out, source, record, {"key", "Hello", "12", 3});
  const std::string sequence = source.numbers.text(SequenceNumber(1));
  EXPECT_EQ(out, fmt::format(R"({{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"key",)"
                             R"("explicitHashKey":"12","sequenceNumber":"{0}","subSequenceNumber":3,"aggregated":true,)"
                             R"("data":"SGVsbG8=","approximateArrivalTimestamp":1.007}},)"
                             R"("eventSource":"aws:kinesis","eventVersion":"1.0",)"
                             R"("eventID":"shardId-000000000000:{0}:3","eventName":"aws:kinesis:record",)"
                             R"("invokeIdentityArn":"arn:aws:iam::000000000000:role/millrace",)"
                             R"("awsRegion":"us-east-1","eventSourceARN":"ARN"}})",
                             sequence));
}

}  // namespace
}  // namespace millrace::function
