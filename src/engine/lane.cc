#include "engine/lane.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "log/log.h"

namespace millrace::engine {

namespace {

constexpr int64_t rate_window_ns = 1'000'000'000;
constexpr int64_t rate_idle_ns = 5 * rate_window_ns;  // without a commit for so long, nothing comes in
constexpr size_t read_ahead_rows_min = 1000;

bool may_succeed_later(ErrorKind kind) {
  return kind == ErrorKind::throttled || kind == ErrorKind::disk_full;
}

}  // namespace

// Commits that are not durable yet, counted down by the store's callbacks.
struct Lane::InFlight {
  std::mutex mutex;
  std::function<void()> wake;
  std::atomic<int> commits = 0;

  void call() {
    std::lock_guard lock(mutex);
    if (wake) wake();
  }
};

Lane::Lane(Environment& environment, const LaneOptions& options, std::string_view job, uint64_t plan_hash)
    : environment_(environment),
      options_(options),
      job_(job),
      plan_hash_(plan_hash),
      state_log_(environment.storage(), job),
      in_flight_(std::make_shared<InFlight>()) {}

Lane::~Lane() {
  subscriptions_.clear();
  std::lock_guard lock(in_flight_->mutex);
  in_flight_->wake = nullptr;
}

Result<std::unique_ptr<Lane>> Lane::make(const sql::Plan& plan, std::string_view job, uint64_t plan_hash,
                                         Environment& environment, const LaneOptions& options,
                                         std::function<void()> wake) {
  std::unique_ptr<Lane> lane(new Lane(environment, options, job, plan_hash));
  lane->skip_bad_.left = options.skip_bad_records;
  TRY_ASSIGN(lane->pipeline_, Pipeline::make(plan, environment));
  TRY_ASSIGN(lane->has_state_, lane->state_log_.open(plan_hash, lane->restored_));
  lane->in_flight_->wake = std::move(wake);
  if (lane->has_state_) TRY(lane->hold_followers());
  if (lane->has_state_) {
    lane->figures_.totals = lane->restored_;
    lane->restoring_ = true;
    lane->figures_.waiting = "its state is being restored";
    return lane;
  }
  // Where a new job begins is fixed before anybody hears that it runs.
  for (Scan* scan : lane->pipeline_->scans()) TRY(scan->start());
  TRY(lane->begin());
  return lane;
}

// Before anybody reads what a run that was killed has left of a large commit.
Result<void> Lane::hold_followers() {
  TRY_ASSIGN(auto held, state_log_.held());
  if (!held) return {};
  held_ = std::move(*held);
  hold_ = environment_.storage().hold(held_.shards, held_.from);
  return {};
}

Result<void> Lane::restore() {
  if (!restoring_) return {};
  TRY(state_log_.restore(*pipeline_, given_up_));
  TRY_ASSIGN(auto unfinished, state_log_.unfinished_rows());
  if (unfinished) {
    TRY_ASSIGN(unfinished_, CommitRows::decode(std::move(unfinished->rows), environment_.storage()));
    unfinished_from_ = unfinished->written;
  }
  TRY(begin());
  restoring_ = false;
  std::lock_guard lock(figures_mutex_);
  figures_.waiting.clear();
  return {};
}

Result<void> Lane::begin() {
  std::vector<const log::Log*> followed;
  pipeline_->begin_sources(environment_.clock().now());
  for (Scan* scan : pipeline_->scans()) {
    scan->skip_bad(&skip_bad_);
    // A log of its own is followed as a whole; of one that this job may write, too, only the source.
    const stream::Source& source = scan->source().records;
    std::optional<ShardId> shard;
    if (!scan->source().own_log) {
      shard = source.shards()->all().front().id;
    } else if (std::find(followed.begin(), followed.end(), source.log) != followed.end()) {
      continue;
    } else {
      followed.push_back(source.log);
    }
    subscriptions_.push_back(source.log->subscribe(shard, [in_flight = in_flight_] { in_flight->call(); }));
  }
  // Positions such as "the newest record now" are fixed by a commit before anything else.
  first_commit_due_ = !has_state_;
  if (has_state_) pipeline_->clear_changes();
  {
    std::lock_guard lock(figures_mutex_);
    rate_since_ns_ = environment_.clock().monotonic_ns();
  }
  publish();
  return {};
}

Result<Lane::Step> Lane::step() {
  const ProcessingTime now = environment_.clock().now();
  Step step;
  TRY(write_unfinished());
  size_t taken = 0;
  if (pipeline_->pending() && may_emit()) {
    TRY(pipeline_->resume());
    piece_waits_ = true;
  }
  bool all_read = true;
  const bool room = epoch_rows_ < options_.epoch_rows_max;
  if (room) {
    if (epoch_rows_ == 0) {
      epoch_start_ns_ = environment_.clock().monotonic_ns();
      catching_up_ = false;
    }
    for (Scan* scan : pipeline_->scans()) {
      for (size_t shard = 0; shard < scan->shards(); ++shard) {
        if (pipeline_->blocks_input()) break;
        if (const auto read = scan->read(shard, options_.read_bytes_max); !read) {
          if (!may_succeed_later(read.error().kind)) return std::unexpected(read.error());
          all_read = false;
          std::lock_guard lock(figures_mutex_);
          figures_.waiting = read.error().message;
          continue;
        }
        TRY_ASSIGN(const size_t records, scan->pump(shard, now));
        taken += records;
        catching_up_ |= records >= data::batch_rows_max / 2;
      }
    }
    epoch_rows_ += taken;
  }
  TRY_ASSIGN(const bool other_shards, pipeline_->follow_shards(now));
  for (const Pipeline::TimedSource& timed : pipeline_->timed_sources()) {
    TRY_ASSIGN(const auto due, timed.generator->tick(now, timed.scan->activity()));
    if (due) step.next = step.next ? std::min(*step.next, *due) : *due;
  }
  bool at_end = room && taken == 0 && all_read && !other_shards && !pipeline_->pending();
  if (!all_read) {
    const ProcessingTime retry(now.value + options_.retry_wait_ms_max);
    step.next = step.next ? std::min(*step.next, retry) : retry;
  }
  if (at_end && draining_ && !sources_ended_) {
    sources_ended_ = true;
    TRY(pipeline_->end_of_sources());
    at_end = !pipeline_->pending();
  }
  piece_waits_ |= pipeline_->pending();
  if (at_end && sources_ended_ && !drained_) {
    TRY(finish());
    drained_ = true;
    return step;
  }
  if (commit_due(at_end)) {
    TRY(commit());
    step.again = true;
  } else {
    // Otherwise a commit that becomes durable, or new records, wake the lane.
    step.again = taken > 0 || other_shards || (pipeline_->pending() && may_emit());
  }
  if (drained_) step = {};
  return step;
}

size_t Lane::held_rows() const {
  size_t held = 0;
  for (const Sink* sink : pipeline_->sinks()) held += sink->held_rows();
  return held;
}

// A piece is committed before the next one, so that its rows are seen soon; what comes out of a filled log is late
// anyway, and each commit writes the rows of all its keys.
bool Lane::may_emit() const {
  return !piece_waits_ || (catching_up_ && held_rows() < options_.sink_rows_max);
}

bool Lane::commit_due(bool at_end) const {
  if (in_flight_->commits >= options_.commits_in_flight_max) return false;
  if (first_commit_due_ || (piece_waits_ && !catching_up_)) return true;
  if (at_end) return pipeline_->has_changes() || unsaved_totals_;
  if (epoch_rows_ == 0) return false;
  if (epoch_rows_ >= options_.epoch_rows_max) return true;
  if (held_rows() >= options_.sink_rows_max) return true;
  const int64_t interval_ms = catching_up_ ? options_.catch_up_interval_ms : options_.commit_interval_ms;
  return environment_.clock().monotonic_ns() - epoch_start_ns_ >= interval_ms * 1'000'000;
}

Result<void> Lane::write_unfinished() {
  if (!unfinished_) return {};
  TRY_ASSIGN(last_commit_, write_rows(unfinished_->writes(), unfinished_from_));
  unfinished_.reset();
  return {};
}

Result<void> Lane::commit() {
  TRY(write_unfinished());
  const int64_t start_ns = environment_.clock().monotonic_ns();
  TRY(pipeline_->finish_epoch());
  std::vector<connector::Write> writes;
  data::StringArena arena;
  for (Sink* sink : pipeline_->sinks()) rows_out_ += sink->take_writes(writes, arena);
  ++commits_;
  publish();
  JobTotals totals;
  {
    std::lock_guard lock(figures_mutex_);
    totals = figures_.totals;
  }
  const StateLog::Writes state = state_log_.next(*pipeline_, plan_hash_, totals);
  unsaved_totals_ = false;
  TRY_ASSIGN(const connector::CommitId commit, write_all(writes, state));
  environment_.storage().flush();
  last_commit_ = commit;
  state_log_.committed();
  pipeline_->clear_changes();
  skip_bad_.in_epoch = 0;
  first_commit_due_ = false;
  piece_waits_ = false;
  epoch_rows_ = 0;
  ++in_flight_->commits;
  environment_.storage().when_durable(commit, [in_flight = in_flight_] {
    --in_flight->commits;
    in_flight->call();
  });
  std::lock_guard lock(figures_mutex_);
  figures_.commit_ms = static_cast<double>(environment_.clock().monotonic_ns() - start_ns) / 1e6;
  return {};
}

// A transaction keeps all other writers waiting, so what a long one reads is brought into memory before it.
void Lane::read_ahead(std::span<const connector::Write> writes) {
  if (writes.size() >= read_ahead_rows_min) environment_.storage().read_ahead(writes, options_.transaction_bytes_max);
}

Result<connector::CommitId> Lane::transact(const std::function<Result<void>(connector::Transaction&)>& fill) {
  connector::Storage& storage = environment_.storage();
  int64_t wait_ms = options_.retry_wait_ms;
  for (;;) {
    const auto attempt = [&]() -> Result<connector::CommitId> {
      TRY_ASSIGN(auto transaction, storage.try_begin());
      TRY(fill(*transaction));
      return transaction->commit();
    };
    auto committed = attempt();
    if (committed || !may_succeed_later(committed.error().kind)) {
      std::lock_guard lock(figures_mutex_);
      if (committed) figures_.waiting.clear();
      return committed;
    }
    {
      std::lock_guard lock(figures_mutex_);
      figures_.waiting = committed.error().message;
    }
    storage.flush();
    if (given_up_) return millrace::fail(ErrorKind::unavailable, "stopped while {}", committed.error().message);
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    wait_ms = std::min(wait_ms * 2, options_.retry_wait_ms_max);
  }
}

// One transaction if it is not too large: by what the journal takes, which of a row is the whole item, and the old one
// if the table's change feed shows it. Otherwise as state_log.h says.
Result<connector::CommitId> Lane::write_all(const std::vector<connector::Write>& writes,
                                            const StateLog::Writes& state) {
  connector::CommitId commit;
  TRY_ASSIGN(const bool written, write_at_once(writes, state, commit));
  if (written) return commit;
  std::vector<StateLog::Record> records;
  if (!writes.empty()) records = state_log_.rows_aside(encode_rows(writes));
  const StateLog::Record header = state_log_.header_with_rows(records.size());
  std::ranges::copy(state.pieces, std::back_inserter(records));
  for (size_t done = 0; done < records.size();) {
    size_t next = done;
    TRY_ASSIGN(commit, transact([&](connector::Transaction& transaction) -> Result<void> {
                 next = done;
                 if (done == 0) {
                   for (const std::string& key : state.left_over) TRY(transaction.erase_record(key));
                 }
                 for (; next < records.size() && transaction.bytes() < options_.transaction_bytes_max; ++next) {
                   TRY(transaction.put_record(records[next].key, records[next].value));
                 }
                 if (next < records.size()) return {};
                 TRY(transaction.put_record(header.key, header.value));
                 return state.erased_prefix.empty() ? Result<void>() : transaction.erase_records(state.erased_prefix);
               }));
    done = next;
    environment_.storage().flush();
  }
  return writes.empty() ? commit : write_rows(writes, 0);
}

Result<bool> Lane::write_at_once(const std::vector<connector::Write>& writes, const StateLog::Writes& state,
                                 connector::CommitId& commit) {
  size_t bytes = 0;
  for (const connector::Write& row : writes) bytes += row.key.size() + row.value.size();
  for (const StateLog::Record& piece : state.pieces) bytes += piece.value.size();
  if (bytes >= options_.transaction_bytes_max) return false;
  read_ahead(writes);
  connector::Refused refused;
  // Not the store's: it says that the transaction would be too large.
  constexpr ErrorKind too_large = ErrorKind::internal;
  auto committed = transact([&](connector::Transaction& transaction) -> Result<void> {
    refused = {};
    for (const std::string& key : state.left_over) TRY(transaction.erase_record(key));
    TRY_ASSIGN(const size_t taken, transaction.write(writes, options_.transaction_bytes_max, refused));
    if (taken < writes.size()) return millrace::fail(too_large, "");
    for (const StateLog::Record& piece : state.pieces) TRY(transaction.put_record(piece.key, piece.value));
    TRY(transaction.put_record(state.header.key, state.header.value));
    return state.erased_prefix.empty() ? Result<void>() : transaction.erase_records(state.erased_prefix);
  });
  if (!committed && committed.error().kind == too_large && committed.error().message.empty()) return false;
  if (!committed) return std::unexpected(std::move(committed).error());
  leave_out(refused);
  commit = *committed;
  return true;
}

// Rows of a commit that has been decided.
Result<connector::CommitId> Lane::write_rows(const std::vector<connector::Write>& writes, size_t from) {
  if (!hold_) {
    std::set<ShardId> shards;
    for (const connector::Write& row : writes) {
      if (row.target != nullptr) shards.insert(row.target->shard);
    }
    held_.shards.assign(shards.begin(), shards.end());
    hold_ = environment_.storage().hold(held_.shards);
    held_.from = hold_->from();
  }
  connector::CommitId commit;
  do {
    size_t next = from;
    connector::Refused refused;
    read_ahead(std::span(writes).subspan(std::min(from, writes.size())));
    TRY_ASSIGN(commit, transact([&](connector::Transaction& transaction) -> Result<void> {
                 refused = {};
                 const auto rest = std::span(writes).subspan(std::min(from, writes.size()));
                 TRY_ASSIGN(const size_t taken, transaction.write(rest, options_.transaction_bytes_max, refused));
                 next = from + taken;
                 if (next >= writes.size()) return transaction.erase_records(state_log_.rows_prefix());
                 StateLog::Record progress = state_log_.rows_written(next, held_);
                 return transaction.put_record(progress.key, std::move(progress.value));
               }));
    leave_out(refused);
    from = next;
    environment_.storage().flush();
  } while (from < writes.size());
  // Not before the last of them is durable: until then readers have only the others.
  environment_.storage().when_durable(commit, [hold = std::move(hold_)]() mutable { hold.reset(); });
  return commit;
}

void Lane::leave_out(const connector::Refused& rows) {
  if (rows.count == 0) return;
  spdlog::warn("job {}: {} row{} left out; {}{}", job_, rows.count, rows.count == 1 ? " was" : "s were",
               rows.count == 1 ? "" : "the first: ", rows.first);
  oversized_rows_ += rows.count;
  rows_out_ -= rows.count;
  unsaved_totals_ = true;
}

Result<void> Lane::check_sources() {
  for (const Scan* scan : pipeline_->scans()) TRY(scan->check_source());
  return {};
}

Result<void> Lane::finish() {
  TRY(write_unfinished());
  if (first_commit_due_ || pipeline_->has_changes()) TRY(commit());
  if (unsaved_totals_) TRY(commit());
  environment_.storage().wait_durable(last_commit_);
  return {};
}

Result<void> Lane::drain() {
  for (Scan* scan : pipeline_->scans()) TRY(scan->stop_at_end());
  draining_ = true;
  return {};
}

void Lane::publish() {
  const Counters counters = pipeline_->counters();
  const int64_t now_ns = environment_.clock().monotonic_ns();
  std::lock_guard lock(figures_mutex_);
  JobTotals& totals = figures_.totals;
  totals.rows_in = restored_.rows_in + pipeline_->rows_in();
  totals.rows_out = restored_.rows_out + rows_out_;
  totals.rows_late = restored_.rows_late + counters.late;
  totals.rows_ahead = restored_.rows_ahead + counters.ahead;
  totals.rows_bad = restored_.rows_bad + pipeline_->rows_bad();
  totals.rows_duplicate = restored_.rows_duplicate + counters.duplicates;
  totals.row_errors = restored_.row_errors + counters.row_errors + oversized_rows_;
  totals.commits = restored_.commits + commits_;
  figures_.watermark = pipeline_->watermark();
  if (!pipeline_->pending()) {
    figures_.emitting_since.reset();
  } else if (!figures_.emitting_since) {
    figures_.emitting_since = environment_.clock().now();
  }
  if (now_ns - rate_since_ns_ >= rate_window_ns || figures_.state_bytes == 0) {
    const int64_t elapsed = std::max<int64_t>(1, now_ns - rate_since_ns_);
    figures_.rows_per_second = static_cast<double>(totals.rows_in - rate_rows_) * 1e9 / static_cast<double>(elapsed);
    if (rate_rows_ == 0) figures_.rows_per_second = 0;
    rate_since_ns_ = now_ns;
    rate_rows_ = totals.rows_in;
    figures_.state_bytes = pipeline_->state_bytes();
  }
}

Lane::Figures Lane::figures() const {
  const ProcessingTime now = environment_.clock().now();
  const int64_t now_ns = environment_.clock().monotonic_ns();
  Figures figures;
  {
    std::lock_guard lock(figures_mutex_);
    figures = figures_;
    const int64_t since = now_ns - rate_since_ns_;
    if (since >= rate_idle_ns) {
      figures.rows_per_second = 0;
    } else if (since >= 2 * rate_window_ns) {
      // Commits have become rare: what came since the window began is the rate.
      figures.rows_per_second =
          static_cast<double>(figures.totals.rows_in - rate_rows_) * 1e9 / static_cast<double>(since);
    }
  }
  if (restoring_) {
    figures.lag_records = 1;  // the sources are not to be asked yet
    return figures;
  }
  for (const Scan* scan : pipeline_->scans()) {
    const stream::Reader::Lag lag = scan->lag(now);
    figures.lag_records += lag.records;
    figures.lag_ms = std::max(figures.lag_ms, lag.ms);
  }
  if (figures.emitting_since) {
    figures.lag_records = std::max<uint64_t>(figures.lag_records, 1);
    figures.lag_ms = std::max(figures.lag_ms, now.value - figures.emitting_since->value);
  }
  return figures;
}

}  // namespace millrace::engine
