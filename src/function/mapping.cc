#include "function/mapping.h"

#include <algorithm>

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
  auto sources = find_sources();
  if (!sources) {
    if (sources.error().kind != ErrorKind::not_found) progress_.note_error(sources.error().message);
    timer_ = environment_.reactor->after_ms(source_pause_ms, [this] { look_for_source(); });
    return;
  }
  sources_ = std::move(*sources);
  std::vector<std::shared_ptr<MappingShard>> shards;
  for (const auto& source : sources_) shards.push_back(std::make_shared<MappingShard>(context_, source));
  {
    const std::lock_guard lock(shards_mutex_);
    shards_ = shards;
  }
  for (const auto& shard : shards) shard->start();
}

Result<Mapping::Sources> Mapping::find_sources() const {
  Sources sources;
  if (!definition_.stream.empty()) {
    TRY_ASSIGN(const StreamSource::Stream stream, environment_.streams->find_stream(definition_.stream));
    for (uint32_t shard = 0; shard < stream.shards; ++shard) {
      MappingShard::Source source;
      source.log = stream.log;
      source.shard = ShardId(shard);
      source.event.region = environment_.region;
      source.event.arn = stream.arn;
      source.owner = stream.owner;
      source.event.shard_name = shard_name(source.shard);
      sources.push_back(std::move(source));
    }
    return sources;
  }
  TRY_ASSIGN(const table::TablePtr table, environment_.tables->find(definition_.table));
  MappingShard::Source source;
  source.log = &environment_.tables->journal();
  source.shard = table->keyspace;
  source.event.region = environment_.region;
  source.event.arn = fmt::format("arn:aws:dynamodb:{}:000000000000:table/{}/stream/{}", environment_.region,
                                 table->name, table->feed_label);
  source.event.table = table;
  // A table that shows its feed to nobody else still feeds mappings, with what it is now.
  source.event.view = table->change_feed.value_or(table::ViewType::new_image);
  sources.push_back(std::move(source));
  return sources;
}

bool Mapping::same_sources(const Sources& sources) const {
  return std::ranges::equal(sources, sources_, [](const MappingShard::Source& a, const MappingShard::Source& b) {
    return a.log == b.log && a.shard == b.shard && a.event.arn == b.event.arn;
  });
}

MappingStatus Mapping::status() const {
  MappingStatus status;
  bool retrying = false;
  {
    const std::lock_guard lock(progress_.mutex);
    status = progress_.counts;
    retrying = progress_.retrying > 0;
  }
  const std::lock_guard lock(shards_mutex_);
  for (const auto& shard : shards_) status.lag_records += shard->lag_records();
  status.state = !definition_.enabled ? "disabled"
                 : shards_.empty()    ? "waiting for its source"
                 : retrying           ? "retrying"
                                      : "running";
  return status;
}

}  // namespace millrace::function
