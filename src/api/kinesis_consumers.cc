// The consumers of enhanced fan-out, and SubscribeToShard.
// https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html

#include <fmt/format.h>

#include <charconv>

#include "api/kinesis_request.h"
#include "aws/arn.h"
#include "base/base64.h"

namespace millrace::api {
namespace {

constexpr int64_t list_consumers_default = 100;
constexpr int64_t ms_per_second = 1'000;

std::unexpected<AwsError> no_consumer(std::string_view consumer, std::string_view account_id) {
  return std::unexpected(AwsError{400, "ResourceNotFoundException",
                                  fmt::format("Consumer {} under account {} not found.", consumer, account_id)});
}

// "stream/NAME/consumer/CONSUMER:EPOCH", the end of a consumer's ARN.
struct ConsumerName {
  std::string_view stream;
  std::string_view consumer;
  int64_t created_s = 0;
};
std::optional<ConsumerName> parse_resource(std::string_view resource) {
  constexpr std::string_view before_stream = "stream/";
  constexpr std::string_view before_consumer = "/consumer/";
  if (!resource.starts_with(before_stream)) return std::nullopt;
  resource.remove_prefix(before_stream.size());
  const size_t middle = resource.find(before_consumer);
  const size_t colon = resource.rfind(':');
  if (middle == std::string_view::npos || colon == std::string_view::npos || colon < middle) return std::nullopt;
  const size_t begin = middle + before_consumer.size();
  ConsumerName name{resource.substr(0, middle), resource.substr(begin, colon - begin)};
  const std::string_view digits = resource.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), name.created_s);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return name;
}

// All of one consumer but the end of the structure.
void write_consumer(Writer& out, const stream::Consumer& consumer, std::string_view stream_arn) {
  out.begin();
  out.member("ConsumerName").text(consumer.name);
  out.member("ConsumerARN")
      .text(fmt::format("{}/consumer/{}:{}", stream_arn, consumer.name, consumer.created.value / ms_per_second));
  out.member("ConsumerStatus").text("ACTIVE");
  out.member("ConsumerCreationTimestamp").time(consumer.created);
}

}  // namespace

Expected<Kinesis::State::StreamConsumer> Kinesis::State::consumer(const Call& call) const {
  const auto arn = call.input.text("ConsumerARN");
  const auto name = call.input.text("ConsumerName");
  if (!arn) {
    if (!name || !call.input.has("StreamARN")) {
      return invalid_argument("Either ConsumerARN, or StreamARN and ConsumerName must be given.");
    }
    auto found = stream(call);
    if (!found) return std::unexpected(found.error());
    auto consumer = (*found)->consumers.find(*name);
    if (!consumer) return no_consumer(*name, options.account_id);
    return StreamConsumer{*found, *consumer};
  }
  const auto parsed = aws::parse_arn(*arn);
  const auto resource = parsed ? parse_resource(parsed->resource) : std::nullopt;
  if (!resource || parsed->service != "kinesis") {
    return invalid_argument(
        fmt::format("ConsumerARN {} is not the ARN of a consumer: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME/consumer/"
                    "CONSUMER:TIME.",
                    *arn));
  }
  if (const auto stream_arn = call.input.text("StreamARN");
      (name && *name != resource->consumer) || (stream_arn && !arn->starts_with(*stream_arn))) {
    return invalid_argument("ConsumerARN names another consumer than StreamARN and ConsumerName do.");
  }
  if (parsed->region != call.region || parsed->account_id != options.account_id) {
    return no_consumer(*arn, parsed->account_id);
  }
  auto found = stream(resource->stream);
  if (!found) return std::unexpected(found.error());
  auto consumer = (*found)->consumers.find(resource->consumer);
  if (!consumer || consumer->created.value / ms_per_second != resource->created_s) {
    return no_consumer(*arn, options.account_id);
  }
  return StreamConsumer{*found, *consumer};
}

