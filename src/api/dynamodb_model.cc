// Made by scripts/describe_operations dynamodb from botocore 1.44.8, API version 2012-08-10. Not to be edited.

#include "api/dynamodb_model.h"

#include "base/error.h"

namespace millrace::api {
namespace {

using aws::Shape;
using aws::ShapeKind;
using aws::ShapeMember;

constexpr Shape key_schema_attribute_name{
    .name = "KeySchemaAttributeName", .kind = ShapeKind::text, .least = 1, .most = 255};
constexpr std::string_view scalar_attribute_type_values[] = {"B", "N", "S"};
constexpr Shape scalar_attribute_type{
    .name = "ScalarAttributeType", .kind = ShapeKind::text, .values = scalar_attribute_type_values};
constexpr ShapeMember attribute_definition_members[] = {
    {.name = "AttributeName", .shape = &key_schema_attribute_name, .required = true},
    {.name = "AttributeType", .shape = &scalar_attribute_type, .required = true},
};
constexpr Shape attribute_definition{
    .name = "AttributeDefinition", .kind = ShapeKind::structure, .members = attribute_definition_members};
constexpr Shape attribute_definitions{
    .name = "AttributeDefinitions", .kind = ShapeKind::list, .element = &attribute_definition};
constexpr Shape table_arn{.name = "TableArn", .kind = ShapeKind::text, .least = 1, .most = 1024};
constexpr std::string_view key_type_values[] = {"HASH", "RANGE"};
constexpr Shape key_type{.name = "KeyType", .kind = ShapeKind::text, .values = key_type_values};
constexpr ShapeMember key_schema_element_members[] = {
    {.name = "AttributeName", .shape = &key_schema_attribute_name, .required = true},
    {.name = "KeyType", .shape = &key_type, .required = true},
};
constexpr Shape key_schema_element{
    .name = "KeySchemaElement", .kind = ShapeKind::structure, .members = key_schema_element_members};
constexpr Shape key_schema{.name = "KeySchema", .kind = ShapeKind::list, .element = &key_schema_element, .least = 1};
constexpr Shape index_name{
    .name = "IndexName", .kind = ShapeKind::text, .least = 3, .most = 255, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr std::string_view projection_type_values[] = {"ALL", "INCLUDE", "KEYS_ONLY"};
constexpr Shape projection_type{.name = "ProjectionType", .kind = ShapeKind::text, .values = projection_type_values};
constexpr Shape non_key_attribute_name{.name = "NonKeyAttributeName", .kind = ShapeKind::text, .least = 1, .most = 255};
constexpr Shape non_key_attribute_name_list{.name = "NonKeyAttributeNameList",
                                            .kind = ShapeKind::list,
                                            .element = &non_key_attribute_name,
                                            .least = 1,
                                            .most = 20};
constexpr ShapeMember projection_members[] = {
    {.name = "ProjectionType", .shape = &projection_type},
    {.name = "NonKeyAttributes", .shape = &non_key_attribute_name_list},
};
constexpr Shape projection{.name = "Projection", .kind = ShapeKind::structure, .members = projection_members};
constexpr ShapeMember local_secondary_index_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "KeySchema", .shape = &key_schema, .required = true},
    {.name = "Projection", .shape = &projection, .required = true},
};
constexpr Shape local_secondary_index{
    .name = "LocalSecondaryIndex", .kind = ShapeKind::structure, .members = local_secondary_index_members};
constexpr Shape local_secondary_index_list{
    .name = "LocalSecondaryIndexList", .kind = ShapeKind::list, .element = &local_secondary_index};
constexpr Shape positive_long_object{.name = "PositiveLongObject", .kind = ShapeKind::long_integer, .least = 1};
constexpr ShapeMember provisioned_throughput_members[] = {
    {.name = "ReadCapacityUnits", .shape = &positive_long_object, .required = true},
    {.name = "WriteCapacityUnits", .shape = &positive_long_object, .required = true},
};
constexpr Shape provisioned_throughput{
    .name = "ProvisionedThroughput", .kind = ShapeKind::structure, .members = provisioned_throughput_members};
constexpr Shape long_object{.name = "LongObject", .kind = ShapeKind::long_integer};
constexpr ShapeMember on_demand_throughput_members[] = {
    {.name = "MaxReadRequestUnits", .shape = &long_object},
    {.name = "MaxWriteRequestUnits", .shape = &long_object},
};
constexpr Shape on_demand_throughput{
    .name = "OnDemandThroughput", .kind = ShapeKind::structure, .members = on_demand_throughput_members};
constexpr ShapeMember warm_throughput_members[] = {
    {.name = "ReadUnitsPerSecond", .shape = &long_object},
    {.name = "WriteUnitsPerSecond", .shape = &long_object},
};
constexpr Shape warm_throughput{
    .name = "WarmThroughput", .kind = ShapeKind::structure, .members = warm_throughput_members};
constexpr ShapeMember global_secondary_index_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "KeySchema", .shape = &key_schema, .required = true},
    {.name = "Projection", .shape = &projection, .required = true},
    {.name = "ProvisionedThroughput", .shape = &provisioned_throughput},
    {.name = "OnDemandThroughput", .shape = &on_demand_throughput},
    {.name = "WarmThroughput", .shape = &warm_throughput},
};
constexpr Shape global_secondary_index{
    .name = "GlobalSecondaryIndex", .kind = ShapeKind::structure, .members = global_secondary_index_members};
