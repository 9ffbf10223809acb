#include <gtest/gtest.h>
#include <re2/re2.h>

#include <set>

#include "api/dynamodb_model.h"
#include "api/dynamodb_streams_model.h"
#include "api/kinesis_model.h"

namespace millrace::api {
namespace {

void expect_sound(const aws::Shape& shape, std::set<const aws::Shape*>& seen) {
  if (!seen.insert(&shape).second) return;
  EXPECT_FALSE(shape.name.empty());
  EXPECT_TRUE(RE2(re2::StringPiece(shape.pattern.data(), shape.pattern.size()), RE2::Quiet).ok()) << shape.pattern;
  EXPECT_EQ(shape.element != nullptr, shape.kind == aws::ShapeKind::list || shape.kind == aws::ShapeKind::map);
  EXPECT_EQ(shape.key != nullptr, shape.kind == aws::ShapeKind::map);
  if (shape.element != nullptr) expect_sound(*shape.element, seen);
  if (shape.key != nullptr) expect_sound(*shape.key, seen);
  for (const aws::ShapeMember& each : shape.members) {
    ASSERT_NE(each.shape, nullptr);
    expect_sound(*each.shape, seen);
  }
}

TEST(KinesisModel, is_whole_and_its_patterns_are_understood) {
  std::set<const aws::Shape*> seen;
  for (const char* operation : {"AddTagsToStream",
                                "CreateStream",
                                "DecreaseStreamRetentionPeriod",
                                "DeleteStream",
                                "DeregisterStreamConsumer",
                                "DescribeLimits",
                                "DescribeStream",
                                "DescribeStreamConsumer",
                                "DescribeStreamSummary",
                                "GetRecords",
                                "GetShardIterator",
                                "IncreaseStreamRetentionPeriod",
                                "ListShards",
                                "ListStreamConsumers",
                                "ListStreams",
                                "ListTagsForResource",
                                "ListTagsForStream",
                                "MergeShards",
                                "PutRecord",
                                "PutRecords",
                                "RegisterStreamConsumer",
                                "RemoveTagsFromStream",
                                "SplitShard",
                                "SubscribeToShard",
                                "TagResource",
                                "UntagResource",
                                "UpdateShardCount",
                                "UpdateStreamMode"}) {
    expect_sound(kinesis_input(operation), seen);
  }
  EXPECT_GT(seen.size(), 50U);
}

TEST(DynamoDbModel, is_whole_and_its_patterns_are_understood) {
  std::set<const aws::Shape*> seen;
  for (const char* operation :
       {"CreateTable", "DeleteTable", "DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTables",
        "ListTagsOfResource", "TagResource", "UntagResource", "UpdateTable", "UpdateTimeToLive"}) {
    expect_sound(dynamodb_input(operation), seen);
  }
  for (const char* operation : {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}) {
    expect_sound(dynamodb_streams_input(operation), seen);
  }
  EXPECT_GT(seen.size(), 50U);
}

TEST(KinesisModel, knows_what_is_required_and_its_limits) {
  const aws::Shape& put = kinesis_input("PutRecords");
  ASSERT_FALSE(put.members.empty());
  const aws::ShapeMember& records = put.members[0];
  EXPECT_EQ(records.name, "Records");
  EXPECT_TRUE(records.required);
  EXPECT_EQ(records.shape->most, 500);
  EXPECT_EQ(records.shape->element->name, "PutRecordsRequestEntry");
}

}  // namespace
}  // namespace millrace::api
