#include "api/kinesis.h"

#include "api/kinesis_model.h"
#include "api/kinesis_request.h"

namespace millrace::api {

Kinesis::Kinesis(stream::Streams& streams, KinesisOptions options)
    : state_(std::make_unique<State>(streams, std::move(options))) {}
Kinesis::~Kinesis() = default;

KinesisCounters Kinesis::counters() const {
  KinesisCounters counters = state_->counters;
  counters.records_out += state_->subscriptions->records_out();
  counters.bytes_out += state_->subscriptions->bytes_out();
  return counters;
}

void Kinesis::add_to(aws::Service& service) {
  using Method = void (State::*)(Call&);
  struct Named {
    std::string_view name;
    Method method;
    bool reads_itself = false;  // the way of every click
  };
  constexpr Named operations[] = {
      {"CreateStream", &State::create_stream},
      {"DecreaseStreamRetentionPeriod", &State::decrease_stream_retention_period},
      {"DeleteStream", &State::delete_stream},
      {"DescribeLimits", &State::describe_limits},
      {"DescribeStream", &State::describe_stream},
      {"DescribeStreamSummary", &State::describe_stream_summary},
      {"IncreaseStreamRetentionPeriod", &State::increase_stream_retention_period},
      {"ListStreams", &State::list_streams},
      {"ListShards", &State::list_shards},
      {"MergeShards", &State::merge_shards},
      {"PutRecord", &State::put_record, true},
      {"PutRecords", &State::put_records, true},
      {"SplitShard", &State::split_shard},
      {"UpdateShardCount", &State::update_shard_count},
      {"UpdateStreamMode", &State::update_stream_mode},
      {"GetShardIterator", &State::get_shard_iterator},
      {"GetRecords", &State::get_records},
      {"RegisterStreamConsumer", &State::register_stream_consumer},
      {"DescribeStreamConsumer", &State::describe_stream_consumer},
      {"ListStreamConsumers", &State::list_stream_consumers},
      {"DeregisterStreamConsumer", &State::deregister_stream_consumer},
      {"SubscribeToShard", &State::subscribe_to_shard},
  };
  for (const Named& each : operations) {
    service.add({aws::kinesis_protocol, std::string(each.name),
                 [state = state_.get(), method = each.method](Call& call) { (state->*method)(call); },
                 each.reads_itself ? nullptr : &kinesis_input(each.name)});
  }
}

}  // namespace millrace::api
