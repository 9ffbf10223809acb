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

constexpr std::string_view definition_name = "stream.json";
constexpr std::string_view checksum_member = ",\"crc32c\":\"";  // of all before it
constexpr uint64_t shards_max = 1'000'000;
constexpr std::string_view deleted_prefix = ".deleted-";

// A leading dot is allowed in the name of a stream, and means something else in the name of a directory.
std::string directory_name(std::string_view stream) {
  if (stream.starts_with('.')) return "%2E" + std::string(stream.substr(1));
  return std::string(stream);
}

std::string stream_name(std::string_view directory) {
  if (directory.starts_with("%2E")) return "." + std::string(directory.substr(3));
  return std::string(directory);
}

Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(ErrorKind::io, "cannot remove {}: {}", path, error.message());
  return {};
}

std::string definition_text(const Stream& stream, StreamMode mode, int64_t retention_ms) {
  // A stream's name has nothing that JSON would escape.
  std::string out = fmt::format(
      "{{\"name\":\"{}\",\"id\":\"{:016x}\",\"shards\":{},\"mode\":\"{}\",\"created_ms\":{},\"retention_ms\":{}",
      stream.name, stream.id, stream.shard_count(), name(mode), stream.created, retention_ms);
  return fmt::format("{}{}{:08x}\"}}\n", out, checksum_member, base::crc32c(out));
}

Result<void> write_definition(const std::string& directory, const Stream& stream, StreamMode mode,
                              int64_t retention_ms) {
  const std::string path = fmt::format("{}/{}", directory, definition_name);
  const std::string partial = path + ".new";
  TRY_ASSIGN(base::File file, base::File::open(partial, O_CREAT | O_TRUNC | O_WRONLY));
  TRY(file.write_at(definition_text(stream, mode, retention_ms), 0));
  TRY(file.sync_data());
  TRY(base::rename_file(partial, path));
  return base::sync_directory(directory);
}

Result<void> write_definition(const std::string& directory, const Stream& stream) {
  return write_definition(directory, stream, stream.mode(), stream.retention_ms());
}

struct Definition {
  std::string name;
  uint64_t id = 0;
  uint32_t shards = 0;
  StreamMode mode = StreamMode::provisioned;
  int64_t created_ms = 0;
  int64_t retention_ms = 0;
};

bool is_stream_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

// Nothing: a definition without a checksum, as earlier versions wrote them.
std::optional<bool> checksum_holds(std::string_view text) {
  const size_t at = text.rfind(checksum_member);
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at) == fmt::format("{}{:08x}\"}}\n", checksum_member, base::crc32c(text.substr(0, at)));
}

std::optional<uint64_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

Result<Definition> parse_definition(std::string_view text) {
  const auto damaged = [](std::string_view what) { return fail(ErrorKind::corrupt, "{}", what); };
  const std::optional<bool> holds = checksum_holds(text);
  if (holds == false) return damaged("its checksum does not hold");
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  std::string_view name, id, mode;
  uint64_t shards = 0;
  Definition definition;
  if (parser.parse(simdjson::padded_string(text)).get(root)) return damaged("it is not a JSON object");
  // A flipped bit in the name of the checksum makes no definition of an earlier version.
  static constexpr std::array<std::string_view, 6> members = {"name", "id",         "shards",
                                                              "mode", "created_ms", "retention_ms"};
  for (const auto& [key, value] : root) {
    if (!holds && std::ranges::find(members, key) == members.end()) {
      return damaged("it has no checksum and a member that earlier versions did not write");
    }
  }
  if (root["name"].get(name) || !is_stream_name(name)) return damaged("`name` is not a stream's name");
  if (root["id"].get(id) || !parse_id(id)) return damaged("`id` is not 16 hexadecimal digits");
  if (root["shards"].get(shards) || shards == 0 || shards > shards_max) return damaged("`shards` is out of range");
  if (root["created_ms"].get(definition.created_ms) || definition.created_ms < 0) {
    return damaged("`created_ms` is not a time");
  }
  if (root["retention_ms"].get(definition.retention_ms) || definition.retention_ms < Streams::default_retention_ms ||
      definition.retention_ms > Streams::retention_ms_max) {
    return damaged("`retention_ms` is not between 24 hours and 365 days");
  }
  if (!root["mode"].get(mode)) {
    if (mode == stream::name(StreamMode::on_demand)) {
      definition.mode = StreamMode::on_demand;
    } else if (mode != stream::name(StreamMode::provisioned)) {
      return damaged("`mode` is neither PROVISIONED nor ON_DEMAND");
    }
  }
  definition.name = name;
  definition.id = *parse_id(id);
  definition.shards = static_cast<uint32_t>(shards);
  return definition;
}

// What the folder `entry` of the streams' directory says that it is.
Result<Definition> read_definition(const std::string& directory, std::string_view entry) {
  const std::string path = fmt::format("{}/{}", directory, definition_name);
  TRY_ASSIGN(const base::File file, base::File::open(path, O_RDONLY));
  TRY_ASSIGN(const uint64_t size, file.size());
  std::string text(std::min<uint64_t>(size, 64 * 1024), '\0');
  TRY_ASSIGN(const size_t read, file.read_at(text.data(), text.size(), 0));
  text.resize(read);
  auto definition = parse_definition(text);
  if (definition && directory_name(definition->name) != entry) {
    definition = fail(ErrorKind::corrupt, "it is the definition of the stream {}", definition->name);
  }
  if (definition) return definition;
  return fail(definition.error().kind, "{} is damaged: {}", path, definition.error().message);
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
    case StreamStatus::deleting:
      break;
  }
  return "DELETING";
}

