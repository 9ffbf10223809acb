#include "engine/scan.h"

#include <spdlog/spdlog.h>

#include "engine/attribute.h"
#include "log/log.h"
#include "table/item_json.h"

namespace millrace::engine {

namespace {

constexpr size_t excerpt_bytes_max = 120;

// A change becomes up to two rows.
constexpr size_t changes_per_batch_max = data::batch_rows_max / 2;

data::Schema read_columns(const sql::ScanNode& node, const sql::TableDefinition& definition) {
  data::Schema schema;
  for (int column : node.columns) {
    schema.push_back({definition.columns[column].name, definition.columns[column].type});
  }
  return schema;
}

// Gathers the rows' arrivals while records become rows, in the order of the log.
class Arrived {
 public:
  // A record follows; `rows`: how many have been made of those before it.
  void next(ProcessingTime time, size_t rows) {
    if (runs_.empty() || runs_.back().time != time) {
      if (!runs_.empty()) runs_.back().end = rows;
      runs_.push_back({0, time});
    }
  }
  // Null: all arrived together.
  std::shared_ptr<const data::Arrivals> done(size_t rows) {
    if (runs_.size() < 2) return nullptr;
    runs_.back().end = rows;
    return std::make_shared<const data::Arrivals>(std::move(runs_));
  }

 private:
  data::Arrivals runs_;
};

}  // namespace

// Changes of a table to rows: an insertion +1, a removal -1, a modification both.
class Scan::FeedDecoder {
 public:
  FeedDecoder(data::Schema schema, table::TablePtr table, bool retracts, bool ignore_errors)
      : schema_(std::move(schema)), table_(std::move(table)), retracts_(retracts), ignore_errors_(ignore_errors) {}

  Result<data::Batch> decode(std::span<const log::Record> records, Scan& scan) {
    auto arena = std::make_shared<data::StringArena>();
    std::vector<std::shared_ptr<data::Column>> columns;
    for (const auto& field : schema_) columns.push_back(std::make_shared<data::Column>(field.type, records.size() * 2));
    auto weights = std::make_shared<data::Weights>();
    Arrived arrived;
    for (const log::Record& record : records) {
      arrived.next(record.time, weights->size());
      TRY_ASSIGN(const table::Change change, table::decode_change(*table_, record));
      if (change.kind != table::Change::Kind::insert) {
        if (!retracts_) {
          ++bad_;
          continue;
        }
        if (!change.old_image) {
          return millrace::fail(ErrorKind::invalid_argument,
                                "the change feed of table {} has no old image at {}; it needs NEW_AND_OLD_IMAGES",
                                table_->name, record.sequence);
        }
        TRY(add(*change.old_image, record.sequence, columns, weights->size(), *arena, scan));
        weights->push_back(-1);
      }
      if (change.new_image) {
        TRY(add(*change.new_image, record.sequence, columns, weights->size(), *arena, scan));
        weights->push_back(1);
      }
    }
    data::Batch batch;
    batch.rows = weights->size();
    for (auto& column : columns) {
      column->resize(batch.rows);
      batch.columns.push_back(std::move(column));
    }
    batch.arrivals = arrived.done(batch.rows);
    if (retracts_) batch.weights = std::move(weights);
    batch.owners.push_back(std::move(arena));
    return batch;
  }

  uint64_t bad() const { return bad_; }

 private:
  Result<void> add(const table::Item& item, SequenceNumber sequence,
                   std::vector<std::shared_ptr<data::Column>>& columns, size_t row, data::StringArena& arena,
                   Scan& scan) {
    for (size_t n = 0; n < schema_.size(); ++n) {
      const auto found = item.find(schema_[n].name);
      if (found == item.end() || set_from_attribute(*columns[n], row, found->second, arena)) continue;
      if (!ignore_errors_ && !does_not_fit(schema_[n].type, found->second)) {
        std::string value;
        table::put_json(value, found->second);
        auto error = millrace::fail(ErrorKind::invalid_argument,
                                    "table {}, change {}: {} in the attribute {} is no {} (`millrace jobs resume JOB "
                                    "--skip {}` reads it as NULL this time, 'json.ignore-parse-errors' = 'true' "
                                    "always)",
                                    table_->name, table::sequence_format(*table_).text(sequence),
                                    value.substr(0, excerpt_bytes_max), schema_[n].name, to_string(schema_[n].type),
                                    scan.skip_next_time());
        if (!scan.may_skip(error.error())) return error;
      }
      ++bad_;
    }
    return {};
  }

