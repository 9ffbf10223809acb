#include "engine/jobs.h"

#include <algorithm>

#include "base/bytes.h"

namespace millrace::engine {

namespace {

constexpr std::string_view definition_prefix = "engine/definition/";
constexpr uint8_t definition_version = 1;
constexpr size_t name_bytes_max = 128;

Result<void> check_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
  if (good) return {};
  return millrace::fail(ErrorKind::invalid_argument, "a job's name has 1 to {} letters, digits, '_', '-' or '.'",
                        name_bytes_max);
}

struct Definition {
  std::string script;
  JobState state;
  std::string reason;
};

bool is_active(JobState state) {
  return state == JobState::running || state == JobState::draining;
}

std::string encode(const Definition& definition) {
  std::string out;
  base::put_u8(out, definition_version);
  base::put_u8(out, static_cast<uint8_t>(definition.state));
  base::put_bytes(out, definition.reason);
  base::put_bytes(out, definition.script);
  return out;
}

Result<Definition> decode(std::string_view bytes) {
  base::ByteReader in(bytes);
  Definition definition;
  const uint8_t version = in.u8();
  const uint8_t state = in.u8();
  definition.reason = std::string(in.bytes());
  definition.script = std::string(in.bytes());
  if (!in.ok() || version != definition_version || state > static_cast<uint8_t>(JobState::failed)) {
    return millrace::fail(ErrorKind::corrupt, "a job's definition cannot be read");
  }
  definition.state = static_cast<JobState>(state);
  return definition;
}

}  // namespace

std::string_view name(JobState state) {
  switch (state) {
    case JobState::running:
      return "running";
    case JobState::draining:
      return "draining";
    case JobState::stopped:
      return "stopped";
    case JobState::finished:
      return "finished";
    case JobState::failed:
      return "failed";
  }
  return "";
}

Result<std::unique_ptr<Jobs>> Jobs::open(Environment& environment, const Options& options) {
  std::unique_ptr<Jobs> jobs(new Jobs(environment, options));
  Result<void> read;
  TRY(environment.storage().scan_records(definition_prefix, [&](std::string_view key, std::string_view value) {
    auto definition = decode(value);
    if (!definition) {
      read = std::unexpected(definition.error());
      return false;
    }
    Entry entry;
    entry.script = std::move(definition->script);
    entry.state = definition->state;
    entry.reason = std::move(definition->reason);
    jobs->entries_.emplace(std::string(key.substr(definition_prefix.size())), std::move(entry));
    return true;
  }));
  if (!read) return std::unexpected(read.error());
  // Before the first job runs: it may follow what another one has to finish. What fails here fails in start().
  std::vector<std::unique_ptr<log::Hold>> holds;
  for (const auto& [name, entry] : jobs->entries_) {
    if (!is_active(entry.state)) continue;
    StateLog state(environment.storage(), name);
    if (JobTotals totals; !state.open(base::hash64(entry.script), totals)) continue;
    if (const auto held = state.held(); held && *held) {
      holds.push_back(environment.storage().hold((*held)->shards, (*held)->from));
    }
  }
  for (auto& [name, entry] : jobs->entries_) {
    if (!is_active(entry.state)) continue;
    if (auto started = jobs->start(name, entry, false); !started) {
      std::lock_guard lock(jobs->mutex_);
      entry.state = JobState::failed;
      entry.reason = started.error().message;
    }
  }
  return jobs;
}

Jobs::~Jobs() {
  close();
}

Jobs::Change::Change(Jobs& jobs, const std::string& name) : jobs_(jobs), name_(name), open_(jobs.closing_mutex_) {
  {
    std::lock_guard lock(jobs_.mutex_);
    lock_ = &jobs_.name_locks_[name_];
    ++lock_->users;
  }
  lock_->mutex.lock();
}

Jobs::Change::~Change() {
  lock_->mutex.unlock();
  std::lock_guard lock(jobs_.mutex_);
  if (--lock_->users == 0) jobs_.name_locks_.erase(name_);
}

