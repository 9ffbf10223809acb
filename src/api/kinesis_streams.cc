// The operations on streams as such: create, delete, describe, list.

#include <algorithm>
#include <array>

#include "api/kinesis_request.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/json_string.h"
#include "log/log.h"

namespace millrace::api {
namespace {

constexpr int64_t list_streams_default = 100;
constexpr int64_t describe_shards_default = 100;
constexpr int64_t list_shards_default = 1000;
constexpr int64_t page_max = 10'000;
constexpr int64_t next_token_life_ms = 300'000;

void append_shard(std::string& out, const stream::Stream& stream, ShardId shard) {
  out += "{\"ShardId\":\"";
  stream::append_shard_name(out, shard);
  out += "\",\"HashKeyRange\":{\"StartingHashKey\":\"";
  out += stream::to_decimal(stream.shards.first(shard));
  out += "\",\"EndingHashKey\":\"";
  out += stream::to_decimal(stream.shards.last(shard));
  out += "\"},\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"";
  stream::append_sequence_number(out, SequenceNumber(0));
  out += "\"}}";
}

// Shards from `from` on, at most `count`; where the next page begins, if there is one.
std::optional<uint32_t> append_shards(std::string& out, const stream::Stream& stream, uint32_t from, int64_t count) {
  uint32_t shard = from;
  for (; shard < stream.shard_count() && count > 0; ++shard, --count) {
    if (shard != from) out += ',';
    append_shard(out, stream, ShardId(shard));
  }
  if (shard < stream.shard_count()) return shard;
  return std::nullopt;
}

std::string make_shards_token(const stream::Stream& stream, uint32_t next, ProcessingTime now) {
  // A page of shards goes on like a read: the stream, a place in it and a time.
  return ShardIterator{stream.name, stream.id, ShardId(next), SequenceNumber(0), now}.encode(ShardIterator::Use::list);
}

std::string make_streams_token(std::string_view last) {
  std::string token;
  base::append_base64(token, last);
  return token;
}

void append_common(std::string& out, const stream::Stream& stream, std::string_view arn) {
  out += "\"StreamName\":";
  base::append_json_string(out, stream.name);
  out += ",\"StreamARN\":";
  base::append_json_string(out, arn);
  out += ",\"StreamStatus\":\"";
  out += name(stream.status());
  out += "\",\"StreamModeDetails\":{\"StreamMode\":\"";
  out += name(stream.mode);
  out += "\"},\"StreamCreationTimestamp\":";
  append_seconds(out, stream.created);
}

void append_rest(std::string& out, const stream::Stream& stream) {
  out += fmt::format(
      ",\"RetentionPeriodHours\":{},\"EnhancedMonitoring\":[{{\"ShardLevelMetrics\":[]}}],"
      "\"EncryptionType\":\"NONE\"",
      stream.retention_ms / 3'600'000);
}

// What would be promised and not kept.
std::optional<AwsError> refuse_unsupported(const KinesisArguments& arguments) {
  if (arguments.has_tags) {
    return AwsError{400, "ValidationException", "Tags of streams are not supported; create the stream without them."};
  }
  constexpr int64_t record_kib_max = Kinesis::record_bytes_max >> 10;
  if (arguments.record_kib_max.value_or(record_kib_max) > record_kib_max) {
    return AwsError{400, "ValidationException", fmt::format("MaxRecordSizeInKiB is at most {} here.", record_kib_max)};
  }
  return std::nullopt;
}

}  // namespace

void Kinesis::State::create_stream(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.required(parsed->stream_name.has_value(), "streamName");
  validation.stream_name(parsed->stream_name, "streamName");
  validation.between(parsed->shard_count, 1, INT32_MAX, "shardCount");
  validation.between(parsed->record_kib_max, 1024, 10240, "maxRecordSizeInKiB");
  constexpr std::string_view modes[] = {"PROVISIONED", "ON_DEMAND"};
  validation.one_of(parsed->stream_mode, modes, "streamModeDetails.streamMode");
  if (const auto error = validation.error()) return call.answer.fail(*error);
  const bool on_demand = parsed->stream_mode == "ON_DEMAND";
  if (on_demand && parsed->shard_count) {
    return call.answer.fail(AwsError{400, "ValidationException",
                                     "ShardCount must not be provided when creating a stream in ON_DEMAND mode."});
  }
  if (auto refused = refuse_unsupported(*parsed)) return call.answer.fail(*refused);
  constexpr int64_t on_demand_shards = 4;  // what AWS gives a new one
  const int64_t shard_count = parsed->shard_count.value_or(on_demand ? on_demand_shards : 1);

  auto answer = std::make_shared<Answer>(std::move(call.answer));
  const std::string name = *parsed->stream_name;
  const auto created = streams.create(
      name, static_cast<uint32_t>(shard_count),
      [answer](Result<void> built) {
        if (!built) return answer->fail(built.error());
        answer->ok("");
      },
      on_demand ? stream::StreamMode::on_demand : stream::StreamMode::provisioned);
  if (created) return;
  if (created.error().kind == ErrorKind::already_exists) {
    return answer->fail(AwsError{400, "ResourceInUseException",
                                 fmt::format("Stream {} under account {} already exists.", name, options.account_id)});
  }
  answer->fail(created.error());
}

void Kinesis::State::delete_stream(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  const auto found = stream(*parsed, validation);
  if (!found) return call.answer.fail(found.error());
  auto answer = std::make_shared<Answer>(std::move(call.answer));
  const auto removed = streams.remove((*found)->name, [answer](Result<void> gone) {
    if (!gone) return answer->fail(gone.error());
    answer->ok("");
  });
  if (!removed) answer->fail(removed.error());
}

void Kinesis::State::describe_stream(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.between(parsed->limit, 1, page_max, "limit");
  const auto found = stream(*parsed, validation);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& described = **found;
  uint32_t from = 0;
  if (parsed->exclusive_start_shard_id) {
    const auto after = shard(described, *parsed->exclusive_start_shard_id);
    if (!after) return call.answer.fail(after.error());
    from = after->value + 1;
  }
  std::string out = "{\"StreamDescription\":{";
  append_common(out, described, stream_arn(call, described));
  append_rest(out, described);
  out += ",\"Shards\":[";
  std::optional<uint32_t> more;
  if (described.status() != stream::StreamStatus::creating) {
    more = append_shards(out, described, from, parsed->limit.value_or(describe_shards_default));
  }
  out += more ? "],\"HasMoreShards\":true}}" : "],\"HasMoreShards\":false}}";
  call.answer.ok(std::move(out));
}

void Kinesis::State::describe_stream_summary(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  const auto found = stream(*parsed, validation);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& described = **found;
  std::string out = "{\"StreamDescriptionSummary\":{";
  append_common(out, described, stream_arn(call, described));
  append_rest(out, described);
  out += fmt::format(",\"OpenShardCount\":{},\"ConsumerCount\":0}}}}", described.shard_count());
  call.answer.ok(std::move(out));
}

void Kinesis::State::list_streams(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.between(parsed->limit, 1, page_max, "limit");
  validation.stream_name(parsed->exclusive_start_stream_name, "exclusiveStartStreamName");
  if (const auto error = validation.error()) return call.answer.fail(*error);
  std::string after = parsed->exclusive_start_stream_name.value_or("");
  if (parsed->next_token) {
    auto name = base::base64_decode(*parsed->next_token);
    if (!name) return call.answer.fail(invalid_argument("Invalid NextToken.").error());
    after = std::move(*name);
  }
  const auto limit = static_cast<size_t>(parsed->limit.value_or(list_streams_default));
  auto page = streams.list_after(after, limit + 1);
  const bool more = page.size() > limit;
  if (more) page.pop_back();
  std::string out = "{\"StreamNames\":[";
  for (size_t i = 0; i < page.size(); ++i) {
    if (i > 0) out += ',';
    base::append_json_string(out, page[i]->name);
  }
  out += "],\"StreamSummaries\":[";
  for (size_t i = 0; i < page.size(); ++i) {
    out += i > 0 ? ",{" : "{";
    append_common(out, *page[i], stream_arn(call, *page[i]));
    out += '}';
  }
  out += more ? "],\"HasMoreStreams\":true" : "],\"HasMoreStreams\":false";
  if (more) out += fmt::format(",\"NextToken\":\"{}\"", make_streams_token(page.back()->name));
  out += '}';
  call.answer.ok(std::move(out));
}

void Kinesis::State::list_shards(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.between(parsed->max_results, 1, page_max, "maxResults");
  constexpr std::string_view filters[] = {"AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON",
                                          "AT_LATEST",      "AT_TIMESTAMP",    "FROM_TIMESTAMP"};
  if (parsed->has_filter) validation.required(parsed->filter_type.has_value(), "shardFilter.type");
  validation.one_of(parsed->filter_type, filters, "shardFilter.type");

  Expected<stream::StreamPtr> found = nullptr;
  uint32_t from = 0;
  if (parsed->next_token) {
    if (const auto error = validation.error()) return call.answer.fail(*error);
    if (parsed->stream_name || parsed->exclusive_start_shard_id) {
      return call.answer.fail(
          invalid_argument("NextToken cannot be given together with StreamName or ExclusiveStartShardId.").error());
    }
    const auto token =
        ShardIterator::decode(*parsed->next_token, clock.now(), next_token_life_ms, ShardIterator::Use::list);
    if (!token && token.error().kind == ErrorKind::expired) {
      return call.answer.fail(AwsError{400, "ExpiredNextTokenException", "The NextToken has expired."});
    }
    if (!token) return call.answer.fail(invalid_argument("Invalid NextToken.").error());
    found = stream(token->stream);
    if (found && (*found)->id != token->stream_id) {
      return call.answer.fail(invalid_argument("The NextToken is of an earlier stream of this name.").error());
    }
    from = token->shard.value;
  } else {
    found = stream(*parsed, validation);
  }
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& listed = **found;

  // No shard is ever closed here, so every filter but this one lets all of them through.
  if (parsed->filter_type && parsed->filter_type->ends_with("_TIMESTAMP") && !parsed->filter_timestamp) {
    return call.answer.fail(invalid_argument("The filter " + *parsed->filter_type + " needs a Timestamp.").error());
  }
  const bool after_shard = parsed->filter_type == "AFTER_SHARD_ID";
  if (after_shard && !parsed->filter_shard_id) {
    return call.answer.fail(invalid_argument("The filter AFTER_SHARD_ID needs a ShardId.").error());
  }
  const auto& start = after_shard ? parsed->filter_shard_id : parsed->exclusive_start_shard_id;
  if (start) {
    const auto after = shard(listed, *start);
    if (!after) return call.answer.fail(after.error());
    from = after->value + 1;
  }
  if (listed.status() == stream::StreamStatus::creating) {
    return call.answer.fail(
        AwsError{400, "ResourceInUseException",
                 fmt::format("Stream {} under account {} is CREATING.", listed.name, options.account_id)});
  }
  std::string out = "{\"Shards\":[";
  const auto more = append_shards(out, listed, from, parsed->max_results.value_or(list_shards_default));
  out += ']';
  if (more) out += fmt::format(",\"NextToken\":\"{}\"", make_shards_token(listed, *more, clock.now()));
  out += '}';
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
