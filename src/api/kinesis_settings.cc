// What is set of a stream that is there, and the limits of all of them.

#include <fmt/format.h>

#include "api/kinesis_request.h"

namespace millrace::api {
namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t retention_hours_min = stream::Streams::default_retention_ms / hour_ms;
constexpr int64_t retention_hours_max = stream::Streams::retention_ms_max / hour_ms;

// Answers when a restart keeps the change.
std::function<void(Result<void>)> answer_when_changed(Call& call) {
  return [answer = std::make_shared<Answer>(std::move(call.answer))](Result<void> changed) {
    if (!changed) return answer->fail(changed.error());
    answer->ok("");
  };
}

}  // namespace

void Kinesis::State::increase_stream_retention_period(Call& call) {
  set_retention(call, true);
}

void Kinesis::State::decrease_stream_retention_period(Call& call) {
  set_retention(call, false);
}

// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
void Kinesis::State::set_retention(Call& call, bool increase) {
  auto found = stream(call);
  if (found) found = readable_stream((*found)->name);
  if (!found) return call.answer.fail(found.error());
  const int64_t hours = *call.input.integer("RetentionPeriodHours");
  const int64_t now = (*found)->retention_ms() / hour_ms;
  const auto refuse = [&](std::string message) { call.answer.fail(invalid_argument(std::move(message)).error()); };
  if (hours < retention_hours_min) {
    return refuse(
        fmt::format("Minimum allowed retention period is {} hours. Requested retention period ({} hours) is "
                    "too short.",
                    retention_hours_min, hours));
  }
  if (hours > retention_hours_max) {
    return refuse(
        fmt::format("Maximum allowed retention period is {} hours. Requested retention period ({} hours) is "
                    "too long.",
                    retention_hours_max, hours));
  }
  if (increase ? hours < now : hours > now) {
    return refuse(
        fmt::format("Requested retention period ({} hours) for stream {} can not be {} than existing "
                    "retention period ({} hours). Use {}StreamRetentionPeriod.",
                    hours, (*found)->name, increase ? "shorter" : "longer", now, increase ? "Decrease" : "Increase"));
  }
  streams.set_retention(*found, hours * hour_ms, answer_when_changed(call));
}

// The shards stay what they are.
void Kinesis::State::update_stream_mode(Call& call) {
  auto found = stream(call);
  if (found) found = readable_stream((*found)->name);
  if (!found) return call.answer.fail(found.error());
  const bool on_demand = call.input.find("StreamModeDetails")->text("StreamMode") == "ON_DEMAND";
  streams.set_mode(*found, on_demand ? stream::StreamMode::on_demand : stream::StreamMode::provisioned,
                   answer_when_changed(call));
}

void Kinesis::State::describe_limits(Call& call) {
  const stream::Streams::Totals totals = streams.totals();
  Writer out(call.coding);
  out.begin();
  out.member("ShardLimit").integer(streams.shards_max());
  out.member("OpenShardCount").integer(static_cast<int64_t>(totals.shards));
  out.member("OnDemandStreamCount").integer(static_cast<int64_t>(totals.on_demand_streams));
  out.member("OnDemandStreamCountLimit").integer(static_cast<int64_t>(streams.streams_max()));
  out.end();
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
