// PutRecord and PutRecords: the way of every click. The body is walked once where it lies; data is decoded into one
// buffer, keys stay in the body, and nothing is allocated per record.

#include <array>
#include <cstring>

#include "api/kinesis_request.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "log/log.h"
#include "stream/md5_lanes.h"

namespace millrace::api {
namespace {

using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr std::string_view not_json = "the body is not the JSON object that it should be";

// A string where it lies, unescaped elsewhere only if it has escapes. False: not a string.
bool read_text(value& from, std::string_view& text) {
  std::string_view token = from.raw_json_token();
  if (token.size() < 2 || token.front() != '"') return false;
  while (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t') {
    token.remove_suffix(1);
  }
  if (token.size() < 2 || token.back() != '"') return false;
  text = token.substr(1, token.size() - 2);
  if (std::memchr(text.data(), '\\', text.size()) == nullptr) return true;
  return !from.get_string().get(text);
}

bool is_null(value& from) {
  return from.raw_json_token().starts_with("null");
}

size_t characters(std::string_view utf8) {
  size_t count = 0;
  for (const char c : utf8) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

stream::HashKey to_hash_key(const stream::Md5Digest& digest) {
  const auto* const bytes = reinterpret_cast<const char*>(digest.data());
  return stream::HashKey{base::get_be64(bytes)} << 64 | base::get_be64(bytes + 8);
}

// "0", or up to `digits_max` digits without a zero in front: how AWS writes hash keys and sequence numbers.
bool is_whole_number(std::string_view text, size_t digits_max) {
  if (text == "0") return true;
  return !text.empty() && text.size() <= digits_max && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}
constexpr size_t hash_key_digits_max = 39;
constexpr size_t sequence_number_digits_max = 129;

bool is_given(std::string_view text) {
  return text.data() != nullptr;
}

std::string member(bool batch, size_t index, std::string_view name) {
  return batch ? fmt::format("records.{}.member.{}", index + 1, name) : std::string(name);
}

}  // namespace

void Kinesis::State::reserve_scratch(size_t bytes) {
  scratch_used = 0;
  if (bytes <= scratch_bytes) return;
  scratch = std::make_unique_for_overwrite<char[]>(bytes);
  scratch_bytes = bytes;
}

std::optional<AwsError> Kinesis::State::decode_data(value from, Entry& entry) {
  std::string_view text;
  if (!read_text(from, text)) return serialization_error("Data is not a string in base64").error();
  char* const at = scratch.get() + scratch_used;
  const auto size = base::base64_decode(text, at);
  if (!size) return serialization_error("Data is not base64").error();
  entry.data = {at, *size};
  entry.has_data = true;
  scratch_used += *size;
  return std::nullopt;
}

std::optional<AwsError> Kinesis::State::read_entry(object from, Entry& entry, PutArguments* put) {
  for (auto each : from) {
    simdjson::ondemand::field field;
    if (std::move(each).get(field)) return serialization_error(not_json).error();
    const auto key = field.key();
    value& content = field.value();
    std::string_view* text = nullptr;
    if (key == "Data") {
      if (is_null(content)) continue;
      if (auto error = decode_data(content, entry)) return error;
      continue;
    }
    if (key == "PartitionKey") text = &entry.key;
    if (key == "ExplicitHashKey") text = &entry.hash_key;
    if (put != nullptr && key == "SequenceNumberForOrdering") text = &put->ordered_after;
    if (put != nullptr && key == "StreamName") text = &put->stream_name;
    if (put != nullptr && key == "StreamARN") text = &put->stream_arn;
    if (text == nullptr || is_null(content)) continue;
    if (!read_text(content, *text)) return serialization_error("a string was expected").error();
    if (text == &entry.key) entry.has_key = true;
  }
  return std::nullopt;
}

std::optional<AwsError> Kinesis::State::parse_put_record(std::string_view body, PutArguments& put) {
  entries.assign(1, Entry{});
  // A member may stand there twice: each is decoded behind the one before.
  reserve_scratch(base::base64_decoded_size_max(body.size()) + base::base64_slack);
  simdjson::ondemand::document document;
  object root;
  if (parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document) || document.get_object().get(root)) {
    return serialization_error(not_json).error();
  }
  if (auto error = read_entry(root, entries[0], &put)) return error;
  if (!ends_here(document)) return serialization_error(not_json).error();
  return std::nullopt;
}

std::optional<AwsError> Kinesis::State::parse_put_records(std::string_view body, PutArguments& put) {
  entries.clear();
  reserve_scratch(base::base64_decoded_size_max(body.size()) + base::base64_slack);
  simdjson::ondemand::document document;
  object root;
  if (parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document) || document.get_object().get(root)) {
    return serialization_error(not_json).error();
  }
  bool has_records = false;
  for (auto each : root) {
    simdjson::ondemand::field field;
    if (std::move(each).get(field)) return serialization_error(not_json).error();
    const auto key = field.key();
    value& content = field.value();
    if (key == "StreamName" || key == "StreamARN") {
      std::string_view& text = key == "StreamName" ? put.stream_name : put.stream_arn;
      if (!is_null(content) && !read_text(content, text)) {
        return serialization_error("the stream's name is not a string").error();
      }
    } else if (key == "Records") {
      simdjson::ondemand::array array;
      if (has_records || content.get_array().get(array)) return serialization_error("Records is not a list").error();
      has_records = true;
      for (auto element : array) {
        object record;
        if (element.get_object().get(record)) return serialization_error("a record is not an object").error();
        if (entries.size() > records_per_put_max) continue;  // refused below; the rest is not kept
        if (auto error = read_entry(record, entries.emplace_back(), nullptr)) return error;
      }
    }
  }
  if (!ends_here(document)) return serialization_error(not_json).error();
  Validation validation;
  validation.required(has_records, "records");
  if (has_records && entries.empty()) {
    validation.fail("records", "'[]'", "Member must have length greater than or equal to 1");
  }
  if (entries.size() > records_per_put_max) {
    validation.fail("records", "'[...]'",
                    fmt::format("Member must have length less than or equal to {}", records_per_put_max));
  }
  return validation.error();
}

