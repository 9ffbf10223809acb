// The operations on streams as such: create, delete, describe, list.

#include <fmt/format.h>

#include <functional>

#include "api/kinesis_request.h"
#include "base/base64.h"
#include "log/log.h"

namespace millrace::api {
namespace {

constexpr int64_t list_streams_default = 100;
constexpr int64_t describe_shards_default = 100;
constexpr int64_t list_shards_default = 1000;
constexpr int64_t next_token_life_ms = 300'000;

void write_shard(Writer& out, const stream::Stream& stream, const stream::Shard& shard) {
  const base::SequenceFormat numbers = stream.numbers(shard.id);
  out.begin();
  out.member("ShardId").text(stream::shard_name(shard.id));
  if (shard.parent) out.member("ParentShardId").text(stream::shard_name(*shard.parent));
  if (shard.adjacent_parent) out.member("AdjacentParentShardId").text(stream::shard_name(*shard.adjacent_parent));
  write_hash_key_range(out, shard);
  out.member("SequenceNumberRange").begin();
  out.member("StartingSequenceNumber").text(numbers.text(SequenceNumber(0)));
  if (shard.end) out.member("EndingSequenceNumber").text(numbers.text(*shard.end));
  out.end();
  out.end();
}

using ShardFilter = std::function<Expected<bool>(const stream::Shard&)>;

// Shards from `from` on, at most `count`; where the next page begins, if there is one.
Expected<std::optional<ShardId>> write_shards(Writer& out, const stream::Stream& stream, ShardId from, int64_t count,
                                              const ShardFilter& shown) {
  const stream::ShardSetPtr set = stream.shards();
  for (const stream::Shard& shard : set->all()) {
    if (shard.id < from) continue;
    const auto show = shown(shard);
    if (!show) return std::unexpected(show.error());
    if (!*show) continue;
    if (count-- == 0) return shard.id;
    write_shard(out, stream, shard);
  }
  return std::nullopt;
}

std::string make_shards_token(const stream::Stream& stream, ShardId next, ProcessingTime now) {
  // A page of shards goes on like a read: the stream, a place in it and a time.
  return ShardIterator{stream.name, stream.id, next, SequenceNumber(0), now}.encode(ShardIterator::Use::list);
}

std::string make_streams_token(std::string_view last) {
  std::string token;
  base::append_base64(token, last);
  return token;
}

void write_common(Writer& out, const stream::Stream& stream, std::string_view arn) {
  out.member("StreamName").text(stream.name);
  out.member("StreamARN").text(arn);
  out.member("StreamStatus").text(name(stream.status()));
  out.member("StreamModeDetails").begin();
  out.member("StreamMode").text(name(stream.mode()));
  out.end();
  out.member("StreamCreationTimestamp").time(stream.created);
}

void write_rest(Writer& out, const stream::Stream& stream) {
  out.member("RetentionPeriodHours").integer(stream.retention_ms() / 3'600'000);
  out.member("EnhancedMonitoring").begin_list();
  out.begin();
  out.member("ShardLevelMetrics").begin_list();
  out.end_list();
  out.end();
  out.end_list();
  out.member("EncryptionType").text("NONE");
}

// Which shards a filter lets through.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html
ShardFilter shard_filter(const Call& call, const stream::Stream& stream, std::string_view type, ProcessingTime time) {
  if (type == "AT_LATEST") return [](const stream::Shard& shard) { return !shard.closed; };
  // A time before all that is kept means the oldest that is.
  const bool at_oldest = type == "AT_TRIM_HORIZON" || (type == "AT_TIMESTAMP" && time <= stream.created);
  if (at_oldest) {
    return [set = stream.shards()](const stream::Shard& shard) {
      return (!shard.parent || set->find(*shard.parent) == nullptr) &&
             (!shard.adjacent_parent || set->find(*shard.adjacent_parent) == nullptr);
    };
  }
  if (type != "AT_TIMESTAMP" && type != "FROM_TIMESTAMP") return [](const stream::Shard&) { return true; };
  const bool at = type == "AT_TIMESTAMP";
  return [&call, &stream, at, time](const stream::Shard& shard) -> Expected<bool> {
    const auto open = stream::is_open_at(shard, *stream.log(), time);
    if (!open) return std::unexpected(aws::to_aws_error(call.protocol, open.error()));
    return *open && (!at || shard.created <= time);
  };
}

// What would be promised and not kept.
std::optional<AwsError> refuse_unsupported(const aws::Value& input) {
  if (const aws::Value* const tags = input.find("Tags"); tags != nullptr && !tags->members().empty()) {
    return AwsError{400, "ValidationException", "Tags of streams are not supported; create the stream without them."};
  }
  constexpr int64_t record_kib_max = Kinesis::record_bytes_max >> 10;
  if (input.integer("MaxRecordSizeInKiB").value_or(record_kib_max) > record_kib_max) {
    return AwsError{400, "ValidationException", fmt::format("MaxRecordSizeInKiB is at most {} here.", record_kib_max)};
  }
  return std::nullopt;
}

}  // namespace

void Kinesis::State::create_stream(Call& call) {
  const aws::Value* const mode = call.input.find("StreamModeDetails");
  const bool on_demand = mode != nullptr && mode->text("StreamMode") == "ON_DEMAND";
  const auto shard_count = call.input.integer("ShardCount");
  if (on_demand && shard_count) {
    return call.answer.fail(AwsError{400, "ValidationException",
                                     "ShardCount must not be provided when creating a stream in ON_DEMAND mode."});
  }
  if (auto refused = refuse_unsupported(call.input)) return call.answer.fail(*refused);
  constexpr int64_t on_demand_shards = 4;  // what AWS gives a new one

  auto answer = std::make_shared<Answer>(std::move(call.answer));
  const std::string name(*call.input.text("StreamName"));
  const auto created = streams.create(
      name, static_cast<uint32_t>(shard_count.value_or(on_demand ? on_demand_shards : 1)),
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
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& deleted = **found;
  if (deleted.consumers.size() > 0 && !call.input.boolean("EnforceConsumerDeletion").value_or(false)) {
    return call.answer.fail(
        AwsError{400, "ResourceInUseException",
                 fmt::format("Stream {} under account {} has registered consumers; deregister them, or set "
                             "EnforceConsumerDeletion.",
                             deleted.name, options.account_id)});
  }
  auto answer = std::make_shared<Answer>(std::move(call.answer));
  const auto removed = streams.remove((*found)->name, [answer](Result<void> gone) {
    if (!gone) return answer->fail(gone.error());
    answer->ok("");
  });
  if (!removed) return answer->fail(removed.error());
  subscriptions->end_stream(deleted.id);
}

void Kinesis::State::describe_stream(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& described = **found;
  ShardId from;
  if (const auto start = call.input.text("ExclusiveStartShardId")) {
    const auto after = shard(described, *start);
    if (!after) return call.answer.fail(after.error());
    from = after->next();
  }
  Writer out(call.coding);
  out.begin();
  out.member("StreamDescription").begin();
  write_common(out, described, stream_arn(call, described));
  write_rest(out, described);
  out.member("Shards").begin_list();
  std::optional<ShardId> more;
  if (described.status() != stream::StreamStatus::creating) {
    const int64_t limit = call.input.integer("Limit").value_or(describe_shards_default);
    more = *write_shards(out, described, from, limit, [](const stream::Shard&) { return true; });
  }
  out.end_list();
  out.member("HasMoreShards").boolean(more.has_value());
  out.end();
  out.end();
  call.answer.ok(std::move(out));
}

void Kinesis::State::describe_stream_summary(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& described = **found;
  Writer out(call.coding);
  out.begin();
  out.member("StreamDescriptionSummary").begin();
  write_common(out, described, stream_arn(call, described));
  write_rest(out, described);
  out.member("OpenShardCount").integer(described.shard_count());
  out.member("ConsumerCount").integer(static_cast<int64_t>(described.consumers.size()));
  out.end();
  out.end();
  call.answer.ok(std::move(out));
}

void Kinesis::State::list_streams(Call& call) {
  std::string after(call.input.text("ExclusiveStartStreamName").value_or(""));
  if (const auto token = call.input.text("NextToken")) {
    auto name = base::base64_decode(*token);
    if (!name) return call.answer.fail(invalid_argument("Invalid NextToken.").error());
    after = std::move(*name);
  }
  const auto limit = static_cast<size_t>(call.input.integer("Limit").value_or(list_streams_default));
  auto page = streams.list_after(after, limit + 1);
  const bool more = page.size() > limit;
  if (more) page.pop_back();
  Writer out(call.coding);
  out.begin();
  out.member("StreamNames").begin_list();
  for (const stream::StreamPtr& each : page) out.text(each->name);
  out.end_list();
  out.member("StreamSummaries").begin_list();
  for (const stream::StreamPtr& each : page) {
    out.begin();
    write_common(out, *each, stream_arn(call, *each));
    out.end();
  }
  out.end_list();
  out.member("HasMoreStreams").boolean(more);
  if (more) out.member("NextToken").text(make_streams_token(page.back()->name));
  out.end();
  call.answer.ok(std::move(out));
}

Expected<stream::StreamPtr> Kinesis::State::stream_of_page(const ShardIterator& token) const {
  auto found = stream(token.stream);
  if (found && (*found)->id != token.stream_id) {
    return invalid_argument("The NextToken is of an earlier stream of this name.");
  }
  return found;
}

void Kinesis::State::list_shards(Call& call) {
  const aws::Value& input = call.input;
  Expected<stream::StreamPtr> found = nullptr;
  ShardId from;
  ShardFilter shown = [](const stream::Shard&) { return true; };
  if (const auto token = input.text("NextToken")) {
    if (input.has("StreamName") || input.has("ExclusiveStartShardId")) {
      return call.answer.fail(
          invalid_argument("NextToken cannot be given together with StreamName or ExclusiveStartShardId.").error());
    }
    const auto page = ShardIterator::decode(*token, clock.now(), next_token_life_ms, ShardIterator::Use::list);
    if (!page && page.error().kind == ErrorKind::expired) {
      return call.answer.fail(AwsError{400, "ExpiredNextTokenException", "The NextToken has expired."});
    }
    if (!page) return call.answer.fail(invalid_argument("Invalid NextToken.").error());
    found = stream_of_page(*page);
    from = page->shard;
  } else {
    found = stream(call);
  }
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& listed = **found;

  if (listed.log() == nullptr) {
    return call.answer.fail(
        AwsError{400, "ResourceInUseException",
                 fmt::format("Stream {} under account {} is CREATING.", listed.name, options.account_id)});
  }
  auto start = input.text("ExclusiveStartShardId");
  if (const aws::Value* const filter = input.find("ShardFilter")) {
    const std::string_view type = *filter->text("Type");
    const auto time = filter->time("Timestamp");
    if (type.ends_with("_TIMESTAMP") && !time) {
      return call.answer.fail(invalid_argument(fmt::format("The filter {} needs a Timestamp.", type)).error());
    }
    if (type == "AFTER_SHARD_ID") {
      start = filter->text("ShardId");
      if (!start) return call.answer.fail(invalid_argument("The filter AFTER_SHARD_ID needs a ShardId.").error());
    }
    shown = shard_filter(call, listed, type, time.value_or(ProcessingTime(0)));
  }
  if (start) {
    const auto after = shard(listed, *start);
    if (!after) return call.answer.fail(after.error());
    from = after->next();
  }
  Writer out(call.coding);
  out.begin();
  out.member("Shards").begin_list();
  const auto more = write_shards(out, listed, from, input.integer("MaxResults").value_or(list_shards_default), shown);
  if (!more) return call.answer.fail(more.error());
  out.end_list();
  if (*more) out.member("NextToken").text(make_shards_token(listed, **more, clock.now()));
  out.end();
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
