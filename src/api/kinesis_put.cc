// PutRecord and PutRecords: the way of every click. The body is walked once where it lies; JSON's data is decoded into
// one buffer, CBOR's and all keys stay in the body, and nothing is allocated per record.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "api/kinesis_model.h"
#include "api/kinesis_request.h"
#include "aws/validation.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "log/log.h"
#include "stream/md5_lanes.h"

namespace millrace::api {
namespace {

using aws::cbor::Kind;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr size_t answer_bytes_per_record = 90;

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

bool has_at_most(std::string_view utf8, size_t characters) {
  // Bytes bound characters, so what is short is not counted.
  if (utf8.size() <= characters) return true;
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<size_t>(std::ranges::count_if(utf8, begins)) <= characters;
}

bool is_given(std::string_view text) {
  return text.data() != nullptr;
}

}  // namespace

void Kinesis::State::reserve_scratch(size_t bytes) {
  scratch_used = 0;
  if (bytes <= scratch_bytes) return;
  scratch = std::make_unique_for_overwrite<char[]>(bytes);
  scratch_bytes = bytes;
}

bool Kinesis::State::decode_data(value from, Entry& entry) {
  std::string_view text;
  if (!read_text(from, text)) return false;
  char* const at = scratch.get() + scratch_used;
  const auto size = base::base64_decode(text, at);
  if (!size) return false;
  entry.data = {at, *size};
  entry.has_data = true;
  scratch_used += *size;
  return true;
}

// Where a member's text belongs; null: it is none of an entry's, or of a whole put's if `put` is given.
template <class Name>
std::string_view* Kinesis::State::text_member(const Name& name, Entry& entry, PutArguments* put) {
  if (name == "PartitionKey") return &entry.key;
  if (name == "ExplicitHashKey") return &entry.hash_key;
  if (put == nullptr) return nullptr;
  if (name == "SequenceNumberForOrdering") return &put->ordered_after;
  if (name == "StreamName") return &put->stream_name;
  if (name == "StreamARN") return &put->stream_arn;
  return nullptr;
}

bool Kinesis::State::read_entry(object from, Entry& entry, PutArguments* put) {
  for (auto each : from) {
    simdjson::ondemand::field field;
    if (std::move(each).get(field)) return false;
    const auto key = field.key();
    value& content = field.value();
    if (key == "Data") {
      if (!is_null(content) && !decode_data(content, entry)) return false;
      continue;
    }
    std::string_view* const text = text_member(key, entry, put);
    if (text == nullptr || is_null(content)) continue;
    if (!read_text(content, *text)) return false;
  }
  return true;
}

bool Kinesis::State::is_sound(const Entry& entry) {
  return entry.has_data && !entry.key.empty() && has_at_most(entry.key, key_characters_max) &&
         (!is_given(entry.hash_key) || is_whole_number(entry.hash_key, hash_key_digits_max));
}

// Behind the map's begin; goes behind its end.
bool Kinesis::State::read_entry(aws::cbor::Reader& in, Entry& entry, PutArguments* put) {
  for (Kind kind = in.next(); kind != Kind::end; kind = in.next()) {
    if (kind != Kind::text) return false;
    const std::string_view name = in.text();
    const Kind content = in.next();
    std::string_view* text = nullptr;
    if (name == "Data") {
      if (content == Kind::null) continue;
      if (content != Kind::bytes) return false;
      entry.data = in.bytes();
      entry.has_data = true;
    } else if ((text = text_member(name, entry, put)) == nullptr) {
      in.skip(content);
    } else if (content != Kind::null) {
      if (content != Kind::text) return false;
      *text = in.text();
    }
  }
  return true;
}

bool Kinesis::State::parse_put_record(const Call& call, PutArguments& put) {
  const std::string_view body = call.body;
  entries.assign(1, Entry{});
  if (is_cbor(call.coding)) {
    aws::cbor::Reader& in = cbor.emplace(body);
    return in.next() == Kind::map && read_entry(in, entries[0], &put) && in.is_done();
  }
  // A member may stand there twice: each is decoded behind the one before.
  reserve_scratch(base::base64_decoded_size_max(body.size()) + base::base64_slack);
  simdjson::ondemand::document document;
  object root;
  return !parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document) &&
         !document.get_object().get(root) && read_entry(root, entries[0], &put) && ends_here(document);
}

