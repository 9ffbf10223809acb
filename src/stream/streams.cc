#include "stream/streams.h"

#include <fcntl.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <future>
#include <optional>
#include <random>

#include "base/bytes.h"
#include "base/file.h"
#include "log/inspect.h"
#include "log/log.h"

namespace millrace::stream {
namespace {

constexpr std::string_view deleted_prefix = ".deleted-";

Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(ErrorKind::io, "cannot remove {}: {}", path, error.message());
  return {};
}

uint64_t new_stream_id() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

std::string_view name(StreamStatus status) {
  switch (status) {
    case StreamStatus::creating:
      return "CREATING";
    case StreamStatus::active:
      return "ACTIVE";
    case StreamStatus::updating:
      return "UPDATING";
    case StreamStatus::deleting:
      break;
  }
  return "DELETING";
}

Stream::Stream(Definition definition)
    : name(definition.name),
      id(definition.id),
      created(definition.created),
      definition_(std::make_shared<const Definition>(std::move(definition))) {}

void Stream::set_definition(Definition definition) {
  auto next = std::make_shared<const Definition>(std::move(definition));
  std::lock_guard lock(definition_mutex_);
  definition_ = std::move(next);
}

Stream::~Stream() = default;

Streams::Streams(StreamsOptions options)
    : options_(std::move(options)), clock_(options_.clock == nullptr ? base::system_clock() : *options_.clock) {}

Streams::~Streams() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (worker_.joinable()) worker_.join();
}

Result<std::unique_ptr<Streams>> Streams::open(StreamsOptions options) {
  auto streams = std::unique_ptr<Streams>(new Streams(std::move(options)));
  TRY(base::make_directories(streams->options_.directory));
  TRY(streams->open_all());
  streams->worker_ = std::thread([&self = *streams] { self.work(); });
  return streams;
}

std::string Streams::directory_of(std::string_view name) const {
  return fmt::format("{}/{}", options_.directory, directory_name(name));
}

Result<void> Streams::open_all() {
  TRY_ASSIGN(const auto entries, base::list_directory(options_.directory));
  for (const std::string& entry : entries) {
    const std::string path = fmt::format("{}/{}", options_.directory, entry);
    if (!std::filesystem::is_directory(path)) continue;
    if (entry.starts_with(deleted_prefix)) {
      TRY(remove_tree(path));
      continue;
    }
    if (!std::filesystem::exists(fmt::format("{}/{}", path, definition_name))) {
      // A creation that was cut short, if nothing was ever written there.
      const auto holds = log::holds_groups(path);
      if (holds && !*holds) {
        TRY(remove_tree(path));
        continue;
      }
    }
    auto stream = open_stream(entry);
    if (stream) {
      streams_.emplace((*stream)->name, std::move(*stream));
      continue;
    }
    const Error& error = stream.error();
    if (error.kind == ErrorKind::in_use || error.kind == ErrorKind::throttled || error.kind == ErrorKind::disk_full) {
      return std::unexpected(error.within(fmt::format("stream {}", stream_name(entry))));
    }
    damaged_.push_back({stream_name(entry), error.message});
    spdlog::error(
        "stream {}: {}. It is not served, and nothing of it is deleted; the other streams are served. Restore the "
        "folder {} from a copy and start again, or move it away to begin anew",
        damaged_.back().name, error.message, path);
  }
  return {};
}

Result<StreamPtr> Streams::open_stream(const std::string& entry) const {
  TRY_ASSIGN(Definition found, read_definition(fmt::format("{}/{}", options_.directory, entry), entry));
  // Version 1 was written without waiting for the log's first segment.
  const bool made = found.version > 1;
  StreamPtr stream(new Stream(std::move(found)));
  TRY_ASSIGN(stream->log_, open_stream_log(*stream, made));
  TRY(stream->consumers.open(directory_of(stream->name)));
  // A shard that was closed has had its last record: whatever came between the decision and a crash is in it.
  Definition definition = *stream->definition();
  for (const Shard& shard : std::vector(definition.shards.all())) {
    if (!shard.closed) continue;
    TRY_ASSIGN(const log::ShardRange range, stream->log_->range(shard.id));
    definition.shards.set_end(shard.id, range.end);
  }
  stream->set_definition(std::move(definition));
  stream->status_ = StreamStatus::active;
  return stream;
}

