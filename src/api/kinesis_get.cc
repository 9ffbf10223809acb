// GetShardIterator and GetRecords.

#include <algorithm>
#include <cmath>

#include "api/kinesis_request.h"
#include "base/base64.h"
#include "base/json_string.h"
#include "log/log.h"

namespace millrace::api {
namespace {

constexpr std::string_view iterator_types[] = {"AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER",
                                               "TRIM_HORIZON"};
constexpr size_t read_bytes = size_t{1} << 20;

void append_record(std::string& out, const log::Record& record) {
  out += "{\"SequenceNumber\":\"";
  stream::append_sequence_number(out, record.sequence);
  out += "\",\"ApproximateArrivalTimestamp\":";
  append_seconds(out, record.time);
  out += ",\"Data\":\"";
  base::append_base64(out, record.data);
  out += "\",\"PartitionKey\":";
  base::append_json_string(out, record.key);
  out += '}';
}

}  // namespace

void Kinesis::State::get_shard_iterator(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.required(parsed->shard_id.has_value(), "shardId");
  validation.required(parsed->iterator_type.has_value(), "shardIteratorType");
  validation.one_of(parsed->iterator_type, iterator_types, "shardIteratorType");
  auto found = stream(*parsed, validation);
  if (found) found = readable_stream((*found)->name);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& read = **found;
  const auto shard_id = shard(read, *parsed->shard_id);
  if (!shard_id) return call.answer.fail(shard_id.error());
  const auto range = read.log()->range(*shard_id);
  if (!range) return call.answer.fail(range.error());

  const std::string& type = *parsed->iterator_type;
  SequenceNumber next = range->end;  // LATEST
  if (type == "TRIM_HORIZON") {
    next = range->oldest;
  } else if (type == "AT_TIMESTAMP") {
    if (!parsed->timestamp) {
      return call.answer.fail(
          invalid_argument("Must specify timestamp parameter for iterator of type AT_TIMESTAMP.").error());
    }
    const double ms = *parsed->timestamp * 1000;
    const ProcessingTime now = clock.now();
    if (!(ms >= 0) || ms > static_cast<double>(now.value)) {
      return call.answer.fail(invalid_argument(fmt::format("The timestampInMillis parameter cannot be less than 0 or "
                                                           "greater than the currentTimestampInMillis. "
                                                           "timestampInMillis: {:.0f}, currentTimestampInMillis: {}",
                                                           ms, now))
                                  .error());
    }
    const auto at = read.log()->find(*shard_id, ProcessingTime(std::llround(ms)));
    if (!at) return call.answer.fail(at.error());
    next = *at;
  } else if (type == "AT_SEQUENCE_NUMBER" || type == "AFTER_SEQUENCE_NUMBER") {
    if (!parsed->starting_sequence_number) {
      return call.answer.fail(
          invalid_argument(fmt::format("Must specify startingSequenceNumber parameter for iterator of type {}.", type))
              .error());
    }
    const auto at = stream::parse_sequence_number(*parsed->starting_sequence_number);
    if (!at || *at > range->end) {
      return call.answer.fail(
          invalid_argument(fmt::format("StartingSequenceNumber {} used in GetShardIterator on shard {} in stream {} "
                                       "under account {} is invalid because it did not come from this stream.",
                                       *parsed->starting_sequence_number, *parsed->shard_id, read.name,
                                       options.account_id))
              .error());
    }
    next = type == "AT_SEQUENCE_NUMBER" ? *at : std::min(at->next(), range->end);
  }
  const ShardIterator iterator{read.name, read.id, *shard_id, next, clock.now()};
  call.answer.ok(fmt::format("{{\"ShardIterator\":\"{}\"}}", iterator.encode()));
}

void Kinesis::State::get_records(Call& call) {
  auto parsed = arguments(call.body);
  if (!parsed) return call.answer.fail(parsed.error());
  Validation validation;
  validation.required(parsed->iterator.has_value(), "shardIterator");
  validation.between(parsed->limit, 1, records_per_get_max, "limit");
  if (const auto error = validation.error()) return call.answer.fail(*error);
  const ProcessingTime now = clock.now();
  auto iterator = ShardIterator::decode(*parsed->iterator, now, kinesis_iterator_life_ms);
  if (!iterator) return call.answer.fail(iterator.error());
  const auto found = readable_stream(iterator->stream);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& stream = **found;
  if (stream.id != iterator->stream_id || iterator->shard.value >= stream.shard_count()) {
    return call.answer.fail(
        AwsError{400, "ResourceNotFoundException",
                 fmt::format("The stream {} that the iterator belongs to has been deleted.", iterator->stream)});
  }
  const auto range = stream.log()->range(iterator->shard);
  if (!range) return call.answer.fail(range.error());

  // What retention has taken is not missed: reading goes on at the oldest record.
  SequenceNumber next = std::max(iterator->next, range->oldest);
  const auto limit = static_cast<size_t>(parsed->limit.value_or(records_per_get_max));
  size_t count = 0;
  size_t bytes = 0;
  bool full = false;
  ProcessingTime last_time = now;
  std::string out = "{\"Records\":[";
  while (!full) {
    const auto blocks = stream.log()->read(iterator->shard, next, read_bytes);
    if (!blocks && blocks.error().kind == ErrorKind::trimmed) {
      const auto moved = stream.log()->range(iterator->shard);
      if (!moved || moved->oldest <= next) return call.answer.fail(blocks.error());
      next = moved->oldest;
      continue;
    }
    if (!blocks) return call.answer.fail(blocks.error());
    if (blocks->empty()) break;
    for (const log::BlockPtr& block : *blocks) {
      log::for_each_record(*block, next, [&](const log::Record& record) {
        if (full) return;
        const size_t size = record.key.size() + record.data.size();
        if (count == limit || (count > 0 && bytes + size > get_bytes_max)) {
          full = true;
          return;
        }
        if (count > 0) out += ',';
        append_record(out, record);
        ++count;
        bytes += size;
        next = record.sequence.next();
        last_time = record.time;
      });
      if (full) break;
    }
    full |= count == limit;
  }
  counters.records_out += count;
  counters.bytes_out += bytes;

  const int64_t behind_ms = next >= range->end ? 0 : std::max<int64_t>(now.value - last_time.value, count > 0 ? 1 : 0);
  const ShardIterator following{stream.name, stream.id, iterator->shard, next, now};
  out += fmt::format("],\"NextShardIterator\":\"{}\",\"MillisBehindLatest\":{}}}", following.encode(), behind_ms);
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
