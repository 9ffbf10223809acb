#pragma once
// What the handlers of Kinesis share: the streams that requests name, AWS's sentences for what is wrong, and the names
// of things. A request's members are described (api/kinesis_model.h) and come as `call.input`. Private to the Kinesis
// files of this folder; the reactor's thread.

#include <simdjson.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinesis.h"
#include "api/shard_iterator.h"
#include "api/shard_subscriptions.h"
#include "aws/cbor.h"
#include "aws/coding.h"
#include "aws/crypto.h"
#include "aws/protocol.h"
#include "log/log.h"
#include "stream/lineage.h"
#include "stream/streams.h"

namespace millrace::api {

using aws::Answer;
using aws::AwsError;
using aws::Call;
using aws::Writer;

template <class T>
using Expected = std::expected<T, AwsError>;

std::unexpected<AwsError> serialization_error(std::string_view what);
std::unexpected<AwsError> invalid_argument(std::string message);

struct Kinesis::State {
  State(stream::Streams& streams, KinesisOptions given);

  // The stream that a request names by its name, its ARN or both. ResourceNotFoundException: there is none, such as one
  // of another region or account; InvalidArgumentException: no name, or two.
  Expected<stream::StreamPtr> stream(const Call& call) const;
  Expected<stream::StreamPtr> stream(const Call& call, std::optional<std::string_view> name,
                                     std::optional<std::string_view> arn) const;
  Expected<stream::StreamPtr> stream(std::string_view name) const;
  // The same, active.
  Expected<stream::StreamPtr> readable_stream(std::string_view name) const;
  // One that is there, open or closed. ResourceNotFoundException.
  Expected<ShardId> shard(const stream::Stream& stream, std::string_view shard_id) const;
  // The stream that a page of ListShards goes on in.
  Expected<stream::StreamPtr> stream_of_page(const ShardIterator& token) const;
  std::string stream_arn(const Call& call, const stream::Stream& stream) const;
  // Where a reader begins in an active stream, as GetShardIterator and SubscribeToShard are told.
  struct Start {
    std::string_view type;
    std::optional<std::string_view> sequence_number;
    std::optional<ProcessingTime> time;
  };
  Expected<SequenceNumber> position(const Call& call, const stream::Stream& stream, ShardId shard,
                                    const Start& start) const;
  // The consumer that a request names by its ARN, or its name and the stream's ARN.
  struct StreamConsumer {
    stream::StreamPtr stream;
    stream::Consumer consumer;
  };
  Expected<StreamConsumer> consumer(const Call& call) const;

  void create_stream(Call& call);
  void delete_stream(Call& call);
  void describe_stream(Call& call);
  void describe_stream_summary(Call& call);
  void list_streams(Call& call);
  void list_shards(Call& call);
  // kinesis_reshard.cc
  void split_shard(Call& call);
  void merge_shards(Call& call);
  void update_shard_count(Call& call);
  void increase_stream_retention_period(Call& call);
  void decrease_stream_retention_period(Call& call);
  void set_retention(Call& call, bool increase);
  void update_stream_mode(Call& call);
  void describe_limits(Call& call);
  // Changes the stream that is named and answers with `body` when it has changed.
  void change(Call& call, const stream::StreamPtr& stream, stream::Streams::Edit edit,
              std::optional<Writer> body = std::nullopt);
  AwsError not_active(const stream::Stream& stream) const;

  void put_record(Call& call);
  void put_records(Call& call);
  void get_shard_iterator(Call& call);
  void get_records(Call& call);
  void register_stream_consumer(Call& call);
  void describe_stream_consumer(Call& call);
  void list_stream_consumers(Call& call);
  void deregister_stream_consumer(Call& call);
  void subscribe_to_shard(Call& call);

  // kinesis_put.cc
  struct Entry {
    std::string_view key;
    std::string_view data;
    std::string_view hash_key;  // explicit; no data: not given
    bool has_data = false;
  };
  struct PutArguments {
    std::string_view stream_name;
    std::string_view stream_arn;
    std::string_view ordered_after;  // SequenceNumberForOrdering; each of the three without data: not given
  };
  // Fill `entries`. False: refusal() says why the body is wrong.
  bool parse_put_records(const Call& call, PutArguments& put);
  bool parse_put_record(const Call& call, PutArguments& put);
  bool parse_json_records(std::string_view body, PutArguments& put);
  bool parse_cbor_records(aws::cbor::Reader& in, PutArguments& put);
  bool read_entry(simdjson::ondemand::object object, Entry& entry, PutArguments* put);
  static bool read_entry(aws::cbor::Reader& in, Entry& entry, PutArguments* put);
  template <class Name>
  static std::string_view* text_member(const Name& name, Entry& entry, PutArguments* put);
  bool decode_data(simdjson::ondemand::value value, Entry& entry);
  // Whether it is as described, but for its size; if not, refusal() says why.
  static bool is_sound(const Entry& entry);
  // Reads a put once more, slowly, as it is described: what is wrong with it, if anything is.
  std::optional<AwsError> refusal(const Call& call);
  std::optional<AwsError> check_sizes(const Call& call) const;
  void reserve_scratch(size_t bytes);
  // Fills `records`: each entry with its shard.
  std::optional<AwsError> route(const stream::ShardSet& shards);
  Expected<stream::StreamPtr> stream_of(const Call& call, const PutArguments& arguments) const;
  // Appends `entries`, which were read from the body if `is_read`, and answers when they are durable, with what
  // `write_reply` makes of the sequence numbers.
  template <class WriteReply>
  void put(Call& call, bool is_read, const PutArguments& arguments, WriteReply&& write_reply);
  // The members that tell where a record is now; `number` is room for them.
  void write_place(Writer& out, const stream::Stream& stream, size_t record, std::string& number) const;

  stream::Streams& streams;
  KinesisOptions options;
  base::Clock& clock;
  KinesisCounters counters;  // without those of subscriptions
  const std::shared_ptr<ShardSubscriptions> subscriptions;
  simdjson::ondemand::parser parser;
  aws::RequestReader reader;  // of what is refused
  aws::Md5 md5;

  // Of the put under way; kept for their memory.
  std::vector<Entry> entries;
  std::vector<log::AppendRecord> records;
  std::vector<SequenceNumber> sequences;
  std::optional<aws::cbor::Reader> cbor;  // has what came in pieces
  std::unique_ptr<char[]> scratch;        // data that was base64
  size_t scratch_bytes = 0;
  size_t scratch_used = 0;
};

// A record as readers are told it; `number` is room for its number, used again and again.
void write_record(Writer& out, const base::SequenceFormat& numbers, const log::Record& record, std::string& number);

// The shards that took over from a closed one of which all before `next` was read; nothing: there is more to come.
std::optional<std::vector<stream::Shard>> children_at_end(const stream::Stream& stream, ShardId shard,
                                                          SequenceNumber next);
void write_children(Writer& out, const std::vector<stream::Shard>& children);
void write_hash_key_range(Writer& out, const stream::Shard& shard);

// A number that a reader may go on from at `next`, AFTER_SEQUENCE_NUMBER or AT_SEQUENCE_NUMBER: of the record before
// it, which comes again in the second case. Before the first record lies 0, as Kinesis allows it to be written.
std::string sequence_number_before(const base::SequenceFormat& numbers, SequenceNumber next);

// Whether nothing follows the value that was walked.
bool ends_here(simdjson::ondemand::document& document);

}  // namespace millrace::api