std::optional<AwsError> Kinesis::State::check_entries(bool batch) const {
  size_t total = 0;
  bool sound = true;
  for (const Entry& entry : entries) {
    total += entry.key.size() + entry.data.size();
    // Bytes bound characters, so an ordinary key is not counted.
    sound &= entry.has_key && entry.has_data && !entry.key.empty() && entry.key.size() <= key_characters_max &&
             entry.data.size() <= record_bytes_max && !is_given(entry.hash_key);
  }
  if (!sound) {
    Validation validation;
    for (size_t i = 0; i < entries.size(); ++i) {
      const Entry& entry = entries[i];
      validation.required(entry.has_key, member(batch, i, "partitionKey"));
      validation.required(entry.has_data, member(batch, i, "data"));
      if (entry.has_key && entry.key.empty()) {
        validation.fail(member(batch, i, "partitionKey"), "''", "Member must have length greater than or equal to 1");
      }
      if (characters(entry.key) > key_characters_max) {
        validation.fail(member(batch, i, "partitionKey"), fmt::format("'{}'", entry.key),
                        fmt::format("Member must have length less than or equal to {}", key_characters_max));
      }
      if (is_given(entry.hash_key) && !is_whole_number(entry.hash_key, hash_key_digits_max)) {
        validation.fail(member(batch, i, "explicitHashKey"), fmt::format("'{}'", entry.hash_key),
                        R"(Member must satisfy regular expression pattern: 0|([1-9]\d{0,38}))");
      }
      if (entry.data.size() > record_bytes_max) {
        validation.fail(member(batch, i, "data"), "'java.nio.HeapByteBuffer'",
                        fmt::format("Member must have length less than or equal to {}", record_bytes_max));
      }
    }
    if (auto error = validation.error()) return error;
  }
  if (total > put_bytes_max) {
    return invalid_argument(fmt::format("Records size exceeds {} MB limit", put_bytes_max >> 20)).error();
  }
  return std::nullopt;
}

