#include "engine/scan.h"

#include <algorithm>
#include <span>

#include "log/log.h"
#include "stream/aggregated.h"

namespace millrace::engine {

std::unexpected<Error> Scan::another_source() const {
  return millrace::fail(ErrorKind::not_found,
                        "{} is not the one that the job has read so far: that one was deleted; remove the job and "
                        "submit it again to read the new one",
                        source_.label());
}

Result<void> Scan::check_source() const {
  const auto id = source_.current_id();
  if (id) return *id == source_.records.id ? Result<void>() : another_source();
  if (id.error().kind != ErrorKind::not_found) return std::unexpected(id.error());
  return millrace::fail(ErrorKind::not_found,
                        "{} was deleted while the job read it; remove the job, and submit it again when there is "
                        "another one",
                        source_.label());
}

Result<void> Scan::start() {
  const stream::ShardSetPtr set = source_.records.shards();
  std::vector<ShardId> first;
  switch (node_.start) {
    case sql::ScanNode::Start::trim_horizon:
      first = stream::oldest_shards(*set);
      break;
    case sql::ScanNode::Start::latest:
      first = stream::open_shards(*set);
      break;
    case sql::ScanNode::Start::at_timestamp: {
      TRY_ASSIGN(first, stream::shards_at(*set, *source_.records.log, ProcessingTime(node_.start_ms)));
      break;
    }
  }
  for (const ShardId shard : first) {
    TRY_ASSIGN(const log::ShardRange range, source_.records.log->range(shard));
    SequenceNumber next = node_.start == sql::ScanNode::Start::latest ? range.end : range.oldest;
    if (node_.start == sql::ScanNode::Start::at_timestamp) {
      TRY_ASSIGN(next, source_.records.log->find(shard, ProcessingTime(node_.start_ms)));
    }
    shards_.push_back(std::make_unique<Shard>(source_.records.shard(shard), next));
  }
  changed_ = true;
  return {};
}

void Scan::begin(ProcessingTime now) {
  activity_.assign(shards_.size(), ShardActivity{false, now});
  for (const auto& shard : shards_) shard->reader.commit();
}

std::vector<stream::Followed> Scan::followed(const stream::ShardSet& set) const {
  std::vector<stream::Followed> followed;
  for (const auto& shard : shards_) {
    const ShardId id = shard->reader.source().id;
    followed.push_back({id, stream::is_finished(set, *source_.records.log, id, shard->reader.next())});
  }
  return followed;
}

Result<std::optional<ShardsChange>> Scan::follow(ProcessingTime now) {
  const stream::ShardSetPtr set = source_.records.shards();
  if (!set->has_closed() && set->open_count() == shards_.size()) return std::nullopt;
  const auto followed = this->followed(*set);
  for (size_t n = 0; n < followed.size(); ++n) activity_[n].finished = followed[n].finished;
  const stream::FollowerStep step = stream::next_step(*set, followed);
  ShardsChange change;
  std::vector<std::unique_ptr<Shard>> next;
  std::vector<ShardActivity> activity;
  for (size_t n = 0; n < followed.size(); ++n) {
    if (std::ranges::find(step.forget, followed[n].shard) == step.forget.end()) {
      change.kept.push_back(n);
      activity.push_back(activity_[n]);
    }
  }
  for (const stream::FollowerStep::Begin& begin : step.begin) {
    if (drain_ends_ && !drain_ends_->contains(begin.shard)) continue;
    if (begin.after_gap) return passed_by_retention(begin.shard, SequenceNumber(0));
    std::vector<size_t>& parents = change.added.emplace_back();
    for (size_t n = 0; n < followed.size(); ++n) {
      if (std::ranges::find(begin.parents, followed[n].shard) != begin.parents.end()) parents.push_back(n);
    }
    activity.push_back({false, now});
    next.push_back(std::make_unique<Shard>(source_.records.shard(begin.shard)));
  }
  if (change.added.empty() && change.kept.size() == shards_.size()) return std::nullopt;
  std::lock_guard lock(shards_mutex_);
  std::vector<std::unique_ptr<Shard>> all;
  for (const size_t n : change.kept) all.push_back(std::move(shards_[n]));
  std::ranges::move(next, std::back_inserter(all));
  shards_ = std::move(all);
  activity_ = std::move(activity);
  changed_ = true;
  return change;
}

std::unexpected<Error> Scan::passed_by_retention(ShardId shard, SequenceNumber next) const {
  return millrace::fail(ErrorKind::trimmed,
                        "{}: the records after position {} of shard {} have been deleted by retention before the job "
                        "read them; remove the job and submit it again to start from what is left",
                        source_.name, next, shard);
}

Result<void> Scan::read(size_t number, size_t bytes_max) {
  stream::Reader& reader = shards_[number]->reader;
  if (reader.peek() != nullptr) return {};
  reader.forget();
  const ShardId shard = reader.source().id;
  if (drain_ends_) {
    const auto end = drain_ends_->find(shard);
    if (end == drain_ends_->end() || reader.next() >= end->second) return {};
  }
  const auto read = reader.read(bytes_max);
  if (read) return {};
  if (read.error().kind != ErrorKind::trimmed) return std::unexpected(read.error().within(source_.name));
  return passed_by_retention(shard, reader.next());
}

void Scan::take_records(stream::Reader& reader) {
  const size_t records_max = source_.decoder->records_max();
  records_.clear();
  blocks_.clear();
  while (records_.size() < records_max) {
    const log::Record* const record = reader.peek();
    if (record == nullptr) return;
    if (blocks_.empty() || blocks_.back() != reader.block()) blocks_.push_back(reader.block());
    if (!source_.aggregated || !stream::may_be_aggregated(record->data) ||
        !take_user_records(*record, reader.source().id)) {
      records_.push_back(*record);
    }
    reader.pop();
  }
}

// All of one, however many it has: a position is one of the log's.
bool Scan::take_user_records(const log::Record& record, ShardId shard) {
  const stream::ShardSetPtr set = source_.records.shards();
  const auto users = stream::open_aggregated(record.data, set->find(shard));
  if (!users) return false;
  for (const stream::UserRecord& user : *users) {
    records_.push_back({record.sequence, record.time, user.key, user.data});
  }
  return true;
}

// One batch, but for aggregated records, which may have more rows than that takes.
Result<std::vector<data::Batch>> Scan::decode(size_t number) {
  std::vector<data::Batch> batches;
  const size_t records_max = source_.decoder->records_max();
  for (std::span<const log::Record> left(records_); !left.empty();) {
    const auto some = left.first(std::min(records_max, left.size()));
    left = left.subspan(some.size());
    TRY_ASSIGN(data::Batch batch, source_.decoder->decode(number, some, *skip_bad_));
    batch.owners.insert(batch.owners.end(), blocks_.begin(), blocks_.end());
    batch.shard = static_cast<uint32_t>(number);
    batch.arrived = some.back().time;
    batches.push_back(std::move(batch));
  }
  return batches;
}

Result<size_t> Scan::pump(size_t number, ProcessingTime now) {
  stream::Reader& reader = shards_[number]->reader;
  const SequenceNumber first = reader.next();
  take_records(reader);
  changed_ |= reader.next() != first;
  activity_[number].at_end = records_.empty();
  if (records_.empty()) return 0;
  activity_[number].last_activity = now;

  auto batches = decode(number);
  if (!batches) {
    reader.seek(first);  // nothing of it was pushed
    return std::unexpected(std::move(batches).error());
  }
  for (const data::Batch& batch : *batches) {
    rows_ += batch.rows;
    TRY(emit(batch));
  }
  return records_.size();
}

Result<void> Scan::process(int, const data::Batch&) {
  return millrace::fail(ErrorKind::internal, "a source has no input");
}

void Scan::clear_changes() {
  changed_ = false;
  for (const auto& shard : shards_) shard->reader.commit();
}

void Scan::put_state(std::string& out, bool) const {
  base::put_fixed(out, source_.records.id);
  base::put_varint(out, shards_.size());
  for (const auto& shard : shards_) {
    base::put_varint(out, shard->reader.source().id.value);
    base::put_varint(out, shard->reader.next().value);
  }
}

Result<void> Scan::get_state(base::ByteReader& in) {
  const auto id = in.fixed<uint64_t>();
  const uint64_t count = in.varint();
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a source's state record ends early");
  if (id != source_.records.id) return another_source();
  const stream::ShardSetPtr set = source_.records.shards();
  std::vector<std::unique_ptr<Shard>> shards;
  for (uint64_t n = 0; n < count; ++n) {
    const ShardId shard(static_cast<uint32_t>(in.varint()));
    const SequenceNumber next(in.varint());
    if (!in.ok() || shard >= set->next_id()) {
      return millrace::fail(ErrorKind::corrupt, "the state of {} does not fit its shards", source_.label());
    }
    const auto range = source_.records.log->range(shard);
    // Such as an older copy of the stream's directory. An empty shard that was let go leaves no trace in the log.
    const SequenceNumber end = range ? range->end : SequenceNumber(0);
    if (next > end) {
      return millrace::fail(
          ErrorKind::invalid_argument,
          "{} is not the one that the job has read so far: the job has come to record {} of shard {}, "
          "which ends at {}; remove the job and submit it again",
          source_.label(), next, shard, end);
    }
    shards.push_back(std::make_unique<Shard>(source_.records.shard(shard), next));
  }
  std::lock_guard lock(shards_mutex_);
  shards_ = std::move(shards);
  return {};
}

stream::Reader::Lag Scan::lag(ProcessingTime now) const {
  const stream::ShardSetPtr set = source_.records.shards();
  stream::Reader::Lag all;
  std::vector<stream::Followed> followed;
  std::lock_guard lock(shards_mutex_);
  for (const auto& shard : shards_) {
    const stream::Reader::Lag lag = shard->reader.lag(now);
    all.records += lag.records;
    all.ms = std::max(all.ms, lag.ms);
    followed.push_back({shard->reader.source().id});
  }
  if (!set->has_closed()) return all;
  for (const ShardId later : stream::later_shards(*set, followed)) {
    if (const auto range = source_.records.log->range(later)) all.records += range->end.value - range->oldest.value;
  }
  return all;
}

Result<void> Scan::stop_at_end() {
  drain_ends_.emplace();
  for (const stream::Shard& shard : source_.records.shards()->all()) {
    TRY_ASSIGN(const log::ShardRange range, source_.records.log->range(shard.id));
    drain_ends_->emplace(shard.id, range.end);
  }
  return {};
}

}  // namespace millrace::engine