constexpr Shape global_secondary_index_list{
    .name = "GlobalSecondaryIndexList", .kind = ShapeKind::list, .element = &global_secondary_index};
constexpr std::string_view billing_mode_values[] = {"PROVISIONED", "PAY_PER_REQUEST"};
constexpr Shape billing_mode{.name = "BillingMode", .kind = ShapeKind::text, .values = billing_mode_values};
constexpr Shape stream_enabled{.name = "StreamEnabled", .kind = ShapeKind::boolean};
constexpr std::string_view stream_view_type_values[] = {"NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"};
constexpr Shape stream_view_type{.name = "StreamViewType", .kind = ShapeKind::text, .values = stream_view_type_values};
constexpr ShapeMember stream_specification_members[] = {
    {.name = "StreamEnabled", .shape = &stream_enabled, .required = true},
    {.name = "StreamViewType", .shape = &stream_view_type},
};
constexpr Shape stream_specification{
    .name = "StreamSpecification", .kind = ShapeKind::structure, .members = stream_specification_members};
constexpr Shape sse_enabled{.name = "SSEEnabled", .kind = ShapeKind::boolean};
constexpr std::string_view sse_type_values[] = {"AES256", "KMS"};
constexpr Shape sse_type{.name = "SSEType", .kind = ShapeKind::text, .values = sse_type_values};
constexpr Shape kms_master_key_id{.name = "KMSMasterKeyId", .kind = ShapeKind::text};
constexpr ShapeMember sse_specification_members[] = {
    {.name = "Enabled", .shape = &sse_enabled},
    {.name = "SSEType", .shape = &sse_type},
    {.name = "KMSMasterKeyId", .shape = &kms_master_key_id},
};
constexpr Shape sse_specification{
    .name = "SSESpecification", .kind = ShapeKind::structure, .members = sse_specification_members};
constexpr Shape tag_key_string{.name = "TagKeyString", .kind = ShapeKind::text, .least = 1, .most = 128};
constexpr Shape tag_value_string{.name = "TagValueString", .kind = ShapeKind::text, .least = 0, .most = 256};
constexpr ShapeMember tag_members[] = {
    {.name = "Key", .shape = &tag_key_string, .required = true},
    {.name = "Value", .shape = &tag_value_string, .required = true},
};
constexpr Shape tag{.name = "Tag", .kind = ShapeKind::structure, .members = tag_members};
constexpr Shape tag_list{.name = "TagList", .kind = ShapeKind::list, .element = &tag};
constexpr std::string_view table_class_values[] = {"STANDARD", "STANDARD_INFREQUENT_ACCESS"};
constexpr Shape table_class{.name = "TableClass", .kind = ShapeKind::text, .values = table_class_values};
constexpr Shape deletion_protection_enabled{.name = "DeletionProtectionEnabled", .kind = ShapeKind::boolean};
constexpr Shape resource_policy{.name = "ResourcePolicy", .kind = ShapeKind::text};
constexpr std::string_view global_table_settings_replication_mode_values[] = {"ENABLED", "DISABLED",
                                                                              "ENABLED_WITH_OVERRIDES"};
