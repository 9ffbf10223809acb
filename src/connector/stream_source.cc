#include "connector/stream_source.h"

#include "connector/arrived.h"
#include "connector/options.h"
#include "connector/read_columns.h"
#include "data/json_decoder.h"

namespace millrace::connector {

namespace {

class JsonRecords final : public Decoder {
 public:
  JsonRecords(const data::Schema& schema, bool ignore_errors, std::string stream)
      : json_(schema, data::JsonDecoder::Options{ignore_errors}), stream_(std::move(stream)) {}

  size_t records_max() const override { return data::batch_rows_max; }

  Result<data::Batch> decode(size_t shard, std::span<const log::Record> records, SkipBad& skip) override {
    Arrived arrived;
    for (const log::Record& record : records) {
      arrived.next(record.time, json_.rows());
      auto added = json_.add(record.data);
      if (added) continue;
      const Error error = added.error().within(
          fmt::format("stream {}, record {} of shard {} (`millrace jobs resume JOB --skip {}` goes on after it; with "
                      "'json.ignore-parse-errors' = 'true' such records are skipped)",
                      stream_, record.sequence, shard, skip.next_time()));
      if (!skip.may_skip(error)) return std::unexpected(error);
    }
    data::Batch batch = json_.take();
    batch.arrivals = arrived.done(batch.rows);
    return batch;
  }

  uint64_t bad() const override { return json_.bad_records() + json_.bad_values(); }

 private:
  data::JsonDecoder json_;
  std::string stream_;
};

class StreamConnector final : public Connector {
 public:
  explicit StreamConnector(stream::Sources& streams) : streams_(streams) {}

  Result<Source> source(const sql::TableDefinition& definition, const sql::ScanNode& node) override {
    const std::string& name = definition.resource;
    TRY_ASSIGN(stream::Source records, streams_.source(name));
    Source source{.kind = "stream", .name = name, .records = std::move(records), .aggregated = true};
    source.decoder = std::make_unique<JsonRecords>(read_columns(node, definition), node.ignore_parse_errors, name);
    source.current_id = [this, name]() -> Result<uint64_t> {
      TRY_ASSIGN(const stream::Source now, streams_.source(name));
      return now.id;
    };
    return source;
  }

 private:
  stream::Sources& streams_;
};

}  // namespace

sql::ConnectorDescription describe_streams() {
  using Value = OptionDescription::Value;
  using Meaning = OptionDescription::Meaning;
  sql::ConnectorDescription description{.name = "kinesis", .label = "stream", .source = true};
  description.key = sql::ConnectorDescription::Key::none;
  description.resource_example = "'stream.arn' = 'arn:aws:kinesis:...:stream/NAME' or 'stream' = 'NAME'";
  description.start = sql::ScanNode::Start::latest;  // Flink's default
  description.options = {
      {.key = "stream.arn",
       .meaning = Meaning::resource_arn,
       .example = "arn:aws:kinesis:us-east-1:000000000000:stream/NAME"},
      {.key = "stream", .meaning = Meaning::resource},
      ignored("aws.region"),
      endpoint(),
      ignored("aws.credentials.provider"),
      ignored("aws.credentials.basic.accesskeyid"),
      ignored("aws.credentials.basic.secretkey"),
      start_position("source.init.position", "source.init.timestamp"),
      {.key = "source.init.timestamp"},
      start_position("scan.stream.initpos", "scan.stream.initpos-timestamp"),
      {.key = "scan.stream.initpos-timestamp"},
      ignored("source.reader.type"),
      ignored("source.reader.empty-records-fetch-interval"),
      ignored("source.shard.discovery.interval"),
      ignored("source.efo.consumer.name"),
      ignored("source.efo.lifecycle"),
      idle_timeout(),
      ahead_max(),
      {.key = "format", .value = Value::choice, .choices = {"json"}, .example = "json", .needed = true},
      ignore_parse_errors(),
      {.key = "json.timestamp-format.standard", .value = Value::choice, .choices = {"SQL", "ISO-8601"}},
  };
  return description;
}

std::unique_ptr<Connector> make_stream_connector(stream::Sources& streams) {
  return std::make_unique<StreamConnector>(streams);
}

}  // namespace millrace::connector