  data::Schema schema_;
  table::TablePtr table_;
  bool retracts_;
  bool ignore_errors_;
  uint64_t bad_ = 0;
};

Scan::Scan(const sql::ScanNode& node, const sql::TableDefinition& definition, stream::Source source,
           table::TablePtr feed)
    : node_(node), resource_(definition.resource), source_(std::move(source)) {
  const data::Schema schema = read_columns(node, definition);
  if (feed) {
    feed_ = std::make_unique<FeedDecoder>(schema, std::move(feed), node.retracts, node.ignore_parse_errors);
  } else {
    json_ = std::make_unique<data::JsonDecoder>(schema, data::JsonDecoder::Options{node.ignore_parse_errors});
  }
}

Scan::~Scan() = default;

std::string Scan::label() const {
  return fmt::format("{} {}", feed_ ? "table" : "stream", resource_);
}

Result<uint64_t> Scan::current_id(Environment& environment) const {
  if (feed_) {
    TRY_ASSIGN(const table::TablePtr table, environment.tables().find(resource_));
    return table->keyspace.value;
  }
  TRY_ASSIGN(const stream::Source source, environment.streams().source(resource_));
  return source.id;
}

std::unexpected<Error> Scan::another_source() const {
  return millrace::fail(ErrorKind::not_found,
                        "{} is not the one that the job has read so far: that one was deleted; remove the job and "
                        "submit it again to read the new one",
                        label());
}

Result<void> Scan::check_source(Environment& environment) const {
  const auto id = current_id(environment);
  if (id) return *id == source_.id ? Result<void>() : another_source();
  if (id.error().kind != ErrorKind::not_found) return std::unexpected(id.error());
  return millrace::fail(ErrorKind::not_found,
                        "{} was deleted while the job read it; remove the job, and submit it again when there is "
                        "another one",
                        label());
}

Result<void> Scan::start() {
  const stream::ShardSetPtr set = source_.shards();
  std::vector<ShardId> first;
  switch (node_.start) {
    case sql::ScanNode::Start::trim_horizon:
      first = stream::oldest_shards(*set);
      break;
    case sql::ScanNode::Start::latest:
      first = stream::open_shards(*set);
      break;
    case sql::ScanNode::Start::at_timestamp: {
      TRY_ASSIGN(first, stream::shards_at(*set, *source_.log, ProcessingTime(node_.start_ms)));
      break;
    }
  }
  for (const ShardId shard : first) {
    TRY_ASSIGN(const log::ShardRange range, source_.log->range(shard));
    SequenceNumber next = node_.start == sql::ScanNode::Start::latest ? range.end : range.oldest;
    if (node_.start == sql::ScanNode::Start::at_timestamp) {
      TRY_ASSIGN(next, source_.log->find(shard, ProcessingTime(node_.start_ms)));
    }
    shards_.push_back(std::make_unique<Shard>(source_.shard(shard), next));
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
    followed.push_back({id, stream::is_finished(set, *source_.log, id, shard->reader.next())});
  }
  return followed;
}

Result<std::optional<ShardsChange>> Scan::follow(ProcessingTime now) {
  const stream::ShardSetPtr set = source_.shards();
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
    next.push_back(std::make_unique<Shard>(source_.shard(begin.shard)));
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
                        resource_, next, shard);
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
  if (read.error().kind != ErrorKind::trimmed) return std::unexpected(read.error().within(resource_));
  return passed_by_retention(shard, reader.next());
}

// The bad record is the decoder's to count.
bool Scan::may_skip(const Error& error) {
  if (skip_bad_ == nullptr || skip_bad_->left == 0) return false;
  --skip_bad_->left;
  ++skip_bad_->in_epoch;
  spdlog::warn("a record is left out as asked for: {}", error.message);
  return true;
}