constexpr Shape global_table_settings_replication_mode{.name = "GlobalTableSettingsReplicationMode",
                                                       .kind = ShapeKind::text,
                                                       .values = global_table_settings_replication_mode_values};
constexpr Shape vector_attribute_name{.name = "VectorAttributeName", .kind = ShapeKind::text, .least = 1, .most = 255};
constexpr ShapeMember vector_attribute_definition_members[] = {
    {.name = "AttributeName", .shape = &vector_attribute_name, .required = true},
};
constexpr Shape vector_attribute_definition{
    .name = "VectorAttributeDefinition", .kind = ShapeKind::structure, .members = vector_attribute_definition_members};
constexpr Shape attribute_name{.name = "AttributeName", .kind = ShapeKind::text, .most = 65535};
constexpr std::string_view search_schema_element_type_values[] = {"HASH", "INLINE_FILTER"};
constexpr Shape search_schema_element_type{
    .name = "SearchSchemaElementType", .kind = ShapeKind::text, .values = search_schema_element_type_values};
constexpr ShapeMember search_schema_element_members[] = {
    {.name = "AttributeName", .shape = &attribute_name, .required = true},
    {.name = "SearchSchemaElementType", .shape = &search_schema_element_type, .required = true},
};
constexpr Shape search_schema_element{
    .name = "SearchSchemaElement", .kind = ShapeKind::structure, .members = search_schema_element_members};
constexpr Shape search_schema{
    .name = "SearchSchema", .kind = ShapeKind::list, .element = &search_schema_element, .least = 1};
constexpr std::string_view vector_distance_function_values[] = {"COSINE", "DOT_PRODUCT", "EUCLIDEAN"};
constexpr Shape vector_distance_function{
    .name = "VectorDistanceFunction", .kind = ShapeKind::text, .values = vector_distance_function_values};
constexpr ShapeMember vector_index_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "VectorAttribute", .shape = &vector_attribute_definition, .required = true},
    {.name = "SearchSchema", .shape = &search_schema},
    {.name = "Projection", .shape = &projection, .required = true},
    {.name = "Dimensions", .shape = &positive_long_object, .required = true},
    {.name = "DistanceFunction", .shape = &vector_distance_function, .required = true},
};
constexpr Shape vector_index{.name = "VectorIndex", .kind = ShapeKind::structure, .members = vector_index_members};
constexpr Shape vector_index_list{.name = "VectorIndexList", .kind = ShapeKind::list, .element = &vector_index};
constexpr ShapeMember create_table_input_members[] = {
    {.name = "AttributeDefinitions", .shape = &attribute_definitions},
    {.name = "TableName", .shape = &table_arn, .required = true},
    {.name = "KeySchema", .shape = &key_schema},
    {.name = "LocalSecondaryIndexes", .shape = &local_secondary_index_list},
    {.name = "GlobalSecondaryIndexes", .shape = &global_secondary_index_list},
    {.name = "BillingMode", .shape = &billing_mode},
    {.name = "ProvisionedThroughput", .shape = &provisioned_throughput},
    {.name = "StreamSpecification", .shape = &stream_specification},
    {.name = "SSESpecification", .shape = &sse_specification},
    {.name = "Tags", .shape = &tag_list},
    {.name = "TableClass", .shape = &table_class},
    {.name = "DeletionProtectionEnabled", .shape = &deletion_protection_enabled},
    {.name = "WarmThroughput", .shape = &warm_throughput},
    {.name = "ResourcePolicy", .shape = &resource_policy},
    {.name = "OnDemandThroughput", .shape = &on_demand_throughput},
    {.name = "GlobalTableSourceArn", .shape = &table_arn},
    {.name = "GlobalTableSettingsReplicationMode", .shape = &global_table_settings_replication_mode},
    {.name = "VectorIndexes", .shape = &vector_index_list},
};
constexpr Shape create_table_input{
    .name = "CreateTableInput", .kind = ShapeKind::structure, .members = create_table_input_members};
