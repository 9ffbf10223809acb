#pragma once
// Records as the events that Lambda's event source mappings hand to functions, byte for byte in Lambda's shapes.
// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
// Private to this folder; pure; any thread.

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "base/sequence_format.h"
#include "log/block.h"
#include "stream/aggregated.h"
#include "table/table.h"

namespace millrace::function {

struct EventSource {
  std::string region;
  std::string arn;
  std::string shard_name;  // of a stream: "shardId-000000000000"
  base::SequenceFormat numbers{ShardId(0), 0};
  table::TablePtr table;  // of a change feed
  table::ViewType view = table::ViewType::new_image;
};

// Appends one element of "Records".
void put_stream_record(std::string& out, const EventSource& source, const log::Record& record);
// What a consumer library makes of an aggregated record: an element for each user record, which also has `aggregated`,
// `subSequenceNumber`, `explicitHashKey` if there is one, and an eventID of its own.
void put_user_record(std::string& out, const EventSource& source, const log::Record& record,
                     const stream::UserRecord& user);
Result<void> put_change_record(std::string& out, const EventSource& source, const log::Record& record);

}  // namespace millrace::function