void Jobs::close() {
  std::lock_guard closing(closing_mutex_);
  std::vector<Job*> running;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    for (auto& [name, entry] : entries_) {
      if (entry.job) running.push_back(entry.job.get());
    }
  }
  end_.notify_all();
  for (Job* job : running) job->stop();
  for (Job* job : running) job->join();
  std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) take_job(entry).reset();
}

// The job leaves its figures behind. With mutex_ held; the job is destroyed without it, for its end may want it.
std::unique_ptr<Job> Jobs::take_job(Entry& entry) {
  if (entry.job) entry.last = entry.job->figures();
  return std::move(entry.job);
}

Result<void> Jobs::store(const std::string& name) {
  std::lock_guard definitions(definitions_mutex_);
  std::string definition;
  {
    std::lock_guard lock(mutex_);
    TRY_ASSIGN(const Entry* entry, find(name));
    definition = encode({entry->script, entry->state, entry->reason});
  }
  return write_definition(name, std::move(definition));
}

Result<void> Jobs::write_definition(const std::string& name, std::string definition) {
  auto transaction = environment_.storage().begin();
  TRY(transaction->put_record(std::string(definition_prefix) + name, std::move(definition)));
  TRY_ASSIGN(const connector::CommitId commit, transaction->commit());
  environment_.storage().wait_durable(commit);
  return {};
}

// A server that died between a job's first commit and its definition leaves state that belongs to nobody.
Result<void> Jobs::forget_state(const std::string& name) {
  auto transaction = environment_.storage().begin();
  TRY(transaction->erase_records(StateLog::prefix_of(name)));
  TRY(transaction->commit());
  return {};
}

// Called within a Change of the job, or before anybody else knows the jobs.
Result<void> Jobs::start(const std::string& name, Entry& entry, bool restored, uint64_t skip_bad_records) {
  TRY_ASSIGN(const sql::Plan plan, sql::compile(entry.script, environment_.connectors().descriptions()));
  uint64_t run = 0;
  {
    std::lock_guard lock(mutex_);
    run = ++entry.run;
  }
  LaneOptions lane = options_.lane;
  lane.skip_bad_records = skip_bad_records;
  auto job = Job::start(plan, name, base::hash64(entry.script), environment_, lane, restored,
                        [this, name, run](Job::End end, const std::string& reason) { ended(name, run, end, reason); });
  if (!job) return std::unexpected(job.error());
  std::lock_guard lock(mutex_);
  entry.job = std::move(*job);
  // A job may have ended already; then ended() has said how.
  if (entry.run == run && entry.state != JobState::failed) entry.state = JobState::running;
  // A source may have gone since it was found, before anybody could tell the job.
  entry.job->check_sources();
  return {};
}

void Jobs::sources_changed() {
  std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (entry.job) entry.job->check_sources();
  }
}

void Jobs::ended(const std::string& name, uint64_t run, Job::End end, std::string reason) {
  const bool failed = end == Job::End::failed;
  std::unique_lock definitions(definitions_mutex_, std::defer_lock);
  if (failed || end == Job::End::drained) definitions.lock();
  std::unique_lock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.run != run) return;
  Entry& entry = found->second;
  if (definitions) {
    // Stored before anybody is told; not under the lock, which a reactor may wait for.
    const std::string definition =
        encode({entry.script, failed ? JobState::failed : JobState::finished, failed ? reason : std::string()});
    lock.unlock();
    if (auto done = write_definition(name, definition); !done)
      reason += " (and this could not be stored: " + done.error().message + ")";
    lock.lock();
  }
  switch (end) {
    case Job::End::failed:
      entry.state = JobState::failed;
      entry.reason = std::move(reason);
      break;
    case Job::End::drained:
      entry.state = JobState::finished;
      entry.reason.clear();
      break;
    default:
      // At close() the job counts as running still: it goes on at the next start.
      if (!closing_) entry.state = JobState::stopped;
      entry.reason.clear();
  }
  end_.notify_all();
}

Result<Jobs::Entry*> Jobs::find(std::string_view name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return millrace::fail(ErrorKind::not_found, "there is no job {}", name);
  return &found->second;
}

