#include "function/mapping.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "log/log.h"
#include "stream/shard_ranges.h"

namespace millrace::function {

Mapping::Mapping(const Functions::Environment& environment, MappingDefinition definition, Worker& worker)
    : environment_(environment),
      definition_(std::move(definition)),
      context_{environment_, definition_, worker, progress_, [this] { shard_at_end(); }} {
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
  for (const auto& [id, shard] : shards_) shard->stop();
  shards_.clear();
  found_.reset();
}

void Mapping::sources_changed() {
  if (stopped_ || !definition_.enabled) return;
  if (found_) {
    const auto found = find_source();
    if (found && same_source(*found)) return follow_shards();
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
  TRY_ASSIGN(Found found, find_source());
  TRY_ASSIGN(const Positions positions, find_positions(found));
  std::map<ShardId, std::shared_ptr<MappingShard>> shards;
  for (const auto& [id, position] : positions) shards.emplace(id, make_shard(found, id, position));
  {
    const std::lock_guard lock(shards_mutex_);
    found_ = std::move(found);
    shards_ = shards;
  }
  for (const auto& [id, shard] : shards) shard->start();
  follow_shards();
  return {};
}

std::shared_ptr<MappingShard> Mapping::make_shard(const Found& found, ShardId shard, SequenceNumber position) {
  MappingShard::Source source{found.source.shard(shard), found.identity, found.event};
  if (const stream::Shard* of = found.source.shards()->find(shard)) source.range = *of;
  if (!source.event.table) {
    source.event.shard_name = stream::shard_name(shard);
    source.event.numbers = base::SequenceFormat(shard, found.source.id);
  }
  return std::make_shared<MappingShard>(context_, std::move(source), position);
}

stream::FollowerStep Mapping::next_step(const Found& found, const Positions& positions) const {
  const stream::ShardSetPtr set = found.source.shards();
  std::vector<stream::Followed> followed;
  for (const auto& [shard, position] : positions) {
    followed.push_back({shard, stream::is_finished(*set, *found.source.log, shard, position)});
  }
  return stream::next_step(*set, followed);
}

// Posted: a shard that tells of its end is in the middle of something.
void Mapping::shard_at_end() {
  if (!found_ || !found_->source.shards()->has_closed()) return;
  environment_.reactor->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->follow_shards();
  });
}

void Mapping::follow_shards() {
  if (stopped_ || !found_) return;
  const auto followed = try_follow_shards();
  if (followed) return;
  progress_.note_error(followed.error().message);
  environment_.reactor->cancel(timer_);
  timer_ = environment_.reactor->after_ms(source_pause_ms, [this] {
    timer_ = 0;
    follow_shards();
  });
}

Result<void> Mapping::try_follow_shards() {
  for (;;) {
    Positions positions;
    for (const auto& [id, shard] : shards_) positions.emplace(id, shard->position());
    const stream::FollowerStep step = next_step(*found_, positions);
    if (step.begin.empty() && step.forget.empty()) return {};
    TRY_ASSIGN(const auto transaction, environment_.tables->try_begin());
    for (const ShardId shard : step.forget) {
      TRY(transaction->erase_record(position_key(definition_.name, shard)));
    }
    for (const auto& begin : step.begin) {
      TRY(transaction->put_record(position_key(definition_.name, begin.shard),
                                  position_value(SequenceNumber(0), found_->identity)));
    }
    TRY(transaction->commit());
    environment_.tables->flush();
    std::vector<std::shared_ptr<MappingShard>> begun;
    {
      const std::lock_guard lock(shards_mutex_);
      for (const ShardId shard : step.forget) {
        shards_.at(shard)->stop();
        shards_.erase(shard);
      }
      for (const auto& begin : step.begin) {
        if (begin.after_gap) progress_.note_error("retention has passed a shard that was not read; records were lost");
        begun.push_back(
            shards_.emplace(begin.shard, make_shard(*found_, begin.shard, SequenceNumber(0))).first->second);
      }
    }
    for (const auto& shard : begun) shard->start();
  }
}

