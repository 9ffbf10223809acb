#include "function/mapping_shard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>

#include "base/storage_failures.h"
#include "function/error_text.h"
#include "log/log.h"
#include "stream/aggregated.h"

namespace millrace::function {

namespace {

constexpr std::string_view event_begin = R"({"Records":[)";
constexpr std::string_view event_end = "]}";
constexpr size_t commit_bytes_max = log::LogOptions().group_bytes_max;

// Nothing that the function has done.
bool is_temporary(const Error& error) {
  return error.kind == ErrorKind::throttled || error.kind == ErrorKind::disk_full ||
         error.kind == ErrorKind::unavailable;
}

int64_t pause_ms_after(const Error& error) {
  return error.kind == ErrorKind::throttled ? MappingShard::commit_pause_ms : MappingShard::repair_pause_ms;
}

}  // namespace

table::TableDefinition failure_table(const MappingDefinition& mapping) {
  table::TableDefinition definition;
  definition.name = mapping.on_failure_table;
  definition.hash_key = {"mapping", table::KeyType::string};
  definition.range_key = {"batch", table::KeyType::string};
  return definition;
}

void MappingProgress::note_error(std::string_view error) {
  const std::lock_guard lock(mutex);
  counts.last_error = readable(error);
}

MappingShard::MappingShard(const Context& context, Source source, SequenceNumber position)
    : context_(context),
      source_(std::move(source)),
      reader_(source_.shard, position),
      records_max_(context.definition.batch_records_max) {}

void MappingShard::start() {
  // Before the first look, so that nothing that is written meanwhile goes unseen.
  subscription_ = source_.shard.log->subscribe(source_.shard.id, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake();
  });
  pump();
}

void MappingShard::stop() {
  state_ = State::stopped;
  subscription_.reset();
  context_.environment.reactor->cancel(timer_);
  set_retrying(false);
}

uint64_t MappingShard::lag_records() const {
  return reader_.lag(context_.environment.clock->now()).records;
}

int64_t MappingShard::oldest_waiting_ms(int64_t now_ms) const {
  const int64_t arrival_ms = arrival_ms_.load(std::memory_order_relaxed);
  return arrival_ms == 0 ? 0 : std::max<int64_t>(now_ms - arrival_ms, 0);
}