constexpr ShapeMember delete_table_input_members[] = {
    {.name = "TableName", .shape = &table_arn, .required = true},
};
constexpr Shape delete_table_input{
    .name = "DeleteTableInput", .kind = ShapeKind::structure, .members = delete_table_input_members};
constexpr ShapeMember describe_continuous_backups_input_members[] = {
    {.name = "TableName", .shape = &table_arn, .required = true},
};
constexpr Shape describe_continuous_backups_input{.name = "DescribeContinuousBackupsInput",
                                                  .kind = ShapeKind::structure,
                                                  .members = describe_continuous_backups_input_members};
constexpr ShapeMember describe_table_input_members[] = {
    {.name = "TableName", .shape = &table_arn, .required = true},
};
constexpr Shape describe_table_input{
    .name = "DescribeTableInput", .kind = ShapeKind::structure, .members = describe_table_input_members};
constexpr ShapeMember describe_time_to_live_input_members[] = {
    {.name = "TableName", .shape = &table_arn, .required = true},
};
constexpr Shape describe_time_to_live_input{
    .name = "DescribeTimeToLiveInput", .kind = ShapeKind::structure, .members = describe_time_to_live_input_members};
constexpr Shape table_name{
    .name = "TableName", .kind = ShapeKind::text, .least = 3, .most = 255, .pattern = R"re([a-zA-Z0-9_.-]+)re"};
constexpr Shape list_tables_input_limit{
    .name = "ListTablesInputLimit", .kind = ShapeKind::integer, .least = 1, .most = 100};
constexpr ShapeMember list_tables_input_members[] = {
    {.name = "ExclusiveStartTableName", .shape = &table_name},
    {.name = "Limit", .shape = &list_tables_input_limit},
};
constexpr Shape list_tables_input{
    .name = "ListTablesInput", .kind = ShapeKind::structure, .members = list_tables_input_members};
constexpr Shape resource_arn_string{.name = "ResourceArnString", .kind = ShapeKind::text, .least = 1, .most = 1283};
constexpr Shape next_token_string{.name = "NextTokenString", .kind = ShapeKind::text};
constexpr ShapeMember list_tags_of_resource_input_members[] = {
    {.name = "ResourceArn", .shape = &resource_arn_string, .required = true},
    {.name = "NextToken", .shape = &next_token_string},
};
constexpr Shape list_tags_of_resource_input{
    .name = "ListTagsOfResourceInput", .kind = ShapeKind::structure, .members = list_tags_of_resource_input_members};
constexpr ShapeMember tag_resource_input_members[] = {
    {.name = "ResourceArn", .shape = &resource_arn_string, .required = true},
    {.name = "Tags", .shape = &tag_list, .required = true},
};
constexpr Shape tag_resource_input{
    .name = "TagResourceInput", .kind = ShapeKind::structure, .members = tag_resource_input_members};
constexpr Shape tag_key_list{.name = "TagKeyList", .kind = ShapeKind::list, .element = &tag_key_string};
constexpr ShapeMember untag_resource_input_members[] = {
    {.name = "ResourceArn", .shape = &resource_arn_string, .required = true},
    {.name = "TagKeys", .shape = &tag_key_list, .required = true},
};
constexpr Shape untag_resource_input{
    .name = "UntagResourceInput", .kind = ShapeKind::structure, .members = untag_resource_input_members};
constexpr ShapeMember update_global_secondary_index_action_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "ProvisionedThroughput", .shape = &provisioned_throughput},
    {.name = "OnDemandThroughput", .shape = &on_demand_throughput},
    {.name = "WarmThroughput", .shape = &warm_throughput},
};
constexpr Shape update_global_secondary_index_action{.name = "UpdateGlobalSecondaryIndexAction",
                                                     .kind = ShapeKind::structure,
                                                     .members = update_global_secondary_index_action_members};