bool Streams::is_damaged(std::string_view name) const {
  return std::ranges::find(damaged_, name, &Damaged::name) != damaged_.end();
}

Result<std::unique_ptr<log::Log>> Streams::open_stream_log(const Stream& stream, bool made) const {
  log::LogOptions options;
  options.directory = directory_of(stream.name);
  options.segment_bytes = options_.segment_bytes;
  options.durable = options_.durable;
  options.clock = options_.clock;
  options.io = options_.io;
  options.made = made;
  TRY_ASSIGN(auto log, log::open_log(options));
  for (const Shard& shard : stream.shards()->all()) log->add_shard(shard.id);
  return log;
}

Result<void> Streams::create(std::string_view name, uint32_t shard_count, std::function<void(Result<void>)> done,
                             StreamMode mode) {
  if (!is_stream_name(name)) {
    return fail(ErrorKind::invalid_argument, "\"{}\" is not a stream's name: 1 to 128 letters, digits, '_', '.', '-'",
                name);
  }
  if (shard_count == 0) return fail(ErrorKind::invalid_argument, "a stream has at least one shard");
  if (is_damaged(name)) {
    return fail(ErrorKind::in_use,
                "the stream {} is there, and damaged: restore its folder from a copy, or move it out of the data "
                "directory, and restart the server",
                name);
  }
  StreamPtr stream;
  {
    std::lock_guard lock(mutex_);
    if (streams_.contains(name)) return fail(ErrorKind::already_exists, "the stream {} exists already", name);
    if (streams_.size() >= options_.streams_max) {
      return fail(ErrorKind::limit_exceeded, "there are {} streams already, the most that are allowed",
                  options_.streams_max);
    }
    uint64_t shards = shard_count;
    for (const auto& [other, each] : streams_) shards += each->shard_count();
    if (shards > options_.shards_max) {
      return fail(ErrorKind::limit_exceeded, "all streams together would have {} shards; {} are allowed", shards,
                  options_.shards_max);
    }
    const ProcessingTime now = clock_.now();
    stream.reset(new Stream({.name = std::string(name),
                             .id = new_stream_id(),
                             .mode = mode,
                             .created = now,
                             .shards = ShardSet::equal(shard_count, now)}));
    streams_.emplace(stream->name, stream);
  }
  enqueue([this, stream, done = std::move(done)] {
    auto built = build(stream);
    if (!built) {
      std::lock_guard lock(mutex_);
      streams_.erase(stream->name);
    }
    if (done) done(std::move(built));
  });
  return {};
}

// On the worker's thread.
Result<void> Streams::build(const StreamPtr& stream) {
  const std::string directory = directory_of(stream->name);
  TRY(remove_tree(directory));
  auto log = open_stream_log(*stream, false);
  const Result<void> written = log ? write_definition(directory, *stream->definition()) : std::unexpected(log.error());
  if (!written) {
    if (log) log->reset();
    [[maybe_unused]] const auto removed = remove_tree(directory);
    return std::unexpected(written.error().within(fmt::format("stream {}", stream->name)));
  }
  TRY(base::sync_directory(options_.directory));
  TRY(stream->consumers.open(directory));  // of nobody yet
  stream->log_ = std::move(*log);
  stream->status_ = StreamStatus::active;
  if (options_.changed) options_.changed();
  return {};
}

Result<StreamPtr> Streams::ensure(std::string_view name, uint32_t shard_count) {
  if (auto found = find(name); found && found->log() != nullptr) return found;
  std::promise<Result<void>> built;
  TRY(create(name, shard_count, [&](Result<void> result) { built.set_value(std::move(result)); }));
  TRY(built.get_future().get());
  return find(name);
}

Result<void> Streams::remove(std::string_view name, std::function<void(Result<void>)> done) {
  StreamPtr stream;
  {
    std::lock_guard lock(mutex_);
    const auto found = streams_.find(name);
    if (found == streams_.end() && is_damaged(name)) {
      return fail(ErrorKind::not_found, "the stream {} is damaged: nothing of it is deleted", name);
    }
    if (found == streams_.end()) return fail(ErrorKind::not_found, "there is no stream {}", name);
    if (found->second->status() != StreamStatus::active) {
      return fail(ErrorKind::in_use, "the stream {} is {}; it can be deleted when it is ACTIVE", name,
                  stream::name(found->second->status()));
    }
    stream = found->second;
    stream->status_ = StreamStatus::deleting;
    streams_.erase(found);
  }
  if (options_.changed) options_.changed();
  enqueue([this, stream, done = std::move(done)] {
    auto result = demolish(stream);
    if (done) done(std::move(result));
  });
  return {};
}