std::string_view name(StreamMode mode) {
  return mode == StreamMode::on_demand ? "ON_DEMAND" : "PROVISIONED";
}

Stream::Stream(std::string name, uint64_t id, uint32_t shard_count, StreamMode mode, ProcessingTime created,
               int64_t retention_ms)
    : name(std::move(name)), id(id), shards(shard_count), created(created), mode_(mode), retention_ms_(retention_ms) {}

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
  TRY_ASSIGN(const Definition found, read_definition(fmt::format("{}/{}", options_.directory, entry), entry));
  StreamPtr stream(
      new Stream(found.name, found.id, found.shards, found.mode, ProcessingTime(found.created_ms), found.retention_ms));
  TRY_ASSIGN(stream->log_, open_stream_log(*stream));
  TRY(stream->consumers.open(directory_of(stream->name)));
  stream->status_ = StreamStatus::active;
  return stream;
}

bool Streams::is_damaged(std::string_view name) const {
  return std::ranges::find(damaged_, name, &Damaged::name) != damaged_.end();
}

Result<std::unique_ptr<log::Log>> Streams::open_stream_log(const Stream& stream) const {
  log::LogOptions options;
  options.directory = directory_of(stream.name);
  options.segment_bytes = options_.segment_bytes;
  options.durable = options_.durable;
  options.clock = options_.clock;
  options.io = options_.io;
  TRY_ASSIGN(auto log, log::open_log(options));
  for (uint32_t shard = 0; shard < stream.shard_count(); ++shard) log->add_shard(ShardId(shard));
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
    stream.reset(new Stream(std::string(name), new_stream_id(), shard_count, mode, clock_.now(), default_retention_ms));
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
  auto log = open_stream_log(*stream);
  const Result<void> written = log ? write_definition(directory, *stream) : std::unexpected(log.error());
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

void Streams::set_retention(const StreamPtr& stream, int64_t retention_ms, std::function<void(Result<void>)> done) {
  enqueue([this, stream, retention_ms, done = std::move(done)] {
    if (retention_ms < default_retention_ms || retention_ms > retention_ms_max) {
      return done(fail(ErrorKind::invalid_argument, "records stay for 24 hours to 365 days"));
    }
    auto changed = redefine(stream, stream->mode(), retention_ms);
    if (changed) trim(*stream);
    done(std::move(changed));
  });
}

void Streams::set_mode(const StreamPtr& stream, StreamMode mode, std::function<void(Result<void>)> done) {
  enqueue([this, stream, mode, done = std::move(done)] { done(redefine(stream, mode, stream->retention_ms())); });
}

// On the worker's thread, which alone changes these.
Result<void> Streams::redefine(const StreamPtr& stream, StreamMode mode, int64_t retention_ms) {
  // Its folder may be that of a later stream of its name already.
  if (stream->status() != StreamStatus::active) {
    return fail(ErrorKind::not_found, "the stream {} is not there any more", stream->name);
  }
  TRY(write_definition(directory_of(stream->name), *stream, mode, retention_ms));
  stream->mode_ = mode;
  stream->retention_ms_ = retention_ms;
  return {};
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
  if (!stream || stream->status() != StreamStatus::active) {
    if (is_damaged(name)) {
      return fail(ErrorKind::not_found,
                  "the stream `{}` is damaged and not served; the server's log says what is damaged and what to do",
                  name);
    }
    return fail(ErrorKind::not_found,
                "there is no stream {}; create it first: aws kinesis create-stream --stream-name {} --shard-count 1",
                name, name);
  }
  Source source{stream->id, {}};
  for (uint32_t shard = 0; shard < stream->shard_count(); ++shard) {
    source.shards.push_back({stream->log(), ShardId(shard), stream});
  }
  return source;
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
    if (!copied && stream->status() != StreamStatus::active) {
      TRY(remove_tree(of_stream));
      continue;
    }
    TRY(copied);
    if (stream->consumers.size() > 0) TRY(stream->consumers.copy_to(of_stream));
    TRY(write_definition(of_stream, *stream));
  }
  return base::sync_directory(directory);
}

void Streams::trim() {
  for (const StreamPtr& stream : list()) trim(*stream);
}

void Streams::trim(const Stream& stream) {
  log::Log* const log = stream.log();
  if (log == nullptr) return;
  // A segment that cannot be removed now is removed the next time.
  [[maybe_unused]] const auto trimmed =
      log->trim(ProcessingTime(clock_.now().value - stream.retention_ms()), log->durable_group());
}

Streams::Totals Streams::totals() const {
  std::lock_guard lock(mutex_);
  Totals totals;
  for (const auto& [name, stream] : streams_) {
    ++totals.streams;
    totals.shards += stream->shard_count();
    totals.on_demand_streams += stream->mode() == StreamMode::on_demand ? 1 : 0;
  }
  return totals;
}

}  // namespace millrace::stream
