// What changes a stream: its shards, how long records stay, its mode.

#include <fmt/format.h>

#include "api/kinesis_request.h"

namespace millrace::api {
namespace {

constexpr size_t resizes_per_day_max = 10;
constexpr int64_t day_ms = int64_t{24} * 3'600'000;
constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t retention_hours_max = stream::Definition::retention_ms_max / hour_ms;
constexpr int64_t retention_hours_min = stream::Definition::retention_ms_min / hour_ms;

}  // namespace

AwsError Kinesis::State::not_active(const stream::Stream& stream) const {
  return {400, "ResourceInUseException",
          fmt::format("Stream {} under account {} not ACTIVE, instead in state {}", stream.name, options.account_id,
                      name(stream.status()))};
}

void Kinesis::State::change(Call& call, const stream::StreamPtr& stream, stream::Streams::Edit edit,
                            std::optional<Writer> body) {
  struct Pending {
    Answer answer;
    std::optional<Writer> body;
  };
  auto pending = std::make_shared<Pending>(Pending{std::move(call.answer), std::move(body)});
  const auto begun = streams.change(stream->name, std::move(edit), [pending](Result<void> changed) {
    if (!changed) return pending->answer.fail(changed.error());
    if (!pending->body) return pending->answer.ok("");
    pending->answer.ok(std::move(*pending->body));
  });
  if (begun) return;
  if (begun.error().kind == ErrorKind::in_use) return pending->answer.fail(not_active(*stream));
  pending->answer.fail(begun.error());
}

void Kinesis::State::split_shard(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::StreamPtr& changed = *found;
  const auto split = shard(*changed, *call.input.text("ShardToSplit"));
  if (!split) return call.answer.fail(split.error());
  const std::string_view text = *call.input.text("NewStartingHashKey");
  const auto key = stream::parse_hash_key(text);
  const stream::ShardSetPtr set = changed->shards();
  const stream::Shard* const parent = set->find(*split);
  // As AWS has it: each of the two takes more than one key.
  if (parent == nullptr) return call.answer.fail(shard(*changed, stream::shard_name(*split)).error());
  if (!key || *key <= parent->first + 1 || *key >= parent->last) {
    return call.answer.fail(
        invalid_argument(
            fmt::format(
                "NewStartingHashKey {} used in SplitShard() on shard {} in stream {} under account {} is not both "
                "greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
                text, stream::shard_name(*split), changed->name, options.account_id, stream::to_decimal(parent->first),
                stream::to_decimal(parent->last)))
            .error());
  }
  change(call, changed, [id = *split, at = *key, this](stream::Definition& definition) {
    return definition.shards.split(id, at, clock.now());
  });
}

void Kinesis::State::merge_shards(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::StreamPtr& changed = *found;
  const auto lower = shard(*changed, *call.input.text("ShardToMerge"));
  if (!lower) return call.answer.fail(lower.error());
  const auto upper = shard(*changed, *call.input.text("AdjacentShardToMerge"));
  if (!upper) return call.answer.fail(upper.error());
  change(call, changed, [lower = *lower, upper = *upper, this](stream::Definition& definition) {
    return definition.shards.merge(lower, upper, clock.now());
  });
}

void Kinesis::State::update_shard_count(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::StreamPtr& changed = *found;
  const int64_t target = *call.input.integer("TargetShardCount");
  const int64_t open = changed->shard_count();
  const auto refuse = [&](std::string_view why) {
    call.answer.fail(
        AwsError{400, "LimitExceededException",
                 fmt::format("{} Current open shard count: {}, Target shard count: {}", why, open, target)});
  };
  if (changed->mode() == stream::StreamMode::on_demand) {
    return call.answer.fail(AwsError{400, "ValidationException",
                                     "UpdateShardCount is for streams in PROVISIONED mode; this one is ON_DEMAND."});
  }
  if (target > 2 * open) {
    return refuse("UpdateShardCount cannot scale up over double your current open shard count.");
  }
  if (2 * target < open) {
    return refuse("UpdateShardCount cannot scale down below half your current open shard count.");
  }
  if (target > static_cast<int64_t>(stream::ShardSet::shards_max)) {
    return refuse("Target shard count or number of open shards cannot be greater than 10000.");
  }
  Writer out(call.coding);
  out.begin();
  out.member("StreamName").text(changed->name);
  out.member("CurrentShardCount").integer(open);
  out.member("TargetShardCount").integer(target);
  out.member("StreamARN").text(stream_arn(call, *changed));
  out.end();
  const auto edit = [target, this](stream::Definition& definition) -> Result<void> {
    const ProcessingTime now = clock.now();
    std::erase_if(definition.resized, [&](ProcessingTime time) { return time.value + day_ms <= now.value; });
    if (definition.resized.size() >= resizes_per_day_max) {
      return fail(ErrorKind::limit_exceeded,
                  "UpdateShardCount was used {} times in the last 24 hours; SplitShard and "
                  "MergeShards have no such limit",
                  definition.resized.size());
    }
    definition.resized.push_back(now);
    return definition.shards.resize(static_cast<uint32_t>(target), now);
  };
  change(call, changed, edit, std::move(out));
}

void Kinesis::State::set_retention(Call& call, bool increase) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::StreamPtr& changed = *found;
  const int64_t hours = *call.input.integer("RetentionPeriodHours");
  const int64_t now = changed->retention_ms() / hour_ms;
  if (hours < retention_hours_min) {
    return call.answer.fail(invalid_argument(fmt::format("Minimum allowed retention period is {} hours. Requested "
                                                         "retention period ({} hours) is too short.",
                                                         retention_hours_min, hours))
                                .error());
  }
  if (hours > retention_hours_max) {
    return call.answer.fail(invalid_argument(fmt::format("Maximum allowed retention period is {} hours. Requested "
                                                         "retention period ({} hours) is too long.",
                                                         retention_hours_max, hours))
                                .error());
  }
  if (increase ? hours < now : hours > now) {
    return call.answer.fail(
        invalid_argument(fmt::format("Requested retention period ({} hours) for stream {} can not be {} than existing "
                                     "retention period ({} hours). Use {}StreamRetentionPeriod.",
                                     hours, changed->name, increase ? "shorter" : "longer", now,
                                     increase ? "Decrease" : "Increase"))
            .error());
  }
  change(call, changed, [hours](stream::Definition& definition) -> Result<void> {
    definition.retention_ms = hours * hour_ms;
    return {};
  });
}

void Kinesis::State::increase_stream_retention_period(Call& call) {
  set_retention(call, true);
}

void Kinesis::State::decrease_stream_retention_period(Call& call) {
  set_retention(call, false);
}

void Kinesis::State::update_stream_mode(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const aws::Value* const details = call.input.find("StreamModeDetails");
  const bool on_demand = details->text("StreamMode") == "ON_DEMAND";
  change(call, *found, [on_demand](stream::Definition& definition) -> Result<void> {
    definition.mode = on_demand ? stream::StreamMode::on_demand : stream::StreamMode::provisioned;
    return {};
  });
}

void Kinesis::State::describe_limits(Call& call) {
  const stream::Streams::Limits limits = streams.limits();
  Writer out(call.coding);
  out.begin();
  out.member("ShardLimit").integer(limits.shards_max);
  out.member("OpenShardCount").integer(static_cast<int64_t>(streams.totals().shards));
  out.member("OnDemandStreamCount").integer(static_cast<int64_t>(limits.on_demand_streams));
  out.member("OnDemandStreamCountLimit").integer(static_cast<int64_t>(limits.streams_max));
  out.end();
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