// On the worker's thread. Whoever still holds the stream gets `unavailable` from its log.
Result<void> Streams::demolish(const StreamPtr& stream) {
  stream->log_->close();
  const std::string aside = fmt::format("{}/{}{:016x}", options_.directory, deleted_prefix, stream->id);
  TRY(base::rename_file(directory_of(stream->name), aside));
  TRY(base::sync_directory(options_.directory));
  return remove_tree(aside);
}

void Streams::register_consumer(const StreamPtr& stream, std::string name, std::function<void(Result<Consumer>)> done) {
  enqueue([this, stream, name = std::move(name), done = std::move(done)] {
    // Its folder may be that of a later stream of its name already.
    if (stream->status() != StreamStatus::active) {
      return done(fail(ErrorKind::not_found, "the stream {} is not there any more", stream->name));
    }
    done(stream->consumers.add(name, clock_.now()));
  });
}

void Streams::deregister_consumer(const StreamPtr& stream, std::string name, std::function<void(Result<void>)> done) {
  enqueue([stream, name = std::move(name), done = std::move(done)] {
    if (stream->status() != StreamStatus::active) {
      return done(fail(ErrorKind::not_found, "the stream {} is not there any more", stream->name));
    }
    done(stream->consumers.remove(name));
  });
}

Result<void> Streams::change(std::string_view name, Edit edit, std::function<void(Result<void>)> done) {
  const StreamPtr stream = find(name);
  if (!stream) return fail(ErrorKind::not_found, "there is no stream {}", name);
  StreamStatus active = StreamStatus::active;
  if (!stream->status_.compare_exchange_strong(active, StreamStatus::updating)) {
    return fail(ErrorKind::in_use, "the stream {} is not ACTIVE, instead in state {}", name, stream::name(active));
  }
  enqueue([this, stream, edit = std::move(edit), done = std::move(done)] {
    auto applied = apply(stream, edit);
    if (!applied) {
      stream->status_ = StreamStatus::active;
      if (done) done(std::move(applied));
      return;
    }
    log::Log& log = *stream->log_;
    const GroupNumber last = log.appended_group();
    log.flush();
    log.when_durable(last, [this, stream, done] {
      end_shards(stream);
      stream->status_ = StreamStatus::active;
      trim(stream);  // records may stay for a shorter time now
      if (options_.changed) options_.changed();
      if (done) done({});
    });
  });
  return {};
}

// On the worker's thread. Written before it takes effect: what a new shard takes is never lost with it, and what an old
// one takes until then lies before its end.
Result<void> Streams::apply(const StreamPtr& stream, const Edit& edit) {
  Definition next = *stream->definition();
  const uint32_t open_before = next.shards.open_count();
  TRY(edit(next));
  if (next.shards.open_count() > open_before) {
    const uint64_t shards = totals().shards + next.shards.open_count() - open_before;
    if (shards > options_.shards_max) {
      return fail(ErrorKind::limit_exceeded, "all streams together would have {} shards; {} are allowed", shards,
                  options_.shards_max);
    }
  }
  for (const Shard& shard : next.shards.all()) stream->log_->add_shard(shard.id);
  TRY(write_definition(directory_of(stream->name), next));
  const auto lock = stream->hold_shards();
  stream->set_definition(std::move(next));
  return {};
}

void Streams::end_shards(const StreamPtr& stream) {
  Definition definition = *stream->definition();
  for (const Shard& shard : std::vector(definition.shards.all())) {
    if (!shard.closed || shard.end) continue;
    const auto range = stream->log_->range(shard.id);
    CHECK(range.has_value());
    definition.shards.set_end(shard.id, range->end);
  }
  stream->set_definition(std::move(definition));
}