Result<Mapping::Found> Mapping::find_source() const {
  Found found;
  found.event.region = environment_.region;
  if (!definition_.stream.empty()) {
    TRY_ASSIGN(found.source, environment_.streams->source(definition_.stream));
    found.identity = {"stream/" + definition_.stream, fmt::format("{:016x}", found.source.id)};
    found.event.arn = fmt::format("arn:aws:kinesis:{}:000000000000:stream/{}", environment_.region, definition_.stream);
    return found;
  }
  TRY_ASSIGN(const table::TablePtr table, environment_.tables->find(definition_.table));
  found.source = stream::fixed_source(table->keyspace.value, &environment_.tables->journal(),
                                      stream::ShardSet::single(table->keyspace));
  found.identity = {"table/" + definition_.table, std::to_string(table->keyspace.value)};
  found.event.arn = fmt::format("arn:aws:dynamodb:{}:000000000000:table/{}/stream/{}", environment_.region, table->name,
                                table->feed_label);
  found.event.table = table;
  found.event.numbers = table::sequence_format(*table);
  // A table that shows its feed to nobody else still feeds mappings, with what it is now.
  found.event.view = table->change_feed.value_or(table::ViewType::new_image);
  return found;
}

// Whatever is not stored as it shall be is written at once: the source of tomorrow may be yet another one.
Result<Mapping::Positions> Mapping::find_positions(const Found& found) const {
  TRY_ASSIGN(const auto stored, stored_positions());
  Positions positions;
  bool recreated = false;
  const std::string prefix = position_prefix(definition_.name);
  for (const auto& [key, position] : stored) {
    recreated |= position.source.name == found.identity.name;
    uint32_t shard = 0;
    const char* const end = key.data() + key.size();
    const auto parsed = std::from_chars(key.data() + prefix.size(), end, shard);
    const bool is_here = position.source == found.identity || position.source == SourceIdentity();
    if (parsed.ec != std::errc() || parsed.ptr != end || !is_here) continue;
    positions.emplace(ShardId(shard), position_in(found, ShardId(shard), position));
  }
  if (positions.empty()) {
    TRY_ASSIGN(positions, first_positions(found, recreated));
  }
  bool as_stored = stored.size() == positions.size();
  for (const auto& [shard, next] : positions) {
    const auto at = stored.find(position_key(definition_.name, shard));
    as_stored &= at != stored.end() && at->second.next == next && at->second.source == found.identity;
  }
  if (as_stored) return positions;
  TRY_ASSIGN(const auto transaction, environment_.tables->try_begin());
  TRY(transaction->erase_records(prefix));
  for (const auto& [shard, next] : positions) {
    TRY(transaction->put_record(position_key(definition_.name, shard), position_value(next, found.identity)));
  }
  TRY(transaction->commit());
  environment_.tables->flush();
  return positions;
}

// All of a stream or table that was dropped and created anew has come after the mapping began.
Result<Mapping::Positions> Mapping::first_positions(const Found& found, bool recreated) const {
  if (recreated) {
    spdlog::warn("mapping {}: {} is a new one: the mapping starts at its beginning", definition_.name,
                 found.identity.name);
  }
  const bool latest = !recreated && definition_.start == MappingDefinition::Start::latest;
  const stream::ShardSetPtr set = found.source.shards();
  Positions positions;
  for (const ShardId shard : latest ? stream::open_shards(*set) : stream::oldest_shards(*set)) {
    TRY_ASSIGN(const log::ShardRange range, found.source.log->range(shard));
    positions.emplace(shard, latest ? range.end : range.oldest);
  }
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

SequenceNumber Mapping::position_in(const Found& found, ShardId shard, const Position& stored) const {
  const auto range = found.source.log->range(shard);
  if (!range || stored.next <= range->end) return stored.next;
  spdlog::warn("mapping {}: its position {} is past the end {} of shard {} of {}", definition_.name, stored.next,
               range->end, shard, found.identity.name);
  // A log that is not synced may have lost its newest records: those had been delivered.
  return stored.source == SourceIdentity() ? range->oldest : range->end;
}

bool Mapping::same_source(const Found& found) const {
  return found.source.log == found_->source.log && found.identity == found_->identity &&
         found.event.arn == found_->event.arn;
}

// Of the shards that come after those that are followed. With shards_mutex_ held.
uint64_t Mapping::later_records() const {
  if (!found_) return 0;
  const stream::ShardSetPtr set = found_->source.shards();
  if (!set->has_closed()) return 0;
  std::vector<stream::Followed> followed;
  for (const auto& [id, shard] : shards_) followed.push_back({id});
  uint64_t records = 0;
  for (const ShardId later : stream::later_shards(*set, followed)) {
    if (const auto range = found_->source.log->range(later)) records += range->end.value - range->oldest.value;
  }
  return records;
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
    for (const auto& [id, shard] : shards_) {
      lag_records += shard->lag_records();
      oldest_waiting_ms = std::max(oldest_waiting_ms, shard->oldest_waiting_ms(now_ms));
    }
    lag_records += later_records();
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