bool Kinesis::State::parse_put_records(const Call& call, PutArguments& put) {
  entries.clear();
  if (is_cbor(call.coding)) return parse_cbor_records(cbor.emplace(call.body), put);
  return parse_json_records(call.body, put);
}

bool Kinesis::State::parse_json_records(std::string_view body, PutArguments& put) {
  reserve_scratch(base::base64_decoded_size_max(body.size()) + base::base64_slack);
  simdjson::ondemand::document document;
  object root;
  if (parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document) || document.get_object().get(root)) {
    return false;
  }
  bool has_records = false;
  for (auto each : root) {
    simdjson::ondemand::field field;
    if (std::move(each).get(field)) return false;
    const auto key = field.key();
    value& content = field.value();
    if (key == "StreamName" || key == "StreamARN") {
      std::string_view& text = key == "StreamName" ? put.stream_name : put.stream_arn;
      if (!is_null(content) && !read_text(content, text)) return false;
    } else if (key == "Records") {
      simdjson::ondemand::array array;
      if (has_records || content.get_array().get(array)) return false;
      has_records = true;
      for (auto element : array) {
        object record;
        if (element.get_object().get(record) || entries.size() == records_per_put_max) return false;
        if (!read_entry(record, entries.emplace_back(), nullptr)) return false;
      }
    }
  }
  return !entries.empty() && ends_here(document);
}

bool Kinesis::State::parse_cbor_records(aws::cbor::Reader& in, PutArguments& put) {
  if (in.next() != Kind::map) return false;
  bool has_records = false;
  for (Kind kind = in.next(); kind != Kind::end; kind = in.next()) {
    if (kind != Kind::text) return false;
    const std::string_view name = in.text();
    const Kind content = in.next();
    if (name == "Records") {
      if (has_records || content != Kind::list) return false;
      has_records = true;
      for (Kind each = in.next(); each != Kind::end; each = in.next()) {
        if (each != Kind::map || entries.size() == records_per_put_max) return false;
        if (!read_entry(in, entries.emplace_back(), nullptr)) return false;
      }
    } else if (name == "StreamName" || name == "StreamARN") {
      if (content == Kind::null) continue;
      if (content != Kind::text) return false;
      (name == "StreamName" ? put.stream_name : put.stream_arn) = in.text();
    } else {
      in.skip(content);
    }
  }
  return !entries.empty() && in.is_done();
}

std::optional<AwsError> Kinesis::State::refusal(const Call& call) {
  const aws::Shape& shape = kinesis_input(call.operation);
  const auto input = reader.read(call.coding, call.body, shape);
  if (!input) return input.error();
  return aws::validate(*input, shape);
}

std::optional<AwsError> Kinesis::State::check_sizes(const Call& call) const {
  aws::Validation validation;
  size_t total = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const size_t size = entries[i].data.size();
    total += entries[i].key.size() + size;
    if (size <= record_bytes_max) continue;
    // AWS's model has what a stream may be set to; this is what all of them are.
    validation.fail(fmt::format("'java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]'", size),
                    call.operation == "PutRecord" ? "data" : fmt::format("records.{}.member.data", i + 1),
                    fmt::format("Member must have length less than or equal to {}", record_bytes_max));
  }
  if (auto error = validation.error()) return error;
  if (total > put_bytes_max) {
    return invalid_argument(fmt::format("Records size exceeds {} MB limit", put_bytes_max >> 20)).error();
  }
  return std::nullopt;
}

std::optional<AwsError> Kinesis::State::route(const stream::ShardSet& shards) {
  records.clear();
  const bool one_shard = shards.open_count() == 1;
  const ShardId first = shards.of(0);
  std::array<std::string_view, stream::md5_lanes> keys;
  std::array<size_t, stream::md5_lanes> places;  // whose keys they are
  std::array<stream::Md5Digest, stream::md5_lanes> digests;
  size_t waiting = 0;
  auto hash_waiting = [&] {
    stream::md5_of_short_keys({keys.data(), waiting}, digests);
    for (size_t i = 0; i < waiting; ++i) records[places[i]].shard = shards.of(to_hash_key(digests[i]));
    waiting = 0;
  };
  for (const Entry& entry : entries) {
    records.push_back({first, entry.key, entry.data});
    if (is_given(entry.hash_key)) [[unlikely]] {
      const auto key = stream::parse_hash_key(entry.hash_key);
      if (!key) {
        return invalid_argument(fmt::format("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
                                            "[0, 2^128-1]. Specified value was {}",
                                            entry.hash_key))
            .error();
      }
      records.back().shard = shards.of(*key);
    } else if (one_shard) {
      continue;
    } else if (entry.key.size() > stream::md5_lane_bytes_max) {
      records.back().shard = shards.of(to_hash_key(md5(entry.key)));
    } else {
      keys[waiting] = entry.key;
      places[waiting] = records.size() - 1;
      if (++waiting == stream::md5_lanes) hash_waiting();
    }
  }
  if (waiting > 0) hash_waiting();
  return std::nullopt;
}