// So many gets the job past the record that stops it now: those before it in the epoch come again.
uint64_t Scan::skip_next_time() const {
  return skip_bad_ == nullptr ? 1 : skip_bad_->in_epoch + 1;
}

void Scan::take_records(stream::Reader& reader) {
  const size_t records_max = json_ ? data::batch_rows_max : changes_per_batch_max;
  records_.clear();
  blocks_.clear();
  while (records_.size() < records_max) {
    const log::Record* const record = reader.peek();
    if (record == nullptr) return;
    if (blocks_.empty() || blocks_.back() != reader.block()) blocks_.push_back(reader.block());
    records_.push_back(*record);
    reader.pop();
  }
}

Result<data::Batch> Scan::decode_json(size_t shard) {
  Arrived arrived;
  for (const log::Record& record : records_) {
    arrived.next(record.time, json_->rows());
    auto added = json_->add(record.data);
    if (added) continue;
    const Error error = added.error().within(
        fmt::format("stream {}, record {} of shard {} (`millrace jobs resume JOB --skip {}` goes on after it; with "
                    "'json.ignore-parse-errors' = 'true' such records are skipped)",
                    resource_, record.sequence, shard, skip_next_time()));
    if (!may_skip(error)) return std::unexpected(error);
  }
  data::Batch batch = json_->take();
  batch.arrivals = arrived.done(batch.rows);
  return batch;
}

Result<size_t> Scan::pump(size_t number, ProcessingTime now) {
  stream::Reader& reader = shards_[number]->reader;
  const SequenceNumber first = reader.next();
  take_records(reader);
  activity_[number].at_end = records_.empty();
  if (records_.empty()) return 0;
  activity_[number].last_activity = now;

  auto decoded = json_ ? decode_json(number) : feed_->decode(records_, *this);
  if (!decoded) {
    reader.seek(first);  // nothing of it was pushed
    return std::unexpected(std::move(decoded).error());
  }
  data::Batch batch = std::move(*decoded);
  batch.owners.insert(batch.owners.end(), blocks_.begin(), blocks_.end());
  batch.shard = static_cast<uint32_t>(number);
  batch.arrived = records_.back().time;
  changed_ = true;
  rows_ += batch.rows;
  TRY(emit(batch));
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
  base::put_fixed(out, source_.id);
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
  if (id != source_.id) return another_source();
  const stream::ShardSetPtr set = source_.shards();
  std::vector<std::unique_ptr<Shard>> shards;
  for (uint64_t n = 0; n < count; ++n) {
    const ShardId shard(static_cast<uint32_t>(in.varint()));
    const SequenceNumber next(in.varint());
    if (!in.ok() || shard >= set->next_id()) {
      return millrace::fail(ErrorKind::corrupt, "the state of {} does not fit its shards", label());
    }
    const auto range = source_.log->range(shard);
    // Such as an older copy of the stream's directory. An empty shard that was let go leaves no trace in the log.
    const SequenceNumber end = range ? range->end : SequenceNumber(0);
    if (next > end) {
      return millrace::fail(
          ErrorKind::invalid_argument,
          "{} is not the one that the job has read so far: the job has come to record {} of shard {}, "
          "which ends at {}; remove the job and submit it again",
          label(), next, shard, end);
    }
    shards.push_back(std::make_unique<Shard>(source_.shard(shard), next));
  }
  std::lock_guard lock(shards_mutex_);
  shards_ = std::move(shards);
  return {};
}

stream::Reader::Lag Scan::lag(ProcessingTime now) const {
  const stream::ShardSetPtr set = source_.shards();
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
    if (const auto range = source_.log->range(later)) all.records += range->end.value - range->oldest.value;
  }
  return all;
}

Result<void> Scan::stop_at_end() {
  drain_ends_.emplace();
  for (const stream::Shard& shard : source_.shards()->all()) {
    TRY_ASSIGN(const log::ShardRange range, source_.log->range(shard.id));
    drain_ends_->emplace(shard.id, range.end);
  }
  return {};
}

uint64_t Scan::bad() const {
  return json_ ? json_->bad_records() + json_->bad_values() : feed_->bad();
}

}  // namespace millrace::engine
