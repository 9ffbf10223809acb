#include "function/event_json.h"

#include <array>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/json_string.h"
#include "table/item_json.h"

namespace millrace::function {

namespace {

void put_record(std::string& out, const EventSource& source, const log::Record& record,
                const stream::UserRecord* user) {
  const std::string sequence = source.numbers.text(record.sequence);
  out += R"({"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":)";
  base::append_json_string(out, user != nullptr ? user->key : record.key);
  if (user != nullptr && user->explicit_hash_key) {
    out += R"(,"explicitHashKey":)";
    base::append_json_string(out, *user->explicit_hash_key);
  }
  out += R"(,"sequenceNumber":")";
  out += sequence;
  out += '"';
  std::string place;
  if (user != nullptr) {
    fmt::format_to(std::back_inserter(out), R"(,"subSequenceNumber":{},"aggregated":true)", user->number);
    place = fmt::format(":{}", user->number);
  }
  out += R"(,"data":")";
  base::append_base64(out, user != nullptr ? user->data : record.data);
  fmt::format_to(std::back_inserter(out), R"(","approximateArrivalTimestamp":{}.{:03}}},)", record.time.value / 1000,
                 record.time.value % 1000);
  fmt::format_to(
      std::back_inserter(out),
      R"("eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"{}:{}{}",)"
      R"("eventName":"aws:kinesis:record",)"
      R"("invokeIdentityArn":"arn:aws:iam::000000000000:role/millrace","awsRegion":"{}","eventSourceARN":"{}"}})",
      source.shard_name, sequence, place, source.region, source.arn);
}

}  // namespace

void put_stream_record(std::string& out, const EventSource& source, const log::Record& record) {
  put_record(out, source, record, nullptr);
}

void put_user_record(std::string& out, const EventSource& source, const log::Record& record,
                     const stream::UserRecord& user) {
  put_record(out, source, record, &user);
}

Result<void> put_change_record(std::string& out, const EventSource& source, const log::Record& record) {
  const uint64_t place = record.sequence.value;
  const uint64_t feed = base::hash64(source.arn);
  fmt::format_to(std::back_inserter(out),
                 R"({{"eventID":"{:016x}{:016x}","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{}",)",
                 feed, place, source.region);
  TRY(table::put_change_json(out, *source.table, record, source.view));
  fmt::format_to(std::back_inserter(out), R"(,"eventSourceARN":"{}"}})", source.arn);
  return {};
}

}  // namespace millrace::function
