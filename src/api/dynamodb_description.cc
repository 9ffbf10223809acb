// How a table is described: TableDescription of CreateTable, UpdateTable, DescribeTable and DeleteTable.

#include <algorithm>

#include "api/dynamodb_request.h"
#include "base/bytes.h"
#include "base/json_string.h"

namespace millrace::api {
namespace {

using table::IndexDefinition;
using table::TableDefinition;
using table::Throughput;

// What AWS says of a new table without provisioned throughput.
constexpr int64_t warm_read_units = 12'000;
constexpr int64_t warm_write_units = 4'000;

// Stable and different for each table, whatever its name was used for before.
std::string table_id(const TableDefinition& table) {
  std::string seed = table.name;
  base::put_fixed(seed, table.keyspace.value);
  base::put_fixed(seed, table.created.value);
  const uint64_t high = base::hash64(seed, 1);
  const uint64_t low = base::hash64(seed, 2);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                     0x8000 | (low >> 48 & 0x3fff), low & 0xffff'ffff'ffff);
}

void append_throughput(std::string& out, const Throughput& throughput) {
  fmt::format_to(std::back_inserter(out),
                 "\"ProvisionedThroughput\":{{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":{},"
                 "\"WriteCapacityUnits\":{}}}",
                 throughput.read_units, throughput.write_units);
}

void append_warm_throughput(std::string& out, bool provisioned, const Throughput& throughput) {
  fmt::format_to(std::back_inserter(out),
                 "\"WarmThroughput\":{{\"ReadUnitsPerSecond\":{},\"WriteUnitsPerSecond\":{},\"Status\":\"ACTIVE\"}}",
                 provisioned ? throughput.read_units : warm_read_units,
                 provisioned ? throughput.write_units : warm_write_units);
}

std::string_view projection_name(table::Projection projection) {
  switch (projection) {
    case table::Projection::keys_only:
      return "KEYS_ONLY";
    case table::Projection::include:
      return "INCLUDE";
    case table::Projection::all:
      return "ALL";
  }
  return "";
}

void append_projection(std::string& out, const IndexDefinition& index) {
  fmt::format_to(std::back_inserter(out), "\"Projection\":{{\"ProjectionType\":\"{}\"",
                 projection_name(index.projection));
  if (index.projection == table::Projection::include) {
    out += ",\"NonKeyAttributes\":[";
    for (const std::string& name : index.included) {
      if (out.back() != '[') out += ',';
      base::append_json_string(out, name);
    }
    out += ']';
  }
  out += '}';
}

void append_index(std::string& out, const table::Tables& tables, const TableDefinition& table,
                  const IndexDefinition& index, std::string_view arn) {
  const auto counts = tables.counts(table, index);
  const auto put = std::back_inserter(out);
  fmt::format_to(put, "{{\"IndexName\":\"{}\",", index.name);
  append_key_schema(out, index);
  out += ',';
  append_projection(out, index);
  fmt::format_to(put, ",\"IndexSizeBytes\":{},\"ItemCount\":{},\"IndexArn\":\"{}/index/{}\"", counts.bytes,
                 counts.items, arn, index.name);
  if (index.global) {
    fmt::format_to(put, ",\"IndexStatus\":\"{}\",", index.backfilling ? "CREATING" : "ACTIVE");
    if (index.backfilling) out += "\"Backfilling\":true,";
    append_throughput(out, index.throughput);
    out += ',';
    append_warm_throughput(out, table.provisioned, index.throughput);
  }
  out += '}';
}

void append_indexes(std::string& out, const table::Tables& tables, const TableDefinition& table, bool global,
                    std::string_view arn) {
  bool any = false;
  for (const IndexDefinition& index : table.indexes) {
    if (index.global != global || index.is_hidden()) continue;
    if (!any) fmt::format_to(std::back_inserter(out), ",\"{}SecondaryIndexes\":[", global ? "Global" : "Local");
    if (any) out += ',';
    any = true;
    append_index(out, tables, table, index, arn);
  }
  if (any) out += ']';
}

void append_billing(std::string& out, const TableDefinition& table) {
  if (table.provisioned && table.billing_changed.value == 0) return;
  fmt::format_to(std::back_inserter(out), ",\"BillingModeSummary\":{{\"BillingMode\":\"{}\"",
                 table.provisioned ? "PROVISIONED" : "PAY_PER_REQUEST");
  out += ",\"LastUpdateToPayPerRequestDateTime\":";
  append_time(out, table.billing_changed.value == 0 ? table.created : table.billing_changed);
  out += '}';
}

}  // namespace

void DynamoDb::State::append_description(std::string& out, const Call& call, const TableDefinition& table,
                                         std::string_view status) {
  const std::string arn = table_arn(call.region, options.account_id, table.name);
  const auto put = std::back_inserter(out);
  out += '{';
  append_attribute_definitions(out, table);
  fmt::format_to(put, ",\"TableName\":\"{}\",", table.name);
  append_key_schema(out, table);
  fmt::format_to(put, ",\"TableStatus\":\"{}\",\"CreationDateTime\":", status);
  append_time(out, table.created);
  out += ',';
  append_throughput(out, table.throughput);
  append_billing(out, table);
  out += ',';
  append_warm_throughput(out, table.provisioned, table.throughput);
  const auto counts = tables.counts(table);
  fmt::format_to(put,
                 ",\"TableSizeBytes\":{},\"ItemCount\":{},\"TableArn\":\"{}\",\"TableId\":\"{}\","
                 "\"DeletionProtectionEnabled\":{}",
                 counts.bytes, counts.items, arn, table_id(table), table.deletion_protected);
  append_indexes(out, tables, table, false, arn);
  append_indexes(out, tables, table, true, arn);
  if (table.infrequent_access) out += ",\"TableClassSummary\":{\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"}";
  if (table.change_feed) {
    fmt::format_to(put,
                   ",\"StreamSpecification\":{{\"StreamEnabled\":true,\"StreamViewType\":\"{}\"}},"
                   "\"LatestStreamLabel\":\"{}\",\"LatestStreamArn\":\"{}\"",
                   view_type_name(*table.change_feed), table.feed_label,
                   feed_arn(call.region, options.account_id, table));
  }
  out += '}';
}

// AWS has a table as UPDATING while one of its indexes is made; reads and writes go on.
void DynamoDb::State::append_description(std::string& out, const Call& call, const TableDefinition& table) {
  const bool updates = std::ranges::any_of(
      table.indexes, [](const IndexDefinition& index) { return index.backfilling && !index.is_hidden(); });
  append_description(out, call, table, updates ? "UPDATING" : "ACTIVE");
}

}  // namespace millrace::api