std::optional<AwsError> Kinesis::State::route(const stream::Stream& stream) {
  records.clear();
  const bool one_shard = stream.shard_count() == 1;
  std::array<std::string_view, stream::md5_lanes> keys;
  std::array<size_t, stream::md5_lanes> places;  // whose keys they are
  std::array<stream::Md5Digest, stream::md5_lanes> digests;
  size_t waiting = 0;
  auto hash_waiting = [&] {
    stream::md5_of_short_keys({keys.data(), waiting}, digests);
    for (size_t i = 0; i < waiting; ++i) records[places[i]].shard = stream.shards.of(to_hash_key(digests[i]));
    waiting = 0;
  };
  for (const Entry& entry : entries) {
    records.push_back({ShardId(0), entry.key, entry.data});
    if (is_given(entry.hash_key)) [[unlikely]] {
      const auto key = stream::parse_hash_key(entry.hash_key);
      if (!key) {
        return invalid_argument(fmt::format("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
                                            "[0, 2^128-1]. Specified value was {}",
                                            entry.hash_key))
            .error();
      }
      records.back().shard = stream.shards.of(*key);
    } else if (one_shard) {
      continue;
    } else if (entry.key.size() > stream::md5_lane_bytes_max) {
      records.back().shard = stream.shards.of(to_hash_key(md5(entry.key)));
    } else {
      keys[waiting] = entry.key;
      places[waiting] = records.size() - 1;
      if (++waiting == stream::md5_lanes) hash_waiting();
    }
  }
  if (waiting > 0) hash_waiting();
  return std::nullopt;
}

Expected<stream::StreamPtr> Kinesis::State::stream_of(const PutArguments& arguments) const {
  // The common case: a stream's name needs no check once a stream has it.
  const bool is_ordered = is_given(arguments.ordered_after);
  if (!is_ordered) {
    if (auto found = readable_stream(arguments.stream_name)) return found;
  }
  KinesisArguments named;
  Validation validation;
  if (is_given(arguments.stream_name)) named.stream_name = arguments.stream_name;
  if (is_given(arguments.stream_arn)) named.stream_arn = arguments.stream_arn;
  if (is_ordered && !is_whole_number(arguments.ordered_after, sequence_number_digits_max)) {
    validation.fail("sequenceNumberForOrdering", fmt::format("'{}'", arguments.ordered_after),
                    R"(Member must satisfy regular expression pattern: 0|([1-9]\d{0,128}))");
  }
  const auto found = stream(named, validation);
  if (!found) return found;
  return readable_stream((*found)->name);
}

template <class MakeReply>
void Kinesis::State::put(Call& call, const PutArguments& arguments, bool batch, MakeReply&& make_reply) {
  if (const auto error = check_entries(batch)) return call.answer.fail(*error);
  const auto found = stream_of(arguments);
  if (!found) return call.answer.fail(found.error());
  const stream::StreamPtr& stream = *found;

  if (const auto error = route(*stream)) return call.answer.fail(*error);
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.key.size() + entry.data.size();
  sequences.resize(records.size());
  const auto group = stream->log()->append(records, sequences);
  if (!group) return call.answer.fail(group.error());
  streams.mark_appended(stream);
  counters.records_in += records.size();
  counters.bytes_in += bytes;

  struct Pending {
    Answer answer;
    std::string body;
  };
  auto pending = std::make_shared<Pending>(Pending{std::move(call.answer), make_reply()});
  stream->log()->when_durable(*group, [pending] { pending->answer.ok(std::move(pending->body)); });
}

void Kinesis::State::put_record(Call& call) {
  PutArguments arguments;
  if (const auto error = parse_put_record(call.body, arguments)) return call.answer.fail(*error);
  put(call, arguments, false, [&] {
    std::string out = "{\"ShardId\":\"";
    stream::append_shard_name(out, records[0].shard);
    out += "\",\"SequenceNumber\":\"";
    stream::append_sequence_number(out, sequences[0]);
    out += "\"}";
    return out;
  });
}

void Kinesis::State::put_records(Call& call) {
  PutArguments arguments;
  if (const auto error = parse_put_records(call.body, arguments)) return call.answer.fail(*error);
  put(call, arguments, true, [&] {
    constexpr size_t bytes_per_record = 90;
    std::string out;
    out.reserve(64 + records.size() * bytes_per_record);
    out += "{\"FailedRecordCount\":0,\"Records\":[";
    for (size_t i = 0; i < records.size(); ++i) {
      out += i == 0 ? "{\"SequenceNumber\":\"" : ",{\"SequenceNumber\":\"";
      stream::append_sequence_number(out, sequences[i]);
      out += "\",\"ShardId\":\"";
      stream::append_shard_name(out, records[i].shard);
      out += "\"}";
    }
    out += "]}";
    return out;
  });
}

}  // namespace millrace::api