Expected<stream::StreamPtr> Kinesis::State::stream_of(const Call& call, const PutArguments& arguments) const {
  const auto given = [](std::string_view text) { return is_given(text) ? std::optional(text) : std::nullopt; };
  const auto found = stream(call, given(arguments.stream_name), given(arguments.stream_arn));
  if (!found) return found;
  return readable_stream((*found)->name);
}

template <class WriteReply>
void Kinesis::State::put(Call& call, bool is_read, const PutArguments& arguments, WriteReply&& write_reply) {
  const bool is_ordered =
      !is_given(arguments.ordered_after) || is_whole_number(arguments.ordered_after, sequence_number_digits_max);
  if (!is_read || !is_ordered || !std::ranges::all_of(entries, is_sound)) {
    // The description allows what this way of reading does not understand.
    const AwsError unread{400, "SerializationException",
                          "Members are to stand there once, their names without escapes."};
    return call.answer.fail(refusal(call).value_or(unread));
  }
  if (const auto error = check_sizes(call)) return call.answer.fail(*error);
  const auto found = stream_of(call, arguments);
  if (!found) {
    // A name that no stream can have is wrong in another way; once a stream has it, it needs no check.
    return call.answer.fail(refusal(call).value_or(found.error()));
  }
  const stream::StreamPtr& stream = *found;
  if (is_given(arguments.ordered_after)) {
    // Of whichever shard: the key may have moved.
    const auto mismatch = stream->numbers(ShardId(0)).parse(arguments.ordered_after).mismatch;
    if (mismatch == base::SequenceFormat::Mismatch::not_a_number ||
        mismatch == base::SequenceFormat::Mismatch::other_log) {
      return call.answer.fail(
          invalid_argument(fmt::format("ExclusiveMinimumSequenceNumber {} used in PutRecord on stream {} under account "
                                       "{} is invalid because it did not come from this stream.",
                                       arguments.ordered_after, stream->name, options.account_id))
              .error());
    }
  }

  // Until they are appended, no shard is closed.
  const auto shards = stream->hold_shards();
  if (const auto error = route(*stream->shards())) return call.answer.fail(*error);
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
    Writer body;
  };
  Writer body(call.coding, 64 + records.size() * answer_bytes_per_record);
  write_reply(body, *stream);
  auto pending = std::make_shared<Pending>(Pending{std::move(call.answer), std::move(body)});
  stream->log()->when_durable(*group, [pending] { pending->answer.ok(std::move(pending->body)); });
}

void Kinesis::State::write_place(Writer& out, const stream::Stream& stream, size_t record, std::string& number) const {
  number.clear();
  stream.numbers(records[record].shard).append(number, sequences[record]);
  out.member("SequenceNumber").plain(number);
  number.clear();
  stream::append_shard_name(number, records[record].shard);
  out.member("ShardId").plain(number);
}

void Kinesis::State::put_record(Call& call) {
  PutArguments arguments;
  const bool is_read = parse_put_record(call, arguments);
  put(call, is_read, arguments, [&](Writer& out, const stream::Stream& stream) {
    std::string text;
    out.begin();
    write_place(out, stream, 0, text);
    out.end();
  });
}

void Kinesis::State::put_records(Call& call) {
  PutArguments arguments;
  const bool is_read = parse_put_records(call, arguments);
  put(call, is_read, arguments, [&](Writer& out, const stream::Stream& stream) {
    std::string text;
    out.begin();
    out.member("FailedRecordCount").integer(0);
    out.member("Records").begin_list();
    for (size_t i = 0; i < records.size(); ++i) {
      out.begin();
      write_place(out, stream, i, text);
      out.end();
    }
    out.end_list();
    out.end();
  });
}

}  // namespace millrace::api