void Streams::let_shards_go(const StreamPtr& stream) {
  const auto is_over = [this, stream](const Shard& shard) {
    const auto range = stream->log_->range(shard.id);
    return shard.end && range && range->oldest >= *shard.end &&
           shard.closed->value + stream->retention_ms() < clock_.now().value;
  };
  if (std::ranges::none_of(stream->shards()->all(),
                           [&](const Shard& shard) { return shard.closed && is_over(shard); })) {
    return;
  }
  // Refused while it is being changed: the next time, then.
  [[maybe_unused]] const auto changing = change(stream->name,
                                                [is_over](Definition& definition) -> Result<void> {
                                                  uint64_t records = 0;
                                                  definition.shards.let_go([&](const Shard& shard) {
                                                    if (!is_over(shard)) return false;
                                                    records += shard.end->value;
                                                    return true;
                                                  });
                                                  definition.records_let_go += records;
                                                  return {};
                                                },
                                                {});
}

void Streams::enqueue(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Streams::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

Result<Source> Streams::source(std::string_view name) {
  const StreamPtr stream = find(name);
  if (!stream || stream->log() == nullptr || stream->status() == StreamStatus::deleting) {
    if (is_damaged(name)) {
      return fail(ErrorKind::not_found,
                  "the stream `{}` is damaged and not served; the server's log says what is damaged and what to do",
                  name);
    }
    return fail(ErrorKind::not_found,
                "there is no stream {}; create it first: aws kinesis create-stream --stream-name {} --shard-count 1",
                name, name);
  }
  return Source{stream->id, stream->log(), stream, [stream] { return stream->shards(); }};
}

StreamPtr Streams::find(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : found->second;
}

std::vector<StreamPtr> Streams::list() const {
  std::lock_guard lock(mutex_);
  std::vector<StreamPtr> all;
  for (const auto& [name, stream] : streams_) all.push_back(stream);
  return all;
}

std::vector<StreamPtr> Streams::list_after(std::string_view name, size_t count) const {
  std::lock_guard lock(mutex_);
  std::vector<StreamPtr> some;
  for (auto at = streams_.upper_bound(name); at != streams_.end() && some.size() < count; ++at) {
    some.push_back(at->second);
  }
  return some;
}

void Streams::mark_appended(const StreamPtr& stream) {
  if (stream->appended_) return;
  stream->appended_ = true;
  appended_.push_back(stream);
}

void Streams::flush_all() {
  // A flush may complete at once and its callbacks may append again: those are flushed in the same pass.
  for (size_t i = 0; i < appended_.size(); ++i) {
    const StreamPtr stream = appended_[i];
    stream->appended_ = false;
    stream->log_->flush();
  }
  appended_.clear();
}

Result<void> Streams::copy_to(const std::string& directory, const std::stop_token& stop) const {
  TRY(base::make_directories(directory));
  for (const StreamPtr& stream : list()) {
    const log::Log* const log = stream->log();
    if (log == nullptr) continue;
    const std::string of_stream = fmt::format("{}/{}", directory, directory_name(stream->name));
    const auto copied = log->copy_to(of_stream, stop);
    if (!copied && stream->status() == StreamStatus::deleting) {
      TRY(remove_tree(of_stream));
      continue;
    }
    TRY(copied);
    if (stream->consumers.size() > 0) TRY(stream->consumers.copy_to(of_stream));
    TRY(write_definition(of_stream, *stream->definition()));
  }
  return base::sync_directory(directory);
}

void Streams::trim() {
  for (const StreamPtr& stream : list()) trim(stream);
}

void Streams::trim(const StreamPtr& stream) {
  log::Log* const log = stream->log();
  if (log == nullptr) return;
  // A segment that cannot be removed now is removed the next time.
  [[maybe_unused]] const auto trimmed =
      log->trim(ProcessingTime(clock_.now().value - stream->retention_ms()), log->durable_group());
  if (stream->shards()->has_closed()) let_shards_go(stream);
}

Streams::Limits Streams::limits() const {
  Limits limits{options_.shards_max, options_.streams_max, 0};
  for (const StreamPtr& stream : list()) limits.on_demand_streams += stream->mode() == StreamMode::on_demand ? 1 : 0;
  return limits;
}

Streams::Totals Streams::totals() const {
  std::lock_guard lock(mutex_);
  Totals totals;
  for (const auto& [name, stream] : streams_) {
    ++totals.streams;
    totals.shards += stream->shard_count();
  }
  return totals;
}

}  // namespace millrace::stream