constexpr ShapeMember create_global_secondary_index_action_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "KeySchema", .shape = &key_schema, .required = true},
    {.name = "Projection", .shape = &projection, .required = true},
    {.name = "ProvisionedThroughput", .shape = &provisioned_throughput},
    {.name = "OnDemandThroughput", .shape = &on_demand_throughput},
    {.name = "WarmThroughput", .shape = &warm_throughput},
};
constexpr Shape create_global_secondary_index_action{.name = "CreateGlobalSecondaryIndexAction",
                                                     .kind = ShapeKind::structure,
                                                     .members = create_global_secondary_index_action_members};
constexpr ShapeMember delete_global_secondary_index_action_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
};
constexpr Shape delete_global_secondary_index_action{.name = "DeleteGlobalSecondaryIndexAction",
                                                     .kind = ShapeKind::structure,
                                                     .members = delete_global_secondary_index_action_members};
constexpr ShapeMember global_secondary_index_update_members[] = {
    {.name = "Update", .shape = &update_global_secondary_index_action},
    {.name = "Create", .shape = &create_global_secondary_index_action},
    {.name = "Delete", .shape = &delete_global_secondary_index_action},
};
constexpr Shape global_secondary_index_update{.name = "GlobalSecondaryIndexUpdate",
                                              .kind = ShapeKind::structure,
                                              .members = global_secondary_index_update_members};
constexpr Shape global_secondary_index_update_list{
    .name = "GlobalSecondaryIndexUpdateList", .kind = ShapeKind::list, .element = &global_secondary_index_update};
constexpr Shape region_name{.name = "RegionName", .kind = ShapeKind::text};
constexpr ShapeMember provisioned_throughput_override_members[] = {
    {.name = "ReadCapacityUnits", .shape = &positive_long_object},
};
constexpr Shape provisioned_throughput_override{.name = "ProvisionedThroughputOverride",
                                                .kind = ShapeKind::structure,
                                                .members = provisioned_throughput_override_members};
constexpr ShapeMember on_demand_throughput_override_members[] = {
    {.name = "MaxReadRequestUnits", .shape = &long_object},
};
constexpr Shape on_demand_throughput_override{.name = "OnDemandThroughputOverride",
                                              .kind = ShapeKind::structure,
                                              .members = on_demand_throughput_override_members};
constexpr ShapeMember replica_global_secondary_index_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "ProvisionedThroughputOverride", .shape = &provisioned_throughput_override},
    {.name = "OnDemandThroughputOverride", .shape = &on_demand_throughput_override},
};
constexpr Shape replica_global_secondary_index{.name = "ReplicaGlobalSecondaryIndex",
                                               .kind = ShapeKind::structure,
                                               .members = replica_global_secondary_index_members};
constexpr Shape replica_global_secondary_index_list{.name = "ReplicaGlobalSecondaryIndexList",
                                                    .kind = ShapeKind::list,
                                                    .element = &replica_global_secondary_index,
                                                    .least = 1};
constexpr ShapeMember create_replication_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
    {.name = "KMSMasterKeyId", .shape = &kms_master_key_id},
    {.name = "ProvisionedThroughputOverride", .shape = &provisioned_throughput_override},
    {.name = "OnDemandThroughputOverride", .shape = &on_demand_throughput_override},
    {.name = "GlobalSecondaryIndexes", .shape = &replica_global_secondary_index_list},
    {.name = "TableClassOverride", .shape = &table_class},
};
constexpr Shape create_replication_group_member_action{.name = "CreateReplicationGroupMemberAction",
                                                       .kind = ShapeKind::structure,
                                                       .members = create_replication_group_member_action_members};
constexpr ShapeMember update_replication_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
    {.name = "KMSMasterKeyId", .shape = &kms_master_key_id},
    {.name = "ProvisionedThroughputOverride", .shape = &provisioned_throughput_override},
    {.name = "OnDemandThroughputOverride", .shape = &on_demand_throughput_override},
    {.name = "GlobalSecondaryIndexes", .shape = &replica_global_secondary_index_list},
    {.name = "TableClassOverride", .shape = &table_class},
};
constexpr Shape update_replication_group_member_action{.name = "UpdateReplicationGroupMemberAction",
                                                       .kind = ShapeKind::structure,
                                                       .members = update_replication_group_member_action_members};
