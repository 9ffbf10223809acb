#include "api/kinesis_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/log.h"

namespace millrace::api {
namespace {

constexpr std::string_view stream_name_pattern = "[a-zA-Z0-9_.-]+";
constexpr size_t stream_name_size_max = 128;

bool is_stream_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

using Value = simdjson::ondemand::value;

// A token that only begins like null is not: whoever reads it then says that its type is wrong.
bool is_null(Value& value) {
  bool null = false;
  return !value.is_null().get(null) && null;
}

// Reads a value into a member; null leaves it unset. False: the value has another type.
bool read(Value value, std::optional<std::string>& member) {
  if (is_null(value)) return true;
  std::string_view text;
  if (value.get_string().get(text)) return false;
  member = text;
  return true;
}
bool read(Value value, std::optional<int64_t>& member) {
  if (is_null(value)) return true;
  int64_t number;
  if (value.get_int64().get(number)) return false;
  member = number;
  return true;
}
bool read(Value value, std::optional<double>& member) {
  if (is_null(value)) return true;
  double number;
  if (value.get_double().get(number)) return false;
  member = number;
  return true;
}

// Reads a structure's members by `each`; null leaves them unset.
template <class Each>
bool read_members(Value value, Each each) {
  if (is_null(value)) return true;
  simdjson::ondemand::object object;
  if (value.get_object().get(object)) return false;
  for (auto field : object) {
    std::string_view key;
    Value content;
    if (field.unescaped_key().get(key) || field.value().get(content) || !each(key, content)) return false;
  }
  return true;
}

bool read_filter(Value value, KinesisArguments& arguments) {
  arguments.has_filter = !is_null(value);
  return read_members(value, [&](std::string_view key, Value content) {
    if (key == "Type") return read(content, arguments.filter_type);
    if (key == "ShardId") return read(content, arguments.filter_shard_id);
    if (key == "Timestamp") return read(content, arguments.filter_timestamp);
    return true;
  });
}

bool read_mode(Value value, KinesisArguments& arguments) {
  return read_members(value, [&](std::string_view key, Value content) {
    return key != "StreamMode" || read(content, arguments.stream_mode);
  });
}

bool read_tags(Value value, KinesisArguments& arguments) {
  return read_members(value, [&](std::string_view, Value) { return arguments.has_tags = true; });
}

bool read_member(std::string_view key, Value value, KinesisArguments& arguments) {
  if (key == "StreamName") return read(value, arguments.stream_name);
  if (key == "StreamARN") return read(value, arguments.stream_arn);
  if (key == "ShardId") return read(value, arguments.shard_id);
  if (key == "ShardIteratorType") return read(value, arguments.iterator_type);
  if (key == "ShardIterator") return read(value, arguments.iterator);
  if (key == "StartingSequenceNumber") return read(value, arguments.starting_sequence_number);
  if (key == "ExclusiveStartShardId") return read(value, arguments.exclusive_start_shard_id);
  if (key == "ExclusiveStartStreamName") return read(value, arguments.exclusive_start_stream_name);
  if (key == "NextToken") return read(value, arguments.next_token);
  if (key == "ShardCount") return read(value, arguments.shard_count);
  if (key == "Limit") return read(value, arguments.limit);
  if (key == "MaxResults") return read(value, arguments.max_results);
  if (key == "Timestamp") return read(value, arguments.timestamp);
  if (key == "ShardFilter") return read_filter(value, arguments);
  if (key == "StreamModeDetails") return read_mode(value, arguments);
  if (key == "MaxRecordSizeInKiB") return read(value, arguments.record_kib_max);
  if (key == "Tags") return read_tags(value, arguments);
  return true;
}

}  // namespace

std::unexpected<AwsError> serialization_error(std::string_view what) {
  return std::unexpected(AwsError{400, "SerializationException", std::string(what)});
}

std::unexpected<AwsError> invalid_argument(std::string message) {
  return std::unexpected(AwsError{400, "InvalidArgumentException", std::move(message)});
}

void Validation::fail(std::string_view member, std::string_view value, std::string_view constraint) {
  failures_.push_back(fmt::format("Value {} at '{}' failed to satisfy constraint: {}", value, member, constraint));
}

void Validation::required(bool present, std::string_view member) {
  if (!present) fail(member, "null", "Member must not be null");
}

void Validation::between(const std::optional<int64_t>& value, int64_t least, int64_t most, std::string_view member) {
  if (!value) return;
  const std::string text = fmt::format("'{}'", *value);
  if (*value < least) fail(member, text, fmt::format("Member must have value greater than or equal to {}", least));
  if (*value > most) fail(member, text, fmt::format("Member must have value less than or equal to {}", most));
}

void Validation::stream_name(const std::optional<std::string>& name, std::string_view member) {
  if (!name) return;
  const std::string quoted = fmt::format("'{}'", *name);
  if (name->empty()) fail(member, quoted, "Member must have length greater than or equal to 1");
  if (name->size() > stream_name_size_max) {
    fail(member, quoted, fmt::format("Member must have length less than or equal to {}", stream_name_size_max));
  }
  if (!is_stream_name(*name)) {
    fail(member, quoted, fmt::format("Member must satisfy regular expression pattern: {}", stream_name_pattern));
  }
}

void Validation::one_of(const std::optional<std::string>& value, std::span<const std::string_view> values,
                        std::string_view member) {
  if (!value || std::find(values.begin(), values.end(), *value) != values.end()) return;
  fail(member, fmt::format("'{}'", *value),
       fmt::format("Member must satisfy enum value set: [{}]", fmt::join(values, ", ")));
}

std::optional<AwsError> Validation::error() const {
  if (failures_.empty()) return std::nullopt;
  return AwsError{400, "ValidationException",
                  fmt::format("{} validation error{} detected: {}", failures_.size(), failures_.size() == 1 ? "" : "s",
                              fmt::join(failures_, "; "))};
}

Kinesis::State::State(stream::Streams& streams, KinesisOptions given)
    : streams(streams),
      options(std::move(given)),
      clock(options.clock == nullptr ? base::system_clock() : *options.clock) {}

Expected<KinesisArguments> Kinesis::State::arguments(std::string_view body) {
  KinesisArguments found;
  if (body.empty()) return found;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document) ||
      document.get_object().get(object)) {
    return serialization_error("the body is not a JSON object");
  }
  for (auto field : object) {
    std::string_view key;
    Value value;
    if (field.unescaped_key().get(key)) return serialization_error("the body is not JSON");
    const std::string name(key);
    if (field.value().get(value)) return serialization_error("the body is not JSON");
    if (!read_member(name, value, found)) {
      return serialization_error(fmt::format("the member {} is not of the type that it should be", name));
    }
  }
  if (!ends_here(document)) return serialization_error("something follows the JSON object");
  return found;
}

Expected<stream::StreamPtr> Kinesis::State::stream(const KinesisArguments& arguments, Validation& validation) const {
  std::string_view name;
  if (arguments.stream_name) {
    name = *arguments.stream_name;
    validation.stream_name(arguments.stream_name, "streamName");
  } else if (arguments.stream_arn) {
    const size_t at = arguments.stream_arn->find(":stream/");
    if (!arguments.stream_arn->starts_with("arn:aws") || at == std::string::npos) {
      validation.fail("streamARN", fmt::format("'{}'", *arguments.stream_arn),
                      R"(Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+)");
    } else {
      name = std::string_view(*arguments.stream_arn).substr(at + 8);
    }
  }
  if (auto error = validation.error()) return std::unexpected(std::move(*error));
  if (!arguments.stream_name && !arguments.stream_arn) {
    return invalid_argument("Either StreamName or StreamARN must be given.");
  }
  return stream(name);
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
  if (shard && shard->value < stream.shard_count()) return *shard;
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

void append_seconds(std::string& out, ProcessingTime time) {
  fmt::format_to(std::back_inserter(out), "{}.{:03}", time.value / 1000, time.value % 1000);
}

}  // namespace millrace::api
