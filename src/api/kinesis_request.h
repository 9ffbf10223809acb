#pragma once
// What the handlers of Kinesis share: the arguments of a request, AWS's sentences for what is wrong with them, and the
// names of things. Private to the Kinesis files of this folder; the reactor's thread.

#include <simdjson.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinesis.h"
#include "api/shard_iterator.h"
#include "aws/crypto.h"
#include "aws/protocol.h"
#include "log/log.h"
#include "stream/streams.h"

namespace millrace::api {

using aws::Answer;
using aws::AwsError;
using aws::Call;

template <class T>
using Expected = std::expected<T, AwsError>;

// Every member that the control operations and the reads take; a request sets those that it has.
struct KinesisArguments {
  std::optional<std::string> stream_name;
  std::optional<std::string> stream_arn;
  std::optional<std::string> shard_id;
  std::optional<std::string> iterator_type;
  std::optional<std::string> iterator;
  std::optional<std::string> starting_sequence_number;
  std::optional<std::string> exclusive_start_shard_id;
  std::optional<std::string> exclusive_start_stream_name;
  std::optional<std::string> next_token;
  std::optional<std::string> stream_mode;
  std::optional<std::string> filter_type;
  std::optional<std::string> filter_shard_id;
  std::optional<double> filter_timestamp;  // seconds
  bool has_filter = false;
  bool has_tags = false;
  std::optional<int64_t> shard_count;
  std::optional<int64_t> limit;
  std::optional<int64_t> max_results;
  std::optional<int64_t> record_kib_max;
  std::optional<double> timestamp;  // seconds
};

std::unexpected<AwsError> serialization_error(std::string_view what);
std::unexpected<AwsError> invalid_argument(std::string message);

// Gathers what breaks the service's model, as AWS does: all of it in one ValidationException.
class Validation {
 public:
  void fail(std::string_view member, std::string_view value, std::string_view constraint);
  void required(bool present, std::string_view member);
  void between(const std::optional<int64_t>& value, int64_t least, int64_t most, std::string_view member);
  void stream_name(const std::optional<std::string>& name, std::string_view member);
  void one_of(const std::optional<std::string>& value, std::span<const std::string_view> values,
              std::string_view member);
  // The error, if there is one.
  std::optional<AwsError> error() const;

 private:
  std::vector<std::string> failures_;
};

struct Kinesis::State {
  State(stream::Streams& streams, KinesisOptions given);

  // Reads the body of a control operation. SerializationException: not JSON, or a member of another type.
  Expected<KinesisArguments> arguments(std::string_view body);
  // The stream that a request names by name or ARN; ResourceNotFoundException, ValidationException.
  Expected<stream::StreamPtr> stream(const KinesisArguments& arguments, Validation& validation) const;
  Expected<stream::StreamPtr> stream(std::string_view name) const;
  // The same, active.
  Expected<stream::StreamPtr> readable_stream(std::string_view name) const;
  Expected<ShardId> shard(const stream::Stream& stream, std::string_view shard_id) const;
  std::string stream_arn(const Call& call, const stream::Stream& stream) const;

  void create_stream(Call& call);
  void delete_stream(Call& call);
  void describe_stream(Call& call);
  void describe_stream_summary(Call& call);
  void list_streams(Call& call);
  void list_shards(Call& call);
  void put_record(Call& call);
  void put_records(Call& call);
  void get_shard_iterator(Call& call);
  void get_records(Call& call);

  // kinesis_put.cc
  struct Entry {
    std::string_view key;
    std::string_view data;
    std::string_view hash_key;  // explicit; no data: not given
    bool has_key = false;
    bool has_data = false;
  };
  struct PutArguments {
    std::string_view stream_name;
    std::string_view stream_arn;
    std::string_view ordered_after;  // SequenceNumberForOrdering; each of the three without data: not given
  };
  std::optional<AwsError> parse_put_records(std::string_view body, PutArguments& put);
  std::optional<AwsError> parse_put_record(std::string_view body, PutArguments& put);
  std::optional<AwsError> read_entry(simdjson::ondemand::object object, Entry& entry, PutArguments* put);
  std::optional<AwsError> decode_data(simdjson::ondemand::value value, Entry& entry);
  std::optional<AwsError> check_entries(bool batch) const;
  void reserve_scratch(size_t bytes);
  // Fills `records`: each entry with its shard.
  std::optional<AwsError> route(const stream::Stream& stream);
  Expected<stream::StreamPtr> stream_of(const PutArguments& arguments) const;
  // Appends `entries` and answers when they are durable, with what `reply` makes of the sequence numbers.
  template <class MakeReply>
  void put(Call& call, const PutArguments& arguments, bool batch, MakeReply&& make_reply);

  stream::Streams& streams;
  KinesisOptions options;
  base::Clock& clock;
  KinesisCounters counters;
  simdjson::ondemand::parser parser;
  aws::Md5 md5;

  // Of the put under way; kept for their memory.
  std::vector<Entry> entries;
  std::vector<log::AppendRecord> records;
  std::vector<SequenceNumber> sequences;
  std::unique_ptr<char[]> scratch;  // decoded data
  size_t scratch_bytes = 0;
  size_t scratch_used = 0;
};

// Whether nothing follows the value that was walked.
bool ends_here(simdjson::ondemand::document& document);

// "1700000000.123": seconds, as AWS's JSON has times.
void append_seconds(std::string& out, ProcessingTime time);

}  // namespace millrace::api
