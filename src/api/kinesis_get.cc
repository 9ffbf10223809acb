// GetShardIterator and GetRecords.

#include <fmt/format.h>

#include <algorithm>

#include "api/kinesis_request.h"
#include "log/log.h"

namespace millrace::api {
namespace {

constexpr size_t read_bytes = size_t{1} << 20;
constexpr std::string_view before_all = "0";

}  // namespace

void write_record(Writer& out, const base::SequenceFormat& numbers, const log::Record& record, std::string& number) {
  number.clear();
  numbers.append(number, record.sequence);
  out.begin();
  out.member("SequenceNumber").plain(number);
  out.member("ApproximateArrivalTimestamp").time(record.time);
  out.member("Data").blob(record.data);
  out.member("PartitionKey").text(record.key);
  out.end();
}

std::string sequence_number_before(const base::SequenceFormat& numbers, SequenceNumber next) {
  if (next == SequenceNumber(0)) return std::string(before_all);
  return numbers.text(SequenceNumber(next.value - 1));
}

std::optional<std::vector<stream::Shard>> children_at_end(const stream::Stream& stream, ShardId shard,
                                                          SequenceNumber next) {
  const stream::ShardSetPtr set = stream.shards();
  if (!stream::is_finished(*set, *stream.log(), shard, next)) return std::nullopt;
  std::vector<stream::Shard> children;
  for (const ShardId child : stream::children_of(*set, shard)) children.push_back(*set->find(child));
  return children;
}

// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ChildShard.html
void write_children(Writer& out, const std::vector<stream::Shard>& children) {
  out.member("ChildShards").begin_list();
  for (const stream::Shard& child : children) {
    out.begin();
    out.member("ShardId").text(stream::shard_name(child.id));
    out.member("ParentShards").begin_list();
    if (child.parent) out.text(stream::shard_name(*child.parent));
    if (child.adjacent_parent) out.text(stream::shard_name(*child.adjacent_parent));
    out.end_list();
    write_hash_key_range(out, child);
    out.end();
  }
  out.end_list();
}

void write_hash_key_range(Writer& out, const stream::Shard& shard) {
  out.member("HashKeyRange").begin();
  out.member("StartingHashKey").text(stream::to_decimal(shard.first));
  out.member("EndingHashKey").text(stream::to_decimal(shard.last));
  out.end();
}

Expected<SequenceNumber> Kinesis::State::position(const Call& call, const stream::Stream& stream, ShardId shard,
                                                  const Start& start) const {
  const auto range = stream.log()->range(shard);
  if (!range) return std::unexpected(aws::to_aws_error(call.protocol, range.error()));
  const bool by_number = start.type.ends_with("_SEQUENCE_NUMBER");
  if (by_number != start.sequence_number.has_value() && start.type != "AT_TIMESTAMP") {
    return invalid_argument(
        fmt::format("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
                    "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and {} "
                    "StartingSequenceNumber.",
                    start.type, by_number ? "no" : "also a"));
  }
  if (start.type == "LATEST") return range->end;
  if (start.type == "TRIM_HORIZON") return range->oldest;
  if (start.type == "AT_TIMESTAMP") {
    if (!start.time) return invalid_argument("Must specify timestamp parameter for iterator of type AT_TIMESTAMP.");
    const ProcessingTime now = clock.now();
    if (start.time->value < 0 || *start.time > now) {
      return invalid_argument(
          fmt::format("The timestampInMillis parameter cannot be less than 0 or greater than the "
                      "currentTimestampInMillis. timestampInMillis: {}, currentTimestampInMillis: "
                      "{}",
                      *start.time, now));
    }
    const auto at = stream.log()->find(shard, *start.time);
    if (!at) return std::unexpected(aws::to_aws_error(call.protocol, at.error()));
    return *at;
  }
  if (*start.sequence_number == before_all) return SequenceNumber(0);
  const auto at = stream.numbers(shard).parse(*start.sequence_number);
  if (at.mismatch == base::SequenceFormat::Mismatch::other_shard) {
    return invalid_argument(
        fmt::format("Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                    stream::shard_name(at.shard), stream::shard_name(shard)));
  }
  if (at.mismatch != base::SequenceFormat::Mismatch::none || at.position > range->end) {
    const bool no_number = at.mismatch == base::SequenceFormat::Mismatch::not_a_number;
    return invalid_argument(
        fmt::format("StartingSequenceNumber {} used in {} on shard {} in stream {} under account {} is invalid{}",
                    *start.sequence_number, call.operation, stream::shard_name(shard), stream.name, options.account_id,
                    no_number ? "." : " because it did not come from this stream."));
  }
  return start.type == "AT_SEQUENCE_NUMBER" ? at.position : std::min(at.position.next(), range->end);
}

void Kinesis::State::get_shard_iterator(Call& call) {
  auto found = stream(call);
  if (found) found = readable_stream((*found)->name);
  if (!found) return call.answer.fail(found.error());
  const stream::Stream& read = **found;
  const auto shard_id = shard(read, *call.input.text("ShardId"));
  if (!shard_id) return call.answer.fail(shard_id.error());
  const auto next = position(
      call, read, *shard_id,
      {*call.input.text("ShardIteratorType"), call.input.text("StartingSequenceNumber"), call.input.time("Timestamp")});
  if (!next) return call.answer.fail(next.error());
  const ShardIterator iterator{read.name, read.id, *shard_id, *next, clock.now()};
  Writer out(call.coding);
  out.begin();
  out.member("ShardIterator").text(iterator.encode());
  out.end();
  call.answer.ok(std::move(out));
}

void Kinesis::State::get_records(Call& call) {
  const ProcessingTime now = clock.now();
  auto iterator = ShardIterator::decode(*call.input.text("ShardIterator"), now, kinesis_iterator_life_ms);
  if (!iterator) return call.answer.fail(iterator.error());
  const auto found = readable_stream(iterator->stream);
  if (!found) return call.answer.fail(found.error());
  if (const auto arn = call.input.text("StreamARN")) {
    const auto named = this->stream(call, std::nullopt, arn);
    if (!named) return call.answer.fail(named.error());
    if (*named != *found) {
      return call.answer.fail(invalid_argument(fmt::format("The iterator is not of the stream {}.", *arn)).error());
    }
  }
  const stream::Stream& stream = **found;
  if (stream.id != iterator->stream_id || iterator->shard >= stream.shards()->next_id()) {
    return call.answer.fail(
        AwsError{400, "ResourceNotFoundException",
                 fmt::format("The stream {} that the iterator belongs to has been deleted.", iterator->stream)});
  }
  const auto range = stream.log()->range(iterator->shard);
  if (!range) return call.answer.fail(range.error());

  // What retention has taken is not missed: reading goes on at the oldest record.
  SequenceNumber next = std::max(iterator->next, range->oldest);
  const auto limit = static_cast<size_t>(call.input.integer("Limit").value_or(records_per_get_max));
  size_t count = 0;
  size_t bytes = 0;
  bool full = false;
  ProcessingTime last_time = now;
  Writer out(call.coding);
  const base::SequenceFormat numbers = stream.numbers(iterator->shard);
  std::string number;
  out.begin();
  out.member("Records").begin_list();
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
        write_record(out, numbers, record, number);
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
  out.end_list();
  if (const auto children = children_at_end(stream, iterator->shard, next)) {
    if (!children->empty()) write_children(out, *children);
  } else {
    const ShardIterator following{stream.name, stream.id, iterator->shard, next, now};
    out.member("NextShardIterator").text(following.encode());
  }
  out.member("MillisBehindLatest").integer(behind_ms);
  out.end();
  call.answer.ok(std::move(out));
}

}  // namespace millrace::api