void MappingShard::wake() {
  if (woken_.exchange(true)) return;
  context_.environment.reactor->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

void MappingShard::pause(int64_t pause_ms, State state, void (MappingShard::*next)()) {
  state_ = state;
  context_.environment.reactor->cancel(timer_);
  timer_ = context_.environment.reactor->after_ms(pause_ms, [this, next] {
    timer_ = 0;
    if (state_ != State::committing) state_ = State::idle;
    (this->*next)();
  });
}

void MappingShard::set_retrying(bool retrying) {
  if (retrying == retrying_) return;
  retrying_ = retrying;
  const std::lock_guard lock(context_.progress.mutex);
  context_.progress.retrying += retrying ? 1 : -1;
}

void MappingShard::source_failed(const Error& error) {
  context_.progress.note_error(error.message);
  set_retrying(true);
  pause(repair_pause_ms, State::pausing, &MappingShard::pump);
}

void MappingShard::pump() {
  woken_ = false;
  if (state_ != State::idle) return;
  if (wait_for_more()) return;
  const size_t records_max = retry_end_ ? retry_end_->value - reader_.committed().value : records_max_;
  auto batch = make_batch(records_max, context_.definition.batch_bytes_max);
  if (!batch) return source_failed(batch.error());
  if (attempts_ == 0) set_retrying(false);
  if (batch->records == 0) {
    if (context_.at_end) context_.at_end();
    return;
  }
  window_over_ = false;
  context_.environment.reactor->cancel(timer_);
  timer_ = 0;
  batch_ = std::move(*batch);
  arrival_ms_ = batch_.arrival.value;
  state_ = State::invoking;
  context_.worker.invoke(std::move(batch_.event), weak_from_this(), [weak = weak_from_this()](const Outcome& outcome) {
    const auto self = weak.lock();
    if (self && self->state_ == State::invoking) self->on_outcome(outcome);
  });
}

Result<void> MappingShard::put_position(table::Transaction& transaction, SequenceNumber next) const {
  return transaction.put_record(position_key(context_.definition.name, source_.shard.id),
                                position_value(next, source_.identity));
}

// A batch that is not full waits until the window is over.
bool MappingShard::wait_for_more() {
  const MappingDefinition& definition = context_.definition;
  if (definition.batch_window_ms <= 0 || window_over_ || retry_end_) return false;
  const uint64_t waiting = lag_records();
  if (waiting == 0 || waiting >= records_max_) return false;
  if (timer_ == 0) {
    // The shard stays idle, so that a wake-up looks whether the batch is full now.
    timer_ = context_.environment.reactor->after_ms(definition.batch_window_ms, [this] {
      timer_ = 0;
      window_over_ = true;
      pump();
    });
  }
  return true;
}

// Reads on behind what is in memory. False: there is nothing more.
Result<bool> MappingShard::read_ahead() {
  auto read = reader_.read(read_ahead_bytes_max);
  if (!read) base::note_storage_failure(fmt::format("mapping {}", context_.definition.name), read.error());
  if (read || read.error().kind != ErrorKind::trimmed) return read;
  // What was read before goes to the function first.
  if (reader_.next() != reader_.committed()) return false;
  TRY_ASSIGN(const log::ShardRange range, source_.shard.log->range(source_.shard.id));
  spdlog::warn("mapping {}: retention has passed its position {} in shard {}, it goes on at {}",
               context_.definition.name, reader_.committed(), source_.shard.id, range.oldest);
  context_.progress.note_error("retention has passed the position; records were lost");
  reader_.seek(range.oldest);
  reader_.commit();
  retry_end_.reset();
  wake();
  return false;
}

// With all user records of an aggregated one, none of which has a position of its own: perhaps none at all.
Result<void> MappingShard::put_record(std::string& event, const log::Record& record) const {
  const auto begin = [&event] {
    if (event.size() > event_begin.size()) event += ',';
  };
  if (source_.event.table) {
    begin();
    return put_change_record(event, source_.event, record);
  }
  if (context_.definition.deaggregate && stream::may_be_aggregated(record.data)) {
    if (const auto users = stream::open_aggregated(record.data, source_.range ? &*source_.range : nullptr)) {
      for (const stream::UserRecord& user : *users) {
        begin();
        put_user_record(event, source_.event, record, user);
      }
      return {};
    }
  }
  begin();
  put_stream_record(event, source_.event, record);
  return {};
}

Result<MappingShard::Batch> MappingShard::make_batch(size_t records_max, size_t bytes_max) {
  Batch batch;
  reader_.seek(reader_.committed());
  batch.first = reader_.next();
  batch.event = event_begin;
  while (batch.records < records_max) {
    const log::Record* const record = reader_.peek();
    if (record == nullptr) {
      TRY_ASSIGN(const bool more, read_ahead());
      if (!more) break;
      continue;
    }
    const size_t before = batch.event.size();
    TRY(put_record(batch.event, *record));
    if (batch.records > 0 && batch.event.size() + event_end.size() > bytes_max) {
      batch.event.resize(before);
      break;
    }
    if (batch.records == 0) batch.arrival = record->time;
    ++batch.records;
    reader_.pop();
  }
  batch.end = reader_.next();
  batch.event += event_end;
  return batch;
}

void MappingShard::on_outcome(const Outcome& outcome) {
  {
    const std::lock_guard lock(context_.progress.mutex);
    double& average = context_.progress.counts.invocation_ms;
    average = average == 0 ? outcome.took_ms : average * 0.9 + outcome.took_ms * 0.1;
  }
  if (!outcome.succeeded) return batch_failed(outcome.error);
  auto answer = parse_answer(outcome.body, source_.event.numbers);
  if (!answer) return refuse_effects(answer.error().message);
  answer_ = std::move(*answer);
  commit_answer();
}

void MappingShard::commit_answer() {
  SequenceNumber target = batch_.end;
  if (answer_.lowest_failed) {
    // As in Lambda: a number that is not of this batch fails all of it.
    const bool known = *answer_.lowest_failed >= batch_.first && *answer_.lowest_failed < batch_.end;
    target = known ? *answer_.lowest_failed : batch_.first;
    if (target == batch_.first) {
      std::string error = "the function reported the first record of the batch as failed";
      return answer_.effects.empty() ? batch_failed(std::move(error)) : refuse_effects(std::move(error));
    }
  }
  const auto committed = try_commit_answer(target);
  if (!committed && is_temporary(committed.error())) {
    context_.progress.note_error(committed.error().message);
    set_retrying(true);
    return pause(pause_ms_after(committed.error()), State::committing, &MappingShard::commit_answer);
  }
  if (!committed && committed.error().kind == ErrorKind::limit_exceeded) return effects_too_large(committed.error());
  if (!committed) return refuse_effects("the effects were refused: " + committed.error().message);
  {
    const std::lock_guard lock(context_.progress.mutex);
    MappingStatus& counts = context_.progress.counts;
    counts.records += target.value - batch_.first.value;
    ++counts.batches;
    counts.effects += answer_.effects.size();
  }
  const SequenceNumber end = batch_.end;
  answer_ = {};
  records_max_ = std::min(2 * records_max_, context_.definition.batch_records_max);
  advance(target);
  if (target == end) return;
  batch_.first = target;
  batch_.end = end;
  batch_failed("the function reported records of the batch as failed");
}

Result<void> MappingShard::try_commit_answer(SequenceNumber target) {
  TRY_ASSIGN(const auto transaction, context_.environment.tables->try_begin());
  for (const table::WriteRequest& effect : answer_.effects) {
    const auto written = transaction->write(effect);
    if (!written) return std::unexpected(written.error().within(effect.table));
    if (!written->condition_held) {
      return fail(ErrorKind::condition_failed, "{}: the condition `{}` did not hold", effect.table,
                  effect.condition_expression);
    }
    // In time: the items may be much larger than what the function has said about them.
    if (transaction->bytes() > commit_bytes_max) {
      return fail(ErrorKind::limit_exceeded, "over {} bytes", commit_bytes_max);
    }
  }
  TRY(put_position(*transaction, target));
  TRY(transaction->commit());
  context_.environment.tables->flush();
  return {};
}

void MappingShard::advance(SequenceNumber target) {
  reader_.seek(target);
  reader_.commit();
  reader_.forget();
  arrival_ms_ = 0;
  attempts_ = 0;
  retry_end_.reset();
  failure_.clear();
  set_retrying(false);
  state_ = State::idle;
  // Not at once: the answer to the function goes out first, and other shards get their turn.
  wake();
}

// What a commit takes is bounded, and the effects of fewer records are smaller.
void MappingShard::effects_too_large(const Error& error) {
  const uint64_t records = batch_.end.value - batch_.first.value;
  if (records == 1) {
    return refuse_effects(fmt::format(
        "the effects of one record, {}, are more than one commit takes ({}): let the function write less for it",
        source_.event.numbers.text(batch_.first), error.message));
  }
  const std::string text = fmt::format(
      "the effects of {} records are more than one commit takes ({}): half of them come again", records, error.message);
  records_max_ = records / 2;
  retry_end_ = SequenceNumber(batch_.first.value + records_max_);
  context_.progress.note_error(text);
  answer_ = {};
  context_.worker.restart(text);
  state_ = State::idle;
  wake();
}

void MappingShard::refuse_effects(std::string error) {
  error = readable(error);
  answer_ = {};
  context_.worker.restart(error);
  batch_failed(std::move(error));
}

void MappingShard::batch_failed(std::string error) {
  const MappingDefinition& definition = context_.definition;
  error = readable(error);
  ++attempts_;
  retry_end_ = batch_.end;
  const bool again = definition.retries_max < 0 || attempts_ <= definition.retries_max;
  {
    const std::lock_guard lock(context_.progress.mutex);
    context_.progress.counts.last_error = error;
    if (again) ++context_.progress.counts.retries;
  }
  set_retrying(true);
  if (again) {
    const int64_t pause_ms = std::min(retry_pause_ms_max, retry_pause_ms << std::min(attempts_ - 1, 10));
    // Less and less often: the status says it all the time.
    if (std::has_single_bit(static_cast<unsigned>(attempts_))) {
      spdlog::warn("mapping {}: batch {} to {} of shard {} failed, attempt {}; it comes again after {:.1f} s: {}",
                   definition.name, batch_.first, batch_.end.value - 1, source_.shard.id, attempts_,
                   static_cast<double>(pause_ms) / 1000, error);
    }
    return pause(pause_ms, State::pausing, &MappingShard::pump);
  }
  spdlog::error("mapping {}: batch {} to {} of shard {} failed for good after {} attempts: {}", definition.name,
                batch_.first, batch_.end.value - 1, source_.shard.id, attempts_, error);
  failure_ = std::move(error);
  commit_failure();
}

void MappingShard::commit_failure() {
  const auto committed = try_commit_failure();
  if (!committed) {
    context_.progress.note_error(committed.error().message);
    return pause(pause_ms_after(committed.error()), State::committing, &MappingShard::commit_failure);
  }
  {
    const std::lock_guard lock(context_.progress.mutex);
    ++context_.progress.counts.failed_batches;
  }
  advance(batch_.end);
}

Result<void> MappingShard::try_commit_failure() {
  const std::string& name = context_.definition.on_failure_table;
  table::Tables& tables = *context_.environment.tables;
  std::optional<table::WriteRequest> item;
  if (!name.empty()) {
    TRY(ensure_failure_table());
    TRY_ASSIGN(item, failure_item());
  }
  TRY_ASSIGN(const auto transaction, tables.try_begin());
  if (item) TRY(transaction->write(*item));
  TRY(put_position(*transaction, batch_.end));
  TRY(transaction->commit());
  tables.flush();
  return {};
}

Result<void> MappingShard::ensure_failure_table() {
  table::Tables& tables = *context_.environment.tables;
  table::TableDefinition wanted = failure_table(context_.definition);
  const auto found = tables.find(wanted.name);
  if (!found && found.error().kind == ErrorKind::not_found) {
    TRY(tables.create(std::move(wanted)));
    return {};
  }
  if (!found) return std::unexpected(found.error());
  const auto same = [](const table::KeyAttribute& a, const table::KeyAttribute& b) {
    return a.name == b.name && a.type == b.type;
  };
  const table::TableDefinition& there = **found;
  if (same(there.hash_key, wanted.hash_key) && there.range_key && same(*there.range_key, *wanted.range_key)) return {};
  return fail(ErrorKind::invalid_argument,
              "on_failure_table: the keys of {} must be `mapping` (S) and `batch` (S); delete it, and it is made anew",
              wanted.name);
}

Result<table::WriteRequest> MappingShard::failure_item() {
  TRY_ASSIGN(Batch batch, make_batch(batch_.end.value - batch_.first.value, failed_records_bytes_max));
  // One record may be larger than the bound all by itself.
  const bool fits = batch.event.size() <= failed_records_bytes_max;
  const std::string_view records =
      std::string_view(batch.event).substr(event_begin.size() - 1, batch.event.size() - event_begin.size());
  const uint64_t all = batch_.end.value - batch_.first.value;
  table::WriteRequest request;
  request.kind = table::WriteRequest::Kind::put;
  request.table = context_.definition.on_failure_table;
  const auto number = [](uint64_t value) { return table::AttributeValue(static_cast<int64_t>(value)); };
  request.item = {
      {"mapping", context_.definition.name},
      {"batch", fmt::format("{:010}-{:020}-{}", source_.shard.id.value, batch_.first.value, source_.identity.id)},
      {"function", context_.definition.function},
      {"error", failure_},
      {"attempts", number(static_cast<uint64_t>(attempts_))},
      {"first_sequence", source_.event.numbers.text(batch_.first)},
      {"last_sequence", source_.event.numbers.text(SequenceNumber(batch_.end.value - 1))},
      {"records", fits ? std::string(records) : std::string("[]")},
      {"records_left_out", number(all - (fits ? batch.records : 0))},
      {"failed_ms", number(static_cast<uint64_t>(context_.environment.clock->now().value))},
  };
  return request;
}

}  // namespace millrace::function