Result<void> Jobs::submit(std::string_view name_view, std::string_view script) {
  const std::string name(name_view);
  TRY(check_name(name));
  if (script.size() > options_.script_bytes_max) {
    return millrace::fail(ErrorKind::limit_exceeded, "a script has at most {} bytes", options_.script_bytes_max);
  }
  // Errors of the script first, whatever else is wrong.
  TRY(sql::compile(script, environment_.connectors().descriptions()));
  bool exists = false;
  {
    const Change change(*this, name);
    std::unique_lock lock(mutex_);
    if (closing_) return millrace::fail(ErrorKind::unavailable, "the server is shutting down");
    if (const auto found = entries_.find(name); found != entries_.end()) {
      if (found->second.script != script) {
        return millrace::fail(ErrorKind::already_exists,
                              "there is a job {} with another script; submit under another name, or remove that job "
                              "first (millrace jobs remove {}), which forgets its state",
                              name, name);
      }
      exists = true;
    } else {
      if (entries_.size() >= options_.jobs_max) {
        return millrace::fail(ErrorKind::limit_exceeded, "there are {} jobs, the most that a server has",
                              options_.jobs_max);
      }
      Entry& entry = entries_[name];
      entry.script = script;
      entry.state = JobState::running;
      lock.unlock();
      auto started = forget_state(name);
      if (started) started = start(name, entry, true);
      if (started) started = store(name);
      if (!started) {
        lock.lock();
        auto job = take_job(entry);
        ++entry.run;
        lock.unlock();
        job.reset();
        lock.lock();
        entries_.erase(name);
        return started;
      }
    }
  }
  if (exists) {
    auto resumed = resume(name);
    if (!resumed && resumed.error().kind != ErrorKind::in_use) return resumed;
  }
  return {};
}

Result<void> Jobs::resume(std::string_view name_view, uint64_t skip_bad_records) {
  const std::string name(name_view);
  const Change change(*this, name);
  Entry* entry = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (closing_) return millrace::fail(ErrorKind::unavailable, "the server is shutting down");
    TRY_ASSIGN(entry, find(name));
    if (entry->state == JobState::running || entry->state == JobState::draining) {
      return millrace::fail(ErrorKind::in_use, "job {} is {}", name, engine::name(entry->state));
    }
  }
  std::unique_ptr<Job> former;
  JobState former_state;
  std::string former_reason;
  {
    std::lock_guard lock(mutex_);
    former = take_job(*entry);
    former_state = std::exchange(entry->state, JobState::running);
    former_reason = std::exchange(entry->reason, {});
  }
  former.reset();
  auto resumed = start(name, *entry, true, skip_bad_records);
  if (!resumed) former_reason = resumed.error().message;
  if (resumed) resumed = store(name);
  if (resumed) return {};
  std::unique_ptr<Job> job;
  {
    std::lock_guard lock(mutex_);
    job = take_job(*entry);
    ++entry->run;
    entry->state = former_state;
    entry->reason = std::move(former_reason);
  }
  return resumed;
}

// Tells the job to end; the run that will.
Result<uint64_t> Jobs::begin_stop(const std::string& name, bool drain) {
  const Change change(*this, name);
  std::lock_guard lock(mutex_);
  if (closing_) return millrace::fail(ErrorKind::unavailable, "the server is shutting down");
  TRY_ASSIGN(Entry * entry, find(name));
  if (drain ? entry->state != JobState::running : !is_active(entry->state)) {
    return millrace::fail(ErrorKind::invalid_argument, "job {} is {}, not running", name, engine::name(entry->state));
  }
  if (drain) {
    entry->state = JobState::draining;
    entry->job->drain();
  } else {
    entry->job->stop();
  }
  return entry->run;
}

Result<void> Jobs::drain(std::string_view name) {
  TRY(begin_stop(std::string(name), true));
  return {};
}

bool Jobs::runs(const std::string& name, uint64_t run) const {
  const auto found = entries_.find(name);
  return found != entries_.end() && found->second.run == run && is_active(found->second.state);
}

