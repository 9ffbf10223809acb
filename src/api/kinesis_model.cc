// Made by scripts/describe_operations kinesis from botocore 1.43.11, API version 2013-12-02. Not to be edited.

#include "api/kinesis_model.h"

#include "base/error.h"

namespace millrace::api {
namespace {

using aws::Shape;
using aws::ShapeKind;
using aws::ShapeMember;

constexpr Shape stream_name{
    .name = "StreamName", .kind = ShapeKind::text, .least = 1, .most = 128, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr Shape tag_key{.name = "TagKey", .kind = ShapeKind::text, .least = 1, .most = 128};
constexpr Shape tag_value{.name = "TagValue", .kind = ShapeKind::text, .least = 0, .most = 256};
constexpr Shape tag_map{
    .name = "TagMap", .kind = ShapeKind::map, .element = &tag_value, .key = &tag_key, .least = 1, .most = 200};
constexpr Shape stream_arn{.name = "StreamARN",
                           .kind = ShapeKind::text,
                           .least = 1,
                           .most = 2048,
                           .pattern = R"re(arn:aws.*:kinesis:.*:\d{12}:stream/\S+)re"};
constexpr Shape stream_id{
    .name = "StreamId", .kind = ShapeKind::text, .least = 1, .most = 24, .pattern = R"re([a-z0-9]{20}-[a-z0-9]{3})re"};
constexpr ShapeMember add_tags_to_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "Tags", .shape = &tag_map, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape add_tags_to_stream_input{
    .name = "AddTagsToStreamInput", .kind = ShapeKind::structure, .members = add_tags_to_stream_input_members};
constexpr Shape positive_integer_object{.name = "PositiveIntegerObject", .kind = ShapeKind::integer, .least = 1};
constexpr std::string_view stream_mode_values[] = {"PROVISIONED", "ON_DEMAND"};
constexpr Shape stream_mode{.name = "StreamMode", .kind = ShapeKind::text, .values = stream_mode_values};
constexpr ShapeMember stream_mode_details_members[] = {
    {.name = "StreamMode", .shape = &stream_mode, .required = true},
};
constexpr Shape stream_mode_details{
    .name = "StreamModeDetails", .kind = ShapeKind::structure, .members = stream_mode_details_members};
constexpr Shape natural_integer_object{.name = "NaturalIntegerObject", .kind = ShapeKind::integer, .least = 0};
constexpr Shape max_record_size_in_ki_b{
    .name = "MaxRecordSizeInKiB", .kind = ShapeKind::integer, .least = 1024, .most = 10240};
constexpr ShapeMember create_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name, .required = true},
    {.name = "ShardCount", .shape = &positive_integer_object},
    {.name = "StreamModeDetails", .shape = &stream_mode_details},
    {.name = "Tags", .shape = &tag_map},
    {.name = "WarmThroughputMiBps", .shape = &natural_integer_object},
    {.name = "MaxRecordSizeInKiB", .shape = &max_record_size_in_ki_b},
};
constexpr Shape create_stream_input{
    .name = "CreateStreamInput", .kind = ShapeKind::structure, .members = create_stream_input_members};
constexpr Shape retention_period_hours{.name = "RetentionPeriodHours", .kind = ShapeKind::integer};
constexpr ShapeMember decrease_stream_retention_period_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "RetentionPeriodHours", .shape = &retention_period_hours, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape decrease_stream_retention_period_input{.name = "DecreaseStreamRetentionPeriodInput",
                                                       .kind = ShapeKind::structure,
                                                       .members = decrease_stream_retention_period_input_members};
constexpr Shape boolean_object{.name = "BooleanObject", .kind = ShapeKind::boolean};
constexpr ShapeMember delete_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "EnforceConsumerDeletion", .shape = &boolean_object},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape delete_stream_input{
    .name = "DeleteStreamInput", .kind = ShapeKind::structure, .members = delete_stream_input_members};