constexpr ShapeMember delete_replication_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
};
constexpr Shape delete_replication_group_member_action{.name = "DeleteReplicationGroupMemberAction",
                                                       .kind = ShapeKind::structure,
                                                       .members = delete_replication_group_member_action_members};
constexpr std::string_view disassociation_mode_values[] = {"WAIT_FOR_REPLICATION"};
constexpr Shape disassociation_mode{
    .name = "DisassociationMode", .kind = ShapeKind::text, .values = disassociation_mode_values};
constexpr ShapeMember disassociate_replication_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
    {.name = "DisassociationMode", .shape = &disassociation_mode, .required = true},
};
constexpr Shape disassociate_replication_group_member_action{
    .name = "DisassociateReplicationGroupMemberAction",
    .kind = ShapeKind::structure,
    .members = disassociate_replication_group_member_action_members};
constexpr ShapeMember replication_group_update_members[] = {
    {.name = "Create", .shape = &create_replication_group_member_action},
    {.name = "Update", .shape = &update_replication_group_member_action},
    {.name = "Delete", .shape = &delete_replication_group_member_action},
    {.name = "Disassociate", .shape = &disassociate_replication_group_member_action},
};
constexpr Shape replication_group_update{
    .name = "ReplicationGroupUpdate", .kind = ShapeKind::structure, .members = replication_group_update_members};
constexpr Shape replication_group_update_list{
    .name = "ReplicationGroupUpdateList", .kind = ShapeKind::list, .element = &replication_group_update, .least = 1};
constexpr std::string_view multi_region_consistency_values[] = {"EVENTUAL", "STRONG"};
constexpr Shape multi_region_consistency{
    .name = "MultiRegionConsistency", .kind = ShapeKind::text, .values = multi_region_consistency_values};
constexpr ShapeMember create_global_table_witness_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
};
constexpr Shape create_global_table_witness_group_member_action{
    .name = "CreateGlobalTableWitnessGroupMemberAction",
    .kind = ShapeKind::structure,
    .members = create_global_table_witness_group_member_action_members};
constexpr ShapeMember delete_global_table_witness_group_member_action_members[] = {
    {.name = "RegionName", .shape = &region_name, .required = true},
};
constexpr Shape delete_global_table_witness_group_member_action{
    .name = "DeleteGlobalTableWitnessGroupMemberAction",
    .kind = ShapeKind::structure,
    .members = delete_global_table_witness_group_member_action_members};
constexpr ShapeMember global_table_witness_group_update_members[] = {
    {.name = "Create", .shape = &create_global_table_witness_group_member_action},
    {.name = "Delete", .shape = &delete_global_table_witness_group_member_action},
};
constexpr Shape global_table_witness_group_update{.name = "GlobalTableWitnessGroupUpdate",
                                                  .kind = ShapeKind::structure,
                                                  .members = global_table_witness_group_update_members};
constexpr Shape global_table_witness_group_update_list{.name = "GlobalTableWitnessGroupUpdateList",
                                                       .kind = ShapeKind::list,
                                                       .element = &global_table_witness_group_update,
                                                       .least = 1,
                                                       .most = 1};
constexpr Shape disassociation_protection_enabled{.name = "DisassociationProtectionEnabled",
                                                  .kind = ShapeKind::boolean};
constexpr ShapeMember create_vector_index_action_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
    {.name = "VectorAttribute", .shape = &vector_attribute_definition, .required = true},
    {.name = "SearchSchema", .shape = &search_schema},
    {.name = "Projection", .shape = &projection, .required = true},
    {.name = "Dimensions", .shape = &positive_long_object, .required = true},
    {.name = "DistanceFunction", .shape = &vector_distance_function, .required = true},
};
constexpr Shape create_vector_index_action{
    .name = "CreateVectorIndexAction", .kind = ShapeKind::structure, .members = create_vector_index_action_members};
constexpr ShapeMember delete_vector_index_action_members[] = {
    {.name = "IndexName", .shape = &index_name, .required = true},
};
constexpr Shape delete_vector_index_action{
    .name = "DeleteVectorIndexAction", .kind = ShapeKind::structure, .members = delete_vector_index_action_members};
