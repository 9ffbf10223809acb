#include "send/lanes.h"

#include <algorithm>
#include <utility>

namespace millrace::send {

SendLanes::SendLanes(const client::Endpoint& endpoint, std::string stream, client::ShardMap shards,
                     size_t connections_max, int64_t retry_for_ms, std::stop_token stop)
    : endpoint_(endpoint),
      stream_(std::move(stream)),
      shards_(std::move(shards)),
      retry_for_ms_(retry_for_ms),
      stop_(std::move(stop)) {
  const size_t count = std::clamp<size_t>(connections_max, 1, shards_.size());
  for (size_t i = 0; i < count; ++i) lanes_.push_back(std::make_unique<Lane>());
  for (auto& lane : lanes_) lane->thread = std::thread([this, &lane = *lane] { run(lane); });
}

SendLanes::~SendLanes() {
  stopped_ = true;
  {
    const std::lock_guard lock(mutex_);
    for (auto& lane : lanes_) {
      lane->ended = true;
      lane->waiting.clear();
      lane->gathering = {};
      lane->changed.notify_all();
    }
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

Result<void> SendLanes::put(std::string key, std::string data, Place place) {
  Lane& lane = *lanes_[shards_.shard_of(key) % lanes_.size()];
  // In the call's body the data is base64.
  const size_t bytes = key.size() + data.size() * 4 / 3 + 40;
  std::unique_lock lock(mutex_);
  if (failure_) return std::unexpected(*failure_);
  if (lane.gathering.records.size() >= batch_records_max ||
      (!lane.gathering.records.empty() && lane.gathering.bytes + bytes > batch_bytes_max)) {
    lane.waiting.push_back(std::exchange(lane.gathering, {}));
    lane.changed.notify_all();
    lane.changed.wait(lock, stop_, [&] { return failure_ || lane.waiting.size() < batches_waiting_max; });
    if (failure_) return std::unexpected(*failure_);
  }
  if (lane.gathering.records.empty()) lane.gathering.first = place;
  last_ = place;
  lane.gathering.bytes += bytes;
  lane.gathering.records.push_back({std::move(key), std::move(data)});
  return {};
}

Place SendLanes::acknowledged_to() const {
  const std::lock_guard lock(mutex_);
  Place place = last_;
  for (const auto& lane : lanes_) {
    std::optional<Place> first = lane->under_way;
    if (!first && !lane->waiting.empty()) first = lane->waiting.front().first;
    if (!first && !lane->gathering.records.empty()) first = lane->gathering.first;
    if (first) place = std::min(place, Place{first->file, first->line - 1});
  }
  return place;
}

void SendLanes::flush() {
  const std::lock_guard lock(mutex_);
  for (auto& lane : lanes_) {
    lane->flushed = true;
    if (!lane->gathering.records.empty()) lane->changed.notify_all();
  }
}

Result<void> SendLanes::finish() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& lane : lanes_) {
      lane->ended = true;
      lane->changed.notify_all();
    }
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
  if (failure_) return std::unexpected(*failure_);
  return {};
}

SendLanes::Batch SendLanes::take(Lane& lane) {
  std::unique_lock lock(mutex_);
  lane.under_way.reset();
  const auto may_go = [&] { return !lane.gathering.records.empty() && (lane.flushed || lane.ended); };
  lane.changed.wait(lock, [&] { return failure_ || lane.ended || !lane.waiting.empty() || may_go(); });
  Batch batch;
  if (failure_) return batch;
  if (!lane.waiting.empty()) {
    batch = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    lane.changed.notify_all();
  } else if (may_go()) {
    batch = std::exchange(lane.gathering, {});
    lane.flushed = false;
  }
  if (!batch.records.empty()) lane.under_way = batch.first;
  return batch;
}

void SendLanes::run(Lane& lane) {
  client::Api api(endpoint_);
  client::PutRecordsBody body(stream_);
  for (;;) {
    Batch batch = take(lane);
    if (batch.records.empty()) return;
    const auto delivered = deliver(api, std::move(batch.records), body);
    if (delivered) continue;
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = delivered.error();
    for (auto& other : lanes_) other->changed.notify_all();
    return;
  }
}

Result<void> SendLanes::deliver(client::Api& api, std::vector<client::StreamRecord> records,
                                client::PutRecordsBody& body) {
  client::Patience patience(retry_for_ms_);
  while (!records.empty()) {
    const auto failed = client::put_records(api, records, body);
    Error problem{ErrorKind::throttled, fmt::format("the stream `{}` takes no more records", stream_)};
    if (failed) {
      acknowledged_ += records.size() - failed->size();
      if (failed->size() < records.size()) patience.reset();
      std::vector<client::StreamRecord> rest;
      for (const size_t index : *failed) {
        if (index < records.size()) rest.push_back(std::move(records[index]));
      }
      records = std::move(rest);
      if (records.empty()) return {};
    } else {
      problem = failed.error();
      if (!client::may_pass(problem)) return std::unexpected(problem);
      if (problem.kind != ErrorKind::throttled) resent_ += records.size();
    }
    ++retries_;
    if (stopped_ || stop_.stop_requested()) return std::unexpected(problem);
    if (!patience.next()) {
      return fail(problem.kind, "{} (gave up after {} s)", problem.message, retry_for_ms_ / 1000);
    }
  }
  return {};
}

}  // namespace millrace::send