constexpr Shape consumer_name{
    .name = "ConsumerName", .kind = ShapeKind::text, .least = 1, .most = 128, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr Shape consumer_arn{
    .name = "ConsumerARN",
    .kind = ShapeKind::text,
    .least = 1,
    .most = 2048,
    .pattern = R"re(^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+)re"};
constexpr ShapeMember deregister_stream_consumer_input_members[] = {
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "ConsumerName", .shape = &consumer_name},
    {.name = "ConsumerARN", .shape = &consumer_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape deregister_stream_consumer_input{.name = "DeregisterStreamConsumerInput",
                                                 .kind = ShapeKind::structure,
                                                 .members = deregister_stream_consumer_input_members};
constexpr Shape describe_limits_input{.name = "DescribeLimitsInput", .kind = ShapeKind::structure};
constexpr Shape describe_stream_input_limit{
    .name = "DescribeStreamInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 10000};
constexpr Shape shard_id{
    .name = "ShardId", .kind = ShapeKind::text, .least = 1, .most = 128, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr ShapeMember describe_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "Limit", .shape = &describe_stream_input_limit},
    {.name = "ExclusiveStartShardId", .shape = &shard_id},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape describe_stream_input{
    .name = "DescribeStreamInput", .kind = ShapeKind::structure, .members = describe_stream_input_members};
constexpr ShapeMember describe_stream_consumer_input_members[] = {
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "ConsumerName", .shape = &consumer_name},
    {.name = "ConsumerARN", .shape = &consumer_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape describe_stream_consumer_input{.name = "DescribeStreamConsumerInput",
                                               .kind = ShapeKind::structure,
                                               .members = describe_stream_consumer_input_members};
constexpr ShapeMember describe_stream_summary_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape describe_stream_summary_input{.name = "DescribeStreamSummaryInput",
                                              .kind = ShapeKind::structure,
                                              .members = describe_stream_summary_input_members};
constexpr Shape shard_iterator{.name = "ShardIterator", .kind = ShapeKind::text, .least = 1, .most = 512};
constexpr Shape get_records_input_limit{
    .name = "GetRecordsInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 10000};
constexpr ShapeMember get_records_input_members[] = {
    {.name = "ShardIterator", .shape = &shard_iterator, .required = true},
    {.name = "Limit", .shape = &get_records_input_limit},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape get_records_input{
    .name = "GetRecordsInput", .kind = ShapeKind::structure, .members = get_records_input_members};
constexpr std::string_view shard_iterator_type_values[] = {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER",
                                                           "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"};
constexpr Shape shard_iterator_type{
    .name = "ShardIteratorType", .kind = ShapeKind::text, .values = shard_iterator_type_values};
constexpr Shape sequence_number{
    .name = "SequenceNumber", .kind = ShapeKind::text, .pattern = R"re(0|([1-9]\d{0,128}))re"};
constexpr Shape timestamp{.name = "Timestamp", .kind = ShapeKind::timestamp};
constexpr ShapeMember get_shard_iterator_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "ShardId", .shape = &shard_id, .required = true},
    {.name = "ShardIteratorType", .shape = &shard_iterator_type, .required = true},
    {.name = "StartingSequenceNumber", .shape = &sequence_number},
    {.name = "Timestamp", .shape = &timestamp},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape get_shard_iterator_input{
    .name = "GetShardIteratorInput", .kind = ShapeKind::structure, .members = get_shard_iterator_input_members};
constexpr ShapeMember increase_stream_retention_period_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "RetentionPeriodHours", .shape = &retention_period_hours, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape increase_stream_retention_period_input{.name = "IncreaseStreamRetentionPeriodInput",
                                                       .kind = ShapeKind::structure,
                                                       .members = increase_stream_retention_period_input_members};
constexpr Shape next_token{.name = "NextToken", .kind = ShapeKind::text, .least = 1, .most = 1048576};
constexpr Shape list_shards_input_limit{
    .name = "ListShardsInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 10000};
constexpr std::string_view shard_filter_type_values[] = {"AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON",
                                                         "AT_LATEST",      "AT_TIMESTAMP",    "FROM_TIMESTAMP"};
constexpr Shape shard_filter_type{
    .name = "ShardFilterType", .kind = ShapeKind::text, .values = shard_filter_type_values};
constexpr ShapeMember shard_filter_members[] = {
    {.name = "Type", .shape = &shard_filter_type, .required = true},
    {.name = "ShardId", .shape = &shard_id},
    {.name = "Timestamp", .shape = &timestamp},
};
constexpr Shape shard_filter{.name = "ShardFilter", .kind = ShapeKind::structure, .members = shard_filter_members};
constexpr ShapeMember list_shards_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "NextToken", .shape = &next_token},
    {.name = "ExclusiveStartShardId", .shape = &shard_id},
    {.name = "MaxResults", .shape = &list_shards_input_limit},
    {.name = "StreamCreationTimestamp", .shape = &timestamp},
    {.name = "ShardFilter", .shape = &shard_filter},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape list_shards_input{
    .name = "ListShardsInput", .kind = ShapeKind::structure, .members = list_shards_input_members};
constexpr Shape list_stream_consumers_input_limit{
    .name = "ListStreamConsumersInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 10000};
constexpr ShapeMember list_stream_consumers_input_members[] = {
    {.name = "StreamARN", .shape = &stream_arn, .required = true},
    {.name = "NextToken", .shape = &next_token},
    {.name = "MaxResults", .shape = &list_stream_consumers_input_limit},
    {.name = "StreamCreationTimestamp", .shape = &timestamp},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape list_stream_consumers_input{
    .name = "ListStreamConsumersInput", .kind = ShapeKind::structure, .members = list_stream_consumers_input_members};
constexpr Shape list_streams_input_limit{
    .name = "ListStreamsInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 10000};
constexpr ShapeMember list_streams_input_members[] = {
    {.name = "Limit", .shape = &list_streams_input_limit},
    {.name = "ExclusiveStartStreamName", .shape = &stream_name},
    {.name = "NextToken", .shape = &next_token},
};
constexpr Shape list_streams_input{
    .name = "ListStreamsInput", .kind = ShapeKind::structure, .members = list_streams_input_members};
constexpr Shape resource_arn{.name = "ResourceARN",
                             .kind = ShapeKind::text,
                             .least = 1,
                             .most = 2048,
                             .pattern = R"re(arn:aws.*:kinesis:.*:\d{12}:.*stream/\S+)re"};
constexpr ShapeMember list_tags_for_resource_input_members[] = {
    {.name = "ResourceARN", .shape = &resource_arn, .required = true},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape list_tags_for_resource_input{
    .name = "ListTagsForResourceInput", .kind = ShapeKind::structure, .members = list_tags_for_resource_input_members};
constexpr Shape list_tags_for_stream_input_limit{
    .name = "ListTagsForStreamInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 50};
constexpr ShapeMember list_tags_for_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "ExclusiveStartTagKey", .shape = &tag_key},
    {.name = "Limit", .shape = &list_tags_for_stream_input_limit},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape list_tags_for_stream_input{
    .name = "ListTagsForStreamInput", .kind = ShapeKind::structure, .members = list_tags_for_stream_input_members};
constexpr ShapeMember merge_shards_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "ShardToMerge", .shape = &shard_id, .required = true},
    {.name = "AdjacentShardToMerge", .shape = &shard_id, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape merge_shards_input{
    .name = "MergeShardsInput", .kind = ShapeKind::structure, .members = merge_shards_input_members};
constexpr Shape data{.name = "Data", .kind = ShapeKind::blob, .least = 0, .most = 10485760};
constexpr Shape partition_key{.name = "PartitionKey", .kind = ShapeKind::text, .least = 1, .most = 256};
constexpr Shape hash_key{.name = "HashKey", .kind = ShapeKind::text, .pattern = R"re(0|([1-9]\d{0,38}))re"};
constexpr ShapeMember put_record_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "Data", .shape = &data, .required = true},
    {.name = "PartitionKey", .shape = &partition_key, .required = true},
    {.name = "ExplicitHashKey", .shape = &hash_key},
    {.name = "SequenceNumberForOrdering", .shape = &sequence_number},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape put_record_input{
    .name = "PutRecordInput", .kind = ShapeKind::structure, .members = put_record_input_members};
constexpr ShapeMember put_records_request_entry_members[] = {
    {.name = "Data", .shape = &data, .required = true},
    {.name = "ExplicitHashKey", .shape = &hash_key},
    {.name = "PartitionKey", .shape = &partition_key, .required = true},
};
constexpr Shape put_records_request_entry{
    .name = "PutRecordsRequestEntry", .kind = ShapeKind::structure, .members = put_records_request_entry_members};
constexpr Shape put_records_request_entry_list{.name = "PutRecordsRequestEntryList",
                                               .kind = ShapeKind::list,
                                               .element = &put_records_request_entry,
                                               .least = 1,
                                               .most = 500};
constexpr ShapeMember put_records_input_members[] = {
    {.name = "Records", .shape = &put_records_request_entry_list, .required = true},
    {.name = "StreamName", .shape = &stream_name},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape put_records_input{
    .name = "PutRecordsInput", .kind = ShapeKind::structure, .members = put_records_input_members};
constexpr ShapeMember register_stream_consumer_input_members[] = {
    {.name = "StreamARN", .shape = &stream_arn, .required = true},
    {.name = "ConsumerName", .shape = &consumer_name, .required = true},
    {.name = "StreamId", .shape = &stream_id},
    {.name = "Tags", .shape = &tag_map},
};
constexpr Shape register_stream_consumer_input{.name = "RegisterStreamConsumerInput",
                                               .kind = ShapeKind::structure,
                                               .members = register_stream_consumer_input_members};
constexpr Shape tag_key_list{
    .name = "TagKeyList", .kind = ShapeKind::list, .element = &tag_key, .least = 1, .most = 50};
constexpr ShapeMember remove_tags_from_stream_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "TagKeys", .shape = &tag_key_list, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape remove_tags_from_stream_input{.name = "RemoveTagsFromStreamInput",
                                              .kind = ShapeKind::structure,
                                              .members = remove_tags_from_stream_input_members};
constexpr ShapeMember split_shard_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "ShardToSplit", .shape = &shard_id, .required = true},
    {.name = "NewStartingHashKey", .shape = &hash_key, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape split_shard_input{
    .name = "SplitShardInput", .kind = ShapeKind::structure, .members = split_shard_input_members};
constexpr ShapeMember starting_position_members[] = {
    {.name = "Type", .shape = &shard_iterator_type, .required = true},
    {.name = "SequenceNumber", .shape = &sequence_number},
    {.name = "Timestamp", .shape = &timestamp},
};
constexpr Shape starting_position{
    .name = "StartingPosition", .kind = ShapeKind::structure, .members = starting_position_members};
constexpr ShapeMember subscribe_to_shard_input_members[] = {
    {.name = "ConsumerARN", .shape = &consumer_arn, .required = true},
    {.name = "StreamId", .shape = &stream_id},
    {.name = "ShardId", .shape = &shard_id, .required = true},
    {.name = "StartingPosition", .shape = &starting_position, .required = true},
};
constexpr Shape subscribe_to_shard_input{
    .name = "SubscribeToShardInput", .kind = ShapeKind::structure, .members = subscribe_to_shard_input_members};
constexpr ShapeMember tag_resource_input_members[] = {
    {.name = "Tags", .shape = &tag_map, .required = true},
    {.name = "ResourceARN", .shape = &resource_arn, .required = true},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape tag_resource_input{
    .name = "TagResourceInput", .kind = ShapeKind::structure, .members = tag_resource_input_members};
constexpr ShapeMember untag_resource_input_members[] = {
    {.name = "TagKeys", .shape = &tag_key_list, .required = true},
    {.name = "ResourceARN", .shape = &resource_arn, .required = true},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape untag_resource_input{
    .name = "UntagResourceInput", .kind = ShapeKind::structure, .members = untag_resource_input_members};
constexpr std::string_view scaling_type_values[] = {"UNIFORM_SCALING"};
constexpr Shape scaling_type{.name = "ScalingType", .kind = ShapeKind::text, .values = scaling_type_values};
constexpr ShapeMember update_shard_count_input_members[] = {
    {.name = "StreamName", .shape = &stream_name},
    {.name = "TargetShardCount", .shape = &positive_integer_object, .required = true},
    {.name = "ScalingType", .shape = &scaling_type, .required = true},
    {.name = "StreamARN", .shape = &stream_arn},
    {.name = "StreamId", .shape = &stream_id},
};
constexpr Shape update_shard_count_input{
    .name = "UpdateShardCountInput", .kind = ShapeKind::structure, .members = update_shard_count_input_members};
constexpr ShapeMember update_stream_mode_input_members[] = {
    {.name = "StreamARN", .shape = &stream_arn, .required = true},
    {.name = "StreamId", .shape = &stream_id},
    {.name = "StreamModeDetails", .shape = &stream_mode_details, .required = true},
    {.name = "WarmThroughputMiBps", .shape = &natural_integer_object},
};
constexpr Shape update_stream_mode_input{
    .name = "UpdateStreamModeInput", .kind = ShapeKind::structure, .members = update_stream_mode_input_members};

constexpr ShapeMember inputs[] = {
    {.name = "AddTagsToStream", .shape = &add_tags_to_stream_input},
    {.name = "CreateStream", .shape = &create_stream_input},
    {.name = "DecreaseStreamRetentionPeriod", .shape = &decrease_stream_retention_period_input},
    {.name = "DeleteStream", .shape = &delete_stream_input},
    {.name = "DeregisterStreamConsumer", .shape = &deregister_stream_consumer_input},
    {.name = "DescribeLimits", .shape = &describe_limits_input},
    {.name = "DescribeStream", .shape = &describe_stream_input},
    {.name = "DescribeStreamConsumer", .shape = &describe_stream_consumer_input},
    {.name = "DescribeStreamSummary", .shape = &describe_stream_summary_input},
    {.name = "GetRecords", .shape = &get_records_input},
    {.name = "GetShardIterator", .shape = &get_shard_iterator_input},
    {.name = "IncreaseStreamRetentionPeriod", .shape = &increase_stream_retention_period_input},
    {.name = "ListShards", .shape = &list_shards_input},
    {.name = "ListStreamConsumers", .shape = &list_stream_consumers_input},
    {.name = "ListStreams", .shape = &list_streams_input},
    {.name = "ListTagsForResource", .shape = &list_tags_for_resource_input},
    {.name = "ListTagsForStream", .shape = &list_tags_for_stream_input},
    {.name = "MergeShards", .shape = &merge_shards_input},
    {.name = "PutRecord", .shape = &put_record_input},
    {.name = "PutRecords", .shape = &put_records_input},
    {.name = "RegisterStreamConsumer", .shape = &register_stream_consumer_input},
    {.name = "RemoveTagsFromStream", .shape = &remove_tags_from_stream_input},
    {.name = "SplitShard", .shape = &split_shard_input},
    {.name = "SubscribeToShard", .shape = &subscribe_to_shard_input},
    {.name = "TagResource", .shape = &tag_resource_input},
    {.name = "UntagResource", .shape = &untag_resource_input},
    {.name = "UpdateShardCount", .shape = &update_shard_count_input},
    {.name = "UpdateStreamMode", .shape = &update_stream_mode_input},
};

}  // namespace

const Shape& kinesis_input(std::string_view operation) {
  for (const ShapeMember& each : inputs) {
    if (each.name == operation) return *each.shape;
  }
  CHECK(false, "scripts/describe_operations does not describe {}", operation);
}

}  // namespace millrace::api
