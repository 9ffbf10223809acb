#include "engine/sink.h"

#include <algorithm>
#include <utility>

namespace millrace::engine {

namespace {

std::vector<size_t> key_places(const sql::SinkNode& node, const sql::TableDefinition& definition) {
  std::vector<size_t> places;
  for (size_t n = 0; n < node.columns.size(); ++n) {
    if (std::ranges::find(definition.primary_key, node.columns[n]) != definition.primary_key.end()) places.push_back(n);
  }
  return places;
}

std::vector<data::Type> key_types(const sql::SinkNode& node, const sql::TableDefinition& definition) {
  std::vector<data::Type> types;
  for (const size_t place : key_places(node, definition)) {
    types.push_back(definition.columns[static_cast<size_t>(node.columns[place])].type);
  }
  return types;
}

}  // namespace

Result<std::unique_ptr<Sink>> Sink::make(const sql::SinkNode& node, const sql::TableDefinition& definition,
                                         std::unique_ptr<connector::Sink> target) {
  std::unique_ptr<Sink> sink(new Sink(node, definition, std::move(target)));
  for (const auto& projection : node.projections) TRY(sink->evaluator_.prepare(projection));
  return sink;
}

Sink::Sink(const sql::SinkNode& node, const sql::TableDefinition& definition, std::unique_ptr<connector::Sink> target)
    : node_(node),
      target_(std::move(target)),
      key_places_(key_places(node, definition)),
      encoder_(key_types(node, definition)),
      keys_(std::make_unique<KeyTable>()) {}

Result<void> Sink::process(int, const data::Batch& batch) {
  auto arena = std::make_shared<data::StringArena>();
  data::Batch out;
  out.rows = batch.rows;
  out.weights = batch.weights;
  out.owners = batch.owners;
  for (const auto& projection : node_.projections) {
    out.columns.push_back(evaluator_.column(*projection, batch, *arena));
  }
  out.owners.push_back(std::move(arena));
  if (!target_) {
    dropped_ += batch.rows;
    return {};
  }
  std::vector<const data::Column*> key_columns;
  for (size_t place : key_places_) key_columns.push_back(out.columns[place].get());
  encoder_.encode(key_columns, out.rows);
  const auto number_of_batch = static_cast<uint32_t>(batches_.size());
  for (uint32_t row = 0; row < out.rows; ++row) {
    const uint32_t number = keys_->add(encoder_.keys()[row]);
    if (number == last_.size()) last_.emplace_back();
    last_[number] = {number_of_batch, row};
  }
  batches_.push_back(std::move(out));
  return {};
}

uint64_t Sink::take_writes(std::vector<connector::Write>& writes, data::StringArena& arena) {
  if (!target_) return std::exchange(dropped_, 0);
  const size_t before = writes.size();
  std::vector<connector::Sink::Row> rows;
  rows.reserve(last_.size());
  for (const Place& place : last_) {
    const data::Batch& batch = batches_[place.batch];
    rows.push_back({&batch.columns, place.row, batch.weight(place.row) < 0});
  }
  row_errors_ += target_->encode(rows, arena, writes);
  batches_.clear();
  last_.clear();
  if (keys_->size() > 0) keys_ = std::make_unique<KeyTable>();
  return writes.size() - before;
}

}  // namespace millrace::engine