void Kinesis::State::register_stream_consumer(Call& call) {
  auto found = stream(call);
  if (found) found = readable_stream((*found)->name);
  if (!found) return call.answer.fail(found.error());
  if (const aws::Value* const tags = call.input.find("Tags"); tags != nullptr && !tags->members().empty()) {
    return call.answer.fail(AwsError{400, "ValidationException",
                                     "Tags of consumers are not supported; register the consumer without them."});
  }
  auto answer = std::make_shared<Answer>(std::move(call.answer));
  streams.register_consumer(
      *found, std::string(*call.input.text("ConsumerName")),
      [answer, coding = call.coding, arn = stream_arn(call, **found)](const Result<stream::Consumer>& registered) {
        if (!registered) return answer->fail(registered.error());
        Writer out(coding);
        out.begin();
        out.member("Consumer");
        write_consumer(out, *registered, arn);
        out.end();
        out.end();
        answer->ok(std::move(out));
      });
}

void Kinesis::State::describe_stream_consumer(Call& call) {
  const auto found = consumer(call);
  if (!found) return call.answer.fail(found.error());
  const std::string arn = stream_arn(call, *found->stream);
  Writer out(call.coding);
  out.begin();
  out.member("ConsumerDescription");
  write_consumer(out, found->consumer, arn);
  out.member("StreamARN").text(arn);
  out.end();
  out.end();
  call.answer.ok(std::move(out));
}

void Kinesis::State::list_stream_consumers(Call& call) {
  const auto found = stream(call);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& listed = **found;
  const auto created = call.input.time("StreamCreationTimestamp");
  if (created && created->value / ms_per_second != listed.created.value / ms_per_second) {
    return call.answer.fail(AwsError{400, "ResourceNotFoundException",
                                     fmt::format("No stream {} was created at {} ms.", listed.name, created->value)});
  }
  // A page goes on behind a name.
  std::string after;
  if (const auto token = call.input.text("NextToken")) {
    auto name = base::base64_decode(*token);
    if (!name) return call.answer.fail(invalid_argument("Invalid NextToken.").error());
    after = std::move(*name);
  }
  const std::string arn = stream_arn(call, listed);
  auto left = call.input.integer("MaxResults").value_or(list_consumers_default);
  std::string last;
  bool more = false;
  Writer out(call.coding);
  out.begin();
  out.member("Consumers").begin_list();
  for (const stream::Consumer& each : listed.consumers.list()) {
    if (each.name <= after) continue;
    more = left-- == 0;
    if (more) break;
    write_consumer(out, each, arn);
    out.end();
    last = each.name;
  }
  out.end_list();
  if (more) {
    std::string token;
    base::append_base64(token, last);
    out.member("NextToken").text(token);
  }
  out.end();
  call.answer.ok(std::move(out));
}

void Kinesis::State::deregister_stream_consumer(Call& call) {
  const auto found = consumer(call);
  if (!found) return call.answer.fail(found.error());
  auto answer = std::make_shared<Answer>(std::move(call.answer));
  const auto ended = [answer, subscriptions = subscriptions, stream_id = found->stream->id,
                      name = found->consumer.name](const Result<void>& removed) {
    if (!removed) return answer->fail(removed.error());
    subscriptions->end_consumer(stream_id, name);
    answer->ok("");
  };
  streams.deregister_consumer(found->stream, found->consumer.name, ended);
}

void Kinesis::State::subscribe_to_shard(Call& call) {
  const auto found = consumer(call);
  if (!found) return call.answer.fail(found.error());
  const auto readable = readable_stream(found->stream->name);
  if (!readable) return call.answer.fail(readable.error());
  const auto shard_id = shard(*found->stream, *call.input.text("ShardId"));
  if (!shard_id) return call.answer.fail(shard_id.error());
  const aws::Value& start = *call.input.find("StartingPosition");
  const auto next = position(call, *found->stream, *shard_id,
                             {*start.text("Type"), start.text("SequenceNumber"), start.time("Timestamp")});
  if (!next) return call.answer.fail(next.error());
  const auto subscribed =
      subscriptions->subscribe({found->stream->id, found->consumer.name, *shard_id}, found->stream, *next, call.answer);
  if (!subscribed) call.answer.fail(subscribed.error());
}

}  // namespace millrace::api