constexpr ShapeMember vector_index_update_members[] = {
    {.name = "Create", .shape = &create_vector_index_action},
    {.name = "Delete", .shape = &delete_vector_index_action},
};
constexpr Shape vector_index_update{
    .name = "VectorIndexUpdate", .kind = ShapeKind::structure, .members = vector_index_update_members};
constexpr Shape vector_index_update_list{
    .name = "VectorIndexUpdateList", .kind = ShapeKind::list, .element = &vector_index_update};
constexpr ShapeMember update_table_input_members[] = {
    {.name = "AttributeDefinitions", .shape = &attribute_definitions},
    {.name = "TableName", .shape = &table_arn, .required = true},
    {.name = "BillingMode", .shape = &billing_mode},
    {.name = "ProvisionedThroughput", .shape = &provisioned_throughput},
    {.name = "GlobalSecondaryIndexUpdates", .shape = &global_secondary_index_update_list},
    {.name = "StreamSpecification", .shape = &stream_specification},
    {.name = "SSESpecification", .shape = &sse_specification},
    {.name = "ReplicaUpdates", .shape = &replication_group_update_list},
    {.name = "TableClass", .shape = &table_class},
    {.name = "DeletionProtectionEnabled", .shape = &deletion_protection_enabled},
    {.name = "MultiRegionConsistency", .shape = &multi_region_consistency},
    {.name = "GlobalTableWitnessUpdates", .shape = &global_table_witness_group_update_list},
    {.name = "OnDemandThroughput", .shape = &on_demand_throughput},
    {.name = "WarmThroughput", .shape = &warm_throughput},
    {.name = "GlobalTableSettingsReplicationMode", .shape = &global_table_settings_replication_mode},
    {.name = "DisassociationProtectionEnabled", .shape = &disassociation_protection_enabled},
    {.name = "VectorIndexUpdates", .shape = &vector_index_update_list},
};
constexpr Shape update_table_input{
    .name = "UpdateTableInput", .kind = ShapeKind::structure, .members = update_table_input_members};
constexpr Shape time_to_live_enabled{.name = "TimeToLiveEnabled", .kind = ShapeKind::boolean};
constexpr Shape time_to_live_attribute_name{
    .name = "TimeToLiveAttributeName", .kind = ShapeKind::text, .least = 1, .most = 255};
constexpr ShapeMember time_to_live_specification_members[] = {
    {.name = "Enabled", .shape = &time_to_live_enabled, .required = true},
    {.name = "AttributeName", .shape = &time_to_live_attribute_name, .required = true},
};
constexpr Shape time_to_live_specification{
    .name = "TimeToLiveSpecification", .kind = ShapeKind::structure, .members = time_to_live_specification_members};
constexpr ShapeMember update_time_to_live_input_members[] = {
    {.name = "TableName", .shape = &table_arn, .required = true},
    {.name = "TimeToLiveSpecification", .shape = &time_to_live_specification, .required = true},
};
constexpr Shape update_time_to_live_input{
    .name = "UpdateTimeToLiveInput", .kind = ShapeKind::structure, .members = update_time_to_live_input_members};

constexpr ShapeMember inputs[] = {
    {.name = "CreateTable", .shape = &create_table_input},
    {.name = "DeleteTable", .shape = &delete_table_input},
    {.name = "DescribeContinuousBackups", .shape = &describe_continuous_backups_input},
    {.name = "DescribeTable", .shape = &describe_table_input},
    {.name = "DescribeTimeToLive", .shape = &describe_time_to_live_input},
    {.name = "ListTables", .shape = &list_tables_input},
    {.name = "ListTagsOfResource", .shape = &list_tags_of_resource_input},
    {.name = "TagResource", .shape = &tag_resource_input},
    {.name = "UntagResource", .shape = &untag_resource_input},
    {.name = "UpdateTable", .shape = &update_table_input},
    {.name = "UpdateTimeToLive", .shape = &update_time_to_live_input},
};

}  // namespace

const Shape& dynamodb_input(std::string_view operation) {
  for (const ShapeMember& each : inputs) {
    if (each.name == operation) return *each.shape;
  }
  CHECK(false, "scripts/describe_operations does not describe {}", operation);
}

}  // namespace millrace::api