Result<void> Jobs::stop(std::string_view name_view, bool drain) {
  const std::string name(name_view);
  TRY_ASSIGN(const uint64_t run, begin_stop(name, drain));
  {
    std::unique_lock lock(mutex_);
    end_.wait(lock, [&] { return closing_ || !runs(name, run); });
    if (closing_) return millrace::fail(ErrorKind::unavailable, "the server is shutting down");
  }
  const Change change(*this, name);
  std::unique_ptr<Job> job;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    // Somebody has resumed or removed it meanwhile, so it had ended.
    if (found == entries_.end() || found->second.run != run) return {};
    Entry& entry = found->second;
    job = take_job(entry);
    if (entry.state == JobState::failed) {
      return millrace::fail(ErrorKind::unavailable, "job {} has failed: {}", name, entry.reason);
    }
    if (drain && entry.state == JobState::stopped) {
      return millrace::fail(ErrorKind::unavailable, "job {} was stopped before it had worked off what was there", name);
    }
  }
  job.reset();
  auto stored = store(name);
  if (stored) return {};
  return std::unexpected(
      stored.error().within(fmt::format("job {} has stopped, but will run again after a restart", name)));
}

Result<void> Jobs::remove(std::string_view name_view) {
  const std::string name(name_view);
  const Change change(*this, name);
  std::unique_ptr<Job> job;
  {
    std::lock_guard lock(mutex_);
    TRY_ASSIGN(Entry * entry, find(name));
    job = take_job(*entry);
    ++entry->run;
    if (is_active(entry->state)) entry->state = JobState::stopped;
  }
  end_.notify_all();
  job.reset();
  auto erased = erase(name);
  if (!erased) {
    return std::unexpected(
        erased.error().within(fmt::format("job {} does not run any more, but is not removed", name)));
  }
  std::lock_guard lock(mutex_);
  entries_.erase(name);
  return {};
}

Result<void> Jobs::erase(const std::string& name) {
  auto transaction = environment_.storage().begin();
  TRY(transaction->erase_record(std::string(definition_prefix) + name));
  TRY(transaction->erase_records(StateLog::prefix_of(name)));
  TRY_ASSIGN(const connector::CommitId commit, transaction->commit());
  transaction.reset();
  environment_.storage().wait_durable(commit);
  return {};
}

JobStatus Jobs::status_of(const std::string& name, const Entry& entry) const {
  const Lane::Figures figures = entry.job ? entry.job->figures() : entry.last;
  JobStatus status;
  status.name = name;
  status.state = entry.state;
  status.reason = is_active(entry.state) && entry.reason.empty() ? figures.waiting : entry.reason;
  status.lag_records = figures.lag_records;
  status.lag_ms = figures.lag_ms;
  if (figures.watermark != no_watermark) status.watermark = figures.watermark;
  status.rows_in = figures.totals.rows_in;
  status.rows_out = figures.totals.rows_out;
  status.rows_late = figures.totals.rows_late;
  status.rows_ahead = figures.totals.rows_ahead;
  status.rows_bad = figures.totals.rows_bad;
  status.rows_duplicate = figures.totals.rows_duplicate;
  status.row_errors = figures.totals.row_errors;
  status.rows_per_second = is_active(entry.state) ? figures.rows_per_second : 0;
  status.commits = figures.totals.commits;
  status.commit_ms = figures.commit_ms;
  status.state_bytes = figures.state_bytes;
  return status;
}

std::vector<JobStatus> Jobs::list() const {
  std::lock_guard lock(mutex_);
  std::vector<JobStatus> all;
  for (const auto& [name, entry] : entries_) all.push_back(status_of(name, entry));
  return all;
}

Result<JobStatus> Jobs::status(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return millrace::fail(ErrorKind::not_found, "there is no job {}", name);
  return status_of(found->first, found->second);
}

Result<std::string> Jobs::script(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return millrace::fail(ErrorKind::not_found, "there is no job {}", name);
  return found->second.script;
}

}  // namespace millrace::engine
