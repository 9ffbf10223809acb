#include "function/mapping.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "log/log.h"
#include "stream/shard_ranges.h"

namespace millrace::function {

Mapping::Mapping(const Functions::Environment& environment, MappingDefinition definition, Worker& worker)
    : environment_(environment),
      definition_(std::move(definition)),
      context_{environment_, definition_, worker, progress_} {
  progress_.counts.name = definition_.name;
}

void Mapping::start() {
  if (definition_.enabled) look_for_source();
}

void Mapping::stop() {
  stopped_ = true;
  environment_.reactor->cancel(timer_);
  drop_shards();
}

void Mapping::drop_shards() {
  const std::lock_guard lock(shards_mutex_);
  for (const auto& shard : shards_) shard->stop();
  shards_.clear();
  sources_.clear();
}

void Mapping::sources_changed() {
  if (stopped_ || !definition_.enabled) return;
  if (!sources_.empty()) {
    const auto sources = find_sources();
    if (sources && same_sources(*sources)) return;
    drop_shards();
  }
  look_for_source();
}

void Mapping::look_for_source() {
  environment_.reactor->cancel(timer_);
  timer_ = 0;
  const auto followed = follow_source();
  if (followed) return;
  if (followed.error().kind != ErrorKind::not_found) progress_.note_error(followed.error().message);
  timer_ = environment_.reactor->after_ms(source_pause_ms, [this] { look_for_source(); });
}

Result<void> Mapping::follow_source() {
  TRY_ASSIGN(Sources sources, find_sources());
  TRY_ASSIGN(const auto positions, find_positions(sources));
  sources_ = std::move(sources);
  std::vector<std::shared_ptr<MappingShard>> shards;
  for (size_t i = 0; i < sources_.size(); ++i) {
    shards.push_back(std::make_shared<MappingShard>(context_, sources_[i], positions[i]));
  }
  {
    const std::lock_guard lock(shards_mutex_);
    shards_ = shards;
  }
  for (const auto& shard : shards) shard->start();
  return {};
}

Result<Mapping::Sources> Mapping::find_sources() const {
  Sources sources;
  if (!definition_.stream.empty()) {
    TRY_ASSIGN(const stream::Source found, environment_.streams->source(definition_.stream));
    for (const stream::ShardSource& shard : found.shards) {
      MappingShard::Source source;
      source.shard = shard;
      source.identity = {"stream/" + definition_.stream, fmt::format("{:016x}", found.id)};
      source.event.region = environment_.region;
      source.event.arn =
          fmt::format("arn:aws:kinesis:{}:000000000000:stream/{}", environment_.region, definition_.stream);
      source.event.shard_name = stream::shard_name(shard.id);
      source.event.numbers = base::SequenceFormat(shard.id, found.id);
      sources.push_back(std::move(source));
    }
    return sources;
  }
  TRY_ASSIGN(const table::TablePtr table, environment_.tables->find(definition_.table));
  MappingShard::Source source;
  source.shard = {&environment_.tables->journal(), table->keyspace, nullptr};
  source.identity = {"table/" + definition_.table, std::to_string(table->keyspace.value)};
  source.event.region = environment_.region;
  source.event.arn = fmt::format("arn:aws:dynamodb:{}:000000000000:table/{}/stream/{}", environment_.region,
                                 table->name, table->feed_label);
  source.event.table = table;
  source.event.numbers = table::sequence_format(*table);
  // A table that shows its feed to nobody else still feeds mappings, with what it is now.
  source.event.view = table->change_feed.value_or(table::ViewType::new_image);
  sources.push_back(std::move(source));
  return sources;
}

// Whatever is not stored as it shall be is written at once: the source of tomorrow may be yet another one.
Result<std::vector<SequenceNumber>> Mapping::find_positions(const Sources& sources) const {
  TRY_ASSIGN(const auto stored, stored_positions());
  std::map<std::string, std::string> records;
  std::vector<SequenceNumber> positions;
  bool as_stored = stored.size() == sources.size();
  for (const MappingShard::Source& source : sources) {
    TRY_ASSIGN(const log::ShardRange range, source.shard.log->range(source.shard.id));
    const SequenceNumber position = positions.emplace_back(position_in(source, range, stored));
    const std::string key = position_key(definition_.name, source.shard.id);
    records[key] = position_value(position, source.identity);
    const auto at = stored.find(key);
    as_stored &= at != stored.end() && at->second.next == position && at->second.source == source.identity;
  }
  if (as_stored) return positions;
  TRY_ASSIGN(const auto transaction, environment_.tables->try_begin());
  TRY(transaction->erase_records(position_prefix(definition_.name)));
  for (const auto& [key, value] : records) TRY(transaction->put_record(key, value));
  TRY(transaction->commit());
  environment_.tables->flush();
  return positions;
}

Result<std::map<std::string, Position>> Mapping::stored_positions() const {
  std::map<std::string, Position> stored;
  Result<void> parsed;
  TRY(environment_.tables->scan_records(position_prefix(definition_.name),
                                        [&](std::string_view key, std::string_view value) {
                                          auto position = parse_position(value);
                                          if (!position) {
                                            parsed = std::unexpected(position.error().within(key));
                                            return false;
                                          }
                                          stored.emplace(key, std::move(*position));
                                          return true;
                                        }));
  TRY(std::move(parsed));
  return stored;
}

SequenceNumber Mapping::position_in(const MappingShard::Source& source, const log::ShardRange& range,
                                    const std::map<std::string, Position>& stored) const {
  const auto at = stored.find(position_key(definition_.name, source.shard.id));
  const bool of_older_version = at != stored.end() && at->second.source == SourceIdentity();
  if (at != stored.end() && (at->second.source == source.identity || of_older_version)) {
    if (at->second.next <= range.end) return at->second.next;
    spdlog::warn("mapping {}: its position {} is past the end {} of shard {} of {}", definition_.name, at->second.next,
                 range.end, source.shard.id, source.identity.name);
    // A log that is not synced may have lost its newest records: those had been delivered.
    return of_older_version ? range.oldest : range.end;
  }
  // All of a stream or table that was dropped and created anew has come after the mapping began.
  const bool recreated = std::ranges::any_of(
      stored, [&](const auto& record) { return record.second.source.name == source.identity.name; });
  if (recreated) {
    spdlog::warn("mapping {}: {} is a new one: the mapping starts at its beginning", definition_.name,
                 source.identity.name);
    return range.oldest;
  }
  return definition_.start == MappingDefinition::Start::latest ? range.end : range.oldest;
}

bool Mapping::same_sources(const Sources& sources) const {
  return std::ranges::equal(sources, sources_, [](const MappingShard::Source& a, const MappingShard::Source& b) {
    return a.shard.log == b.shard.log && a.shard.id == b.shard.id && a.identity == b.identity &&
           a.event.arn == b.event.arn;
  });
}

// The lag first: of what it leaves out the counts know.
MappingStatus Mapping::status() const {
  uint64_t lag_records = 0;
  int64_t oldest_waiting_ms = 0;
  bool followed = false;
  {
    const int64_t now_ms = environment_.clock->now().value;
    const std::lock_guard lock(shards_mutex_);
    followed = !shards_.empty();
    for (const auto& shard : shards_) {
      lag_records += shard->lag_records();
      oldest_waiting_ms = std::max(oldest_waiting_ms, shard->oldest_waiting_ms(now_ms));
    }
  }
  MappingStatus status;
  bool retrying = false;
  {
    const std::lock_guard lock(progress_.mutex);
    status = progress_.counts;
    retrying = progress_.retrying > 0;
  }
  status.lag_records = lag_records;
  status.oldest_waiting_ms = oldest_waiting_ms;
  const FunctionStatus function = context_.worker.status();
  const bool cannot_start = function.state == failing;
  // What it waits for is what must be mended; an older error of a batch is not.
  if (definition_.enabled && cannot_start) status.last_error = function.last_error;
  status.state = !definition_.enabled ? "disabled"
                 : !followed          ? "waiting for its source"
                 : cannot_start       ? "function cannot start"
                 : retrying           ? "retrying"
                                      : "running";
  return status;
}

}  // namespace millrace::function
