#include "api/dynamodb_streams.h"

#include <algorithm>
#include <array>

#include "api/dynamodb_request.h"
#include "api/dynamodb_streams_model.h"
#include "api/shard_iterator.h"
#include "aws/arn.h"
#include "base/bytes.h"
#include "base/json_string.h"
#include "log/log.h"

namespace millrace::api {
namespace {

using table::TableDefinition;
using table::TablePtr;

// Tells a table from an earlier or later one of the same name.
uint64_t identity_of(const TableDefinition& table) {
  std::string seed;
  base::put_fixed(seed, table.keyspace.value);
  base::put_fixed(seed, table.created.value);
  if (table.feed_begin.value > 0) base::put_fixed(seed, table.feed_begin.value);  // one that was enabled later
  return base::hash64(seed);
}

// At least 28 characters, as AWS's are.
std::string shard_id_of(const TableDefinition& table) {
  return fmt::format("shardId-{:020}-{:08x}", table.created.value, table.keyspace.value);
}

void append_event_id(std::string& out, const TableDefinition& table, SequenceNumber sequence) {
  const uint64_t identity = identity_of(table);
  fmt::format_to(std::back_inserter(out), "{:016x}{:016x}", identity, base::hash64("event", identity ^ sequence.value));
}

struct FeedName {
  std::string_view region;
  std::string_view account_id;
  std::string_view table;
  std::string_view label;
};
// arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL
std::optional<FeedName> parse_feed_arn(std::string_view text) {
  constexpr std::string_view table_part = "table/";
  constexpr std::string_view stream_part = "/stream/";
  const auto arn = aws::parse_arn(text);
  if (!arn || !arn->partition.starts_with("aws") || arn->service != "dynamodb" ||
      !arn->resource.starts_with(table_part)) {
    return std::nullopt;
  }
  const std::string_view name = arn->resource.substr(table_part.size());
  const size_t stream = name.find(stream_part);
  if (stream == std::string_view::npos) return std::nullopt;
  return FeedName{arn->region, arn->account_id, name.substr(0, stream), name.substr(stream + stream_part.size())};
}

std::unexpected<Error> invalid_arn(std::string_view arn) {
  return fail(ErrorKind::invalid_argument, "Invalid StreamArn: {}", arn);
}

std::unexpected<Error> no_such_stream(std::string_view arn) {
  return fail(ErrorKind::not_found, "Requested resource not found: Stream: {} not found", arn);
}

std::unexpected<Error> no_such_shard() {
  return fail(ErrorKind::not_found, "Requested resource not found: Shard does not exist");
}

}  // namespace

struct DynamoDbStreams::State {
  State(table::Tables& tables, DynamoDbStreamsOptions given)
      : tables(tables),
        options(std::move(given)),
        clock(options.clock == nullptr ? base::system_clock() : *options.clock),
        calls(tables) {}

  using Reply = Result<DynamoDbReply>;

  Reply list_streams(const Call& call);
  Reply describe_stream(const Call& call);
  Reply get_shard_iterator(const Call& call);
  Reply get_records(const Call& call);

  // The table whose feed the ARN names, if it still shows one.
  Result<TablePtr> table_of(const Call& call, std::string_view arn) const;
  // The changes that the feed shows.
  Result<log::ShardRange> range_of(const TableDefinition& table) const {
    TRY_ASSIGN(log::ShardRange range, tables.journal().range(table.keyspace));
    range.oldest = std::max(range.oldest, table.feed_begin);
    return range;
  }
  Result<SequenceNumber> position(const Call& call, const TableDefinition& table) const;

