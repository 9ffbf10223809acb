#include "api/kinesis_request.h"

#include <fmt/format.h>

#include "aws/arn.h"
#include "log/log.h"

namespace millrace::api {

std::unexpected<AwsError> invalid_argument(std::string message) {
  return std::unexpected(AwsError{400, "InvalidArgumentException", std::move(message)});
}

Kinesis::State::State(stream::Streams& streams, KinesisOptions given)
    : streams(streams),
      options(std::move(given)),
      clock(options.clock == nullptr ? base::system_clock() : *options.clock),
      subscriptions(std::make_shared<ShardSubscriptions>(clock)) {}

Expected<stream::StreamPtr> Kinesis::State::stream(const Call& call) const {
  return stream(call, call.input.text("StreamName"), call.input.text("StreamARN"));
}

Expected<stream::StreamPtr> Kinesis::State::stream(const Call& call, std::optional<std::string_view> name,
                                                   std::optional<std::string_view> arn) const {
  if (!name && !arn) return invalid_argument("Either StreamName or StreamARN must be given.");
  if (!arn) return stream(*name);
  constexpr std::string_view kind = "stream/";
  const auto parsed = aws::parse_arn(*arn);
  if (!parsed || !parsed->partition.starts_with("aws") || parsed->service != "kinesis" ||
      !parsed->resource.starts_with(kind)) {
    return invalid_argument(
        fmt::format("StreamARN {} is not the ARN of a stream: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME.", *arn));
  }
  const std::string_view named = parsed->resource.substr(kind.size());
  if (name && *name != named) {
    return invalid_argument(fmt::format("StreamName {} and StreamARN {} name two streams.", *name, *arn));
  }
  if (parsed->region != call.region || parsed->account_id != options.account_id) {
    return std::unexpected(AwsError{400, "ResourceNotFoundException",
                                    fmt::format("Stream {} under account {} not found.", named, parsed->account_id)});
  }
  return stream(named);
}

Expected<stream::StreamPtr> Kinesis::State::stream(std::string_view name) const {
  stream::StreamPtr found = streams.find(name);
  if (!found && streams.is_damaged(name)) {
    return std::unexpected(
        AwsError{400, "ResourceNotFoundException",
                 fmt::format("Stream {} under account {} is damaged and not served. Nothing of it was deleted: the "
                             "server's log says what is damaged and what to do.",
                             name, options.account_id)});
  }
  if (!found) {
    return std::unexpected(AwsError{400, "ResourceNotFoundException",
                                    fmt::format("Stream {} under account {} not found.", name, options.account_id)});
  }
  return found;
}

Expected<stream::StreamPtr> Kinesis::State::readable_stream(std::string_view name) const {
  auto found = stream(name);
  if (found && (*found)->log() == nullptr) {
    return std::unexpected(AwsError{400, "ResourceNotFoundException",
                                    fmt::format("Stream {} under account {} is CREATING; it can be used when it is "
                                                "ACTIVE.",
                                                name, options.account_id)});
  }
  return found;
}

Expected<ShardId> Kinesis::State::shard(const stream::Stream& stream, std::string_view shard_id) const {
  const auto shard = stream::parse_shard_name(shard_id);
  if (shard && stream.shards()->find(*shard) != nullptr) return *shard;
  return std::unexpected(AwsError{400, "ResourceNotFoundException",
                                  fmt::format("Could not find shard {} in stream {} under account {}.", shard_id,
                                              stream.name, options.account_id)});
}

std::string Kinesis::State::stream_arn(const Call& call, const stream::Stream& stream) const {
  return fmt::format("arn:aws:kinesis:{}:{}:stream/{}", call.region, options.account_id, stream.name);
}

bool ends_here(simdjson::ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

}  // namespace millrace::api
