// Made by scripts/describe_operations dynamodbstreams from botocore 1.44.8, API version 2012-08-10. Not to be edited.

#include "api/dynamodb_streams_model.h"

#include "base/error.h"

namespace millrace::api {
namespace {

using aws::Shape;
using aws::ShapeKind;
using aws::ShapeMember;

constexpr Shape stream_arn{.name = "StreamArn", .kind = ShapeKind::text, .least = 37, .most = 1024};
constexpr Shape positive_integer_object{.name = "PositiveIntegerObject", .kind = ShapeKind::integer, .least = 1};
constexpr Shape shard_id{.name = "ShardId", .kind = ShapeKind::text, .least = 28, .most = 65};
constexpr std::string_view shard_filter_type_values[] = {"CHILD_SHARDS"};
constexpr Shape shard_filter_type{
    .name = "ShardFilterType", .kind = ShapeKind::text, .values = shard_filter_type_values};
constexpr ShapeMember shard_filter_members[] = {
    {.name = "Type", .shape = &shard_filter_type},
    {.name = "ShardId", .shape = &shard_id},
};
constexpr Shape shard_filter{.name = "ShardFilter", .kind = ShapeKind::structure, .members = shard_filter_members};
constexpr ShapeMember describe_stream_input_members[] = {
    {.name = "StreamArn", .shape = &stream_arn, .required = true},
    {.name = "Limit", .shape = &positive_integer_object},
    {.name = "ExclusiveStartShardId", .shape = &shard_id},
    {.name = "ShardFilter", .shape = &shard_filter},
};
constexpr Shape describe_stream_input{
    .name = "DescribeStreamInput", .kind = ShapeKind::structure, .members = describe_stream_input_members};
constexpr Shape shard_iterator{.name = "ShardIterator", .kind = ShapeKind::text, .least = 1, .most = 2048};
constexpr ShapeMember get_records_input_members[] = {
    {.name = "ShardIterator", .shape = &shard_iterator, .required = true},
    {.name = "Limit", .shape = &positive_integer_object},
};
constexpr Shape get_records_input{
    .name = "GetRecordsInput", .kind = ShapeKind::structure, .members = get_records_input_members};
constexpr std::string_view shard_iterator_type_values[] = {"TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER",
                                                           "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"};
constexpr Shape shard_iterator_type{
    .name = "ShardIteratorType", .kind = ShapeKind::text, .values = shard_iterator_type_values};
constexpr Shape sequence_number{.name = "SequenceNumber", .kind = ShapeKind::text, .least = 21, .most = 40};
constexpr Shape timestamp{.name = "Timestamp", .kind = ShapeKind::timestamp};
constexpr ShapeMember get_shard_iterator_input_members[] = {
    {.name = "StreamArn", .shape = &stream_arn, .required = true},
    {.name = "ShardId", .shape = &shard_id, .required = true},
    {.name = "ShardIteratorType", .shape = &shard_iterator_type, .required = true},
    {.name = "SequenceNumber", .shape = &sequence_number},
    {.name = "Timestamp", .shape = &timestamp},
};
constexpr Shape get_shard_iterator_input{
    .name = "GetShardIteratorInput", .kind = ShapeKind::structure, .members = get_shard_iterator_input_members};
constexpr Shape table_name{
    .name = "TableName", .kind = ShapeKind::text, .least = 3, .most = 255, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr ShapeMember list_streams_input_members[] = {
    {.name = "TableName", .shape = &table_name},
    {.name = "Limit", .shape = &positive_integer_object},
    {.name = "ExclusiveStartStreamArn", .shape = &stream_arn},
};
constexpr Shape list_streams_input{
    .name = "ListStreamsInput", .kind = ShapeKind::structure, .members = list_streams_input_members};

constexpr ShapeMember inputs[] = {
    {.name = "DescribeStream", .shape = &describe_stream_input},
    {.name = "GetRecords", .shape = &get_records_input},
    {.name = "GetShardIterator", .shape = &get_shard_iterator_input},
    {.name = "ListStreams", .shape = &list_streams_input},
};

}  // namespace

const Shape& dynamodb_streams_input(std::string_view operation) {
  for (const ShapeMember& each : inputs) {
    if (each.name == operation) return *each.shape;
  }
  CHECK(false, "scripts/describe_operations does not describe {}", operation);
}

}  // namespace millrace::api