  table::Tables& tables;
  DynamoDbStreamsOptions options;
  base::Clock& clock;
  JsonCalls calls;
  uint64_t records_out = 0;
};

Result<TablePtr> DynamoDbStreams::State::table_of(const Call& call, std::string_view arn) const {
  const auto name = parse_feed_arn(arn);
  if (!name) return invalid_arn(arn);
  if (name->region != call.region || name->account_id != options.account_id) return no_such_stream(arn);
  auto found = tables.find(name->table);
  if (!found || !(*found)->change_feed || (*found)->feed_label != name->label) return no_such_stream(arn);
  return found;
}

DynamoDbStreams::State::Reply DynamoDbStreams::State::list_streams(const Call& call) {
  const auto table_name = call.input.text("TableName");
  const auto start = call.input.text("ExclusiveStartStreamArn");
  const auto limit = call.input.integer("Limit");
  TRY(check_between("limit", limit, 1, streams_per_list_max));
  std::string_view after;  // tables come by name, which is not the order of their ARNs
  if (start) {
    const auto name = parse_feed_arn(*start);
    if (!name) return invalid_arn(*start);
    after = name->table;
  }
  const auto count_max = static_cast<size_t>(limit.value_or(streams_per_list_max));
  DynamoDbReply reply;
  reply.body = "{\"Streams\":[";
  size_t count = 0;
  std::string last;
  for (const TablePtr& table : tables.list()) {
    if (!table->change_feed || (table_name && *table_name != table->name)) continue;
    if (table->name <= after) continue;
    std::string arn = feed_arn(call.region, options.account_id, *table);
    if (count == count_max) {
      fmt::format_to(std::back_inserter(reply.body), "],\"LastEvaluatedStreamArn\":\"{}\"}}", last);
      return reply;
    }
    fmt::format_to(std::back_inserter(reply.body),
                   "{}{{\"StreamArn\":\"{}\",\"TableName\":\"{}\",\"StreamLabel\":\"{}\"}}", count++ > 0 ? "," : "",
                   arn, table->name, table->feed_label);
    last = std::move(arn);
  }
  reply.body += "]}";
  return reply;
}

DynamoDbStreams::State::Reply DynamoDbStreams::State::describe_stream(const Call& call) {
  const auto arn = call.input.text("StreamArn");
  const auto start = call.input.text("ExclusiveStartShardId");
  TRY(check_between("limit", call.input.integer("Limit"), 1, shards_per_describe_max));
  TRY_ASSIGN(const TablePtr table, table_of(call, *arn));
  const std::string shard_id = shard_id_of(*table);
  const aws::Value* const filter = call.input.find("ShardFilter");
  if (filter != nullptr) {
    const auto parent = filter->text("ShardId");
    if (!filter->has("Type") || !parent) {
      return fail(ErrorKind::invalid_argument,
                  "ShardFilter needs its Type, CHILD_SHARDS, and the ShardId of the parent");
    }
    if (*parent != shard_id) return no_such_shard();
  }
  TRY_ASSIGN(const log::ShardRange range, range_of(*table));

  DynamoDbReply reply;
  std::string& out = reply.body;
  out += "{\"StreamDescription\":{\"StreamArn\":";
  base::append_json_string(out, *arn);  // as the client wrote it
  fmt::format_to(std::back_inserter(out),
                 ",\"StreamLabel\":\"{}\",\"StreamStatus\":\"ENABLED\",\"StreamViewType\":\"{}\","
                 "\"TableName\":\"{}\",\"CreationRequestDateTime\":",
                 table->feed_label, view_type_name(*table->change_feed), table->name);
  append_time(out, table->created);
  out += ',';
  append_key_schema(out, *table);
  out += ",\"Shards\":[";
  // The one shard has no children, and nothing comes after it.
  if (filter == nullptr && (!start || *start < shard_id)) {
    fmt::format_to(std::back_inserter(out),
                   "{{\"ShardId\":\"{}\",\"SequenceNumberRange\":{{\"StartingSequenceNumber\":\"{}\"}}}}", shard_id,
                   table::sequence_format(*table).text(range.oldest));
  }
  out += "]}}";
  return reply;
}

Result<SequenceNumber> DynamoDbStreams::State::position(const Call& call, const TableDefinition& table) const {
  const std::string_view type = *call.input.text("ShardIteratorType");
  const auto sequence_number = call.input.text("SequenceNumber");
  const auto timestamp = call.input.time("Timestamp");
  const bool by_number = type == "AT_SEQUENCE_NUMBER" || type == "AFTER_SEQUENCE_NUMBER";
  if (sequence_number && !by_number) {
    return fail(ErrorKind::invalid_argument, "SequenceNumber must not be specified for ShardIteratorType {}", type);
  }
  if (timestamp && type != "AT_TIMESTAMP") {
    return fail(ErrorKind::invalid_argument, "Timestamp must not be specified for ShardIteratorType {}", type);
  }
  TRY_ASSIGN(const log::ShardRange range, range_of(table));
  if (type == "TRIM_HORIZON") return range.oldest;
  if (type == "LATEST") return range.end;
  if (type == "AT_TIMESTAMP") {
    if (!timestamp) {
      return fail(ErrorKind::invalid_argument, "Timestamp must be specified for ShardIteratorType AT_TIMESTAMP");
    }
    TRY_ASSIGN(const SequenceNumber first, tables.journal().find(table.keyspace, *timestamp));
    return std::max(first, range.oldest);
  }
  if (!sequence_number) {
    return fail(ErrorKind::invalid_argument, "SequenceNumber must be specified for ShardIteratorType {}", type);
  }
  const auto at = table::sequence_format(table).position(*sequence_number);
  if (!at) {
    return fail(ErrorKind::invalid_argument, "Invalid SequenceNumber: {}; it is one that a record of the shard carried",
                *sequence_number);
  }
  // Of an empty shard that is where it begins, as it describes itself: all that comes is behind it.
  if (*at == range.end) return *at;
  if (*at > range.end) {
    return fail(ErrorKind::invalid_argument, "Invalid SequenceNumber: {}; it is not one of this shard's records yet",
                *sequence_number);
  }
  const SequenceNumber next = type == "AT_SEQUENCE_NUMBER" ? *at : at->next();
  if (next < range.oldest) {
    return fail(ErrorKind::trimmed,
                "The operation attempted to read past the oldest stream record in a shard; the oldest is {}",
                table::sequence_format(table).text(range.oldest));
  }
  return next;
}

DynamoDbStreams::State::Reply DynamoDbStreams::State::get_shard_iterator(const Call& call) {
  TRY_ASSIGN(const TablePtr table, table_of(call, *call.input.text("StreamArn")));
  if (*call.input.text("ShardId") != shard_id_of(*table)) return no_such_shard();
  TRY_ASSIGN(const SequenceNumber next, position(call, *table));
  const ShardIterator iterator{table->name, identity_of(*table), table->keyspace, next, clock.now()};
  return DynamoDbReply{.body = fmt::format("{{\"ShardIterator\":\"{}\"}}", iterator.encode())};
}

DynamoDbStreams::State::Reply DynamoDbStreams::State::get_records(const Call& call) {
  const auto limit = call.input.integer("Limit");
  TRY(check_between("limit", limit, 1, records_per_get_max));
  TRY_ASSIGN(const ShardIterator iterator,
             ShardIterator::decode(*call.input.text("ShardIterator"), clock.now(), iterator_life_ms));
  const auto found = tables.find(iterator.stream);
  if (!found || !(*found)->change_feed || identity_of(**found) != iterator.stream_id) {
    return fail(ErrorKind::not_found,
                "Requested resource not found: the table {} that the iterator belongs to has been deleted",
                iterator.stream);
  }
  const TableDefinition& table = **found;
  const auto count_max = static_cast<size_t>(limit.value_or(records_per_get_max));

  DynamoDbReply reply;
  std::string& out = reply.body;
  out = "{\"Records\":[";
  SequenceNumber next = iterator.next;
  size_t count = 0;
  size_t bytes = 0;
  bool full = false;
  Result<void> written;
  while (!full) {
    auto blocks = tables.journal().read(table.keyspace, next, get_bytes_max);
    if (!blocks && blocks.error().kind == ErrorKind::trimmed) {
      return fail(ErrorKind::trimmed, "The operation attempted to read past the oldest stream record in a shard");
    }
    if (!blocks) return std::unexpected(std::move(blocks).error());
    if (blocks->empty()) break;
    for (const log::BlockPtr& block : *blocks) {
      log::for_each_record(*block, next, [&](const log::Record& record) {
        if (full) return;
        const size_t size = record.key.size() + record.data.size();
        if (count == count_max || (count > 0 && bytes + size > get_bytes_max)) {
          full = true;
          return;
        }
        if (count > 0) out += ',';
        out += "{\"eventID\":\"";
        append_event_id(out, table, record.sequence);
        out += "\",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\",\"awsRegion\":";
        base::append_json_string(out, call.region);
        out += ',';
        written = table::put_change_json(out, table, record, *table.change_feed);
        if (!written) {
          full = true;
          return;
        }
        out += '}';
        ++count;
        bytes += size;
        next = record.sequence.next();
      });
      if (full) break;
    }
    if (!written) return std::unexpected(written.error());
    full |= count == count_max;
  }
  records_out += count;
  const ShardIterator following{table.name, iterator.stream_id, table.keyspace, next, clock.now()};
  fmt::format_to(std::back_inserter(out), "],\"NextShardIterator\":\"{}\"}}", following.encode());
  return reply;
}

DynamoDbStreams::DynamoDbStreams(table::Tables& tables, DynamoDbStreamsOptions options)
    : state_(std::make_unique<State>(tables, std::move(options))) {}
DynamoDbStreams::~DynamoDbStreams() = default;

uint64_t DynamoDbStreams::records_out() const {
  return state_->records_out;
}

void DynamoDbStreams::add_to(aws::Service& service) {
  const auto add = [&](std::string name, State::Reply (State::*handler)(const Call&)) {
    const aws::Shape& input = dynamodb_streams_input(name);
    service.add(
        {.protocol = aws::dynamodb_streams_protocol,
         .name = std::move(name),
         .handler = [state = state_.get(), handler](Call& call) { state->calls.finish(call, (state->*handler)(call)); },
         .input = &input});
  };
  add("ListStreams", &State::list_streams);
  add("DescribeStream", &State::describe_stream);
  add("GetShardIterator", &State::get_shard_iterator);
  add("GetRecords", &State::get_records);
}

}  // namespace millrace::api
