#include "engine/sink.h"

#include <algorithm>
#include <utility>

#include "engine/attribute.h"

namespace millrace::engine {

namespace {

std::vector<data::Type> key_types(const sql::SinkNode& node, const sql::TableDefinition& definition) {
  std::vector<data::Type> types;
  for (size_t n = 0; n < node.columns.size(); ++n) {
    for (int key : definition.primary_key) {
      if (key == node.columns[n]) types.push_back(definition.columns[key].type);
    }
  }
  return types;
}

}  // namespace

Result<std::unique_ptr<Sink>> Sink::make(const sql::SinkNode& node, const sql::TableDefinition& definition,
                                         table::TablePtr table) {
  std::unique_ptr<Sink> sink(new Sink(node, definition, std::move(table)));
  for (const auto& projection : node.projections) TRY(sink->evaluator_.prepare(projection));
  return sink;
}

Sink::Sink(const sql::SinkNode& node, const sql::TableDefinition& definition, table::TablePtr table)
    : node_(node),
      table_(std::move(table)),
      encoder_(key_types(node, definition)),
      keys_(std::make_unique<KeyTable>()) {
  for (int column : node.columns) names_.push_back(definition.columns[column].name);
  if (!table_) return;
  key_.emplace(table_, names_);
  const auto physical = std::ranges::count_if(definition.columns, [](const auto& column) { return !column.computed; });
  const bool partial = std::cmp_less(names_.size(), physical);
  if (partial) erased_.emplace();
  for (size_t n = 0; n < names_.size(); ++n) {
    by_name_.push_back(n);
    const bool range = table_->range_key && names_[n] == table_->range_key->name;
    const bool of_key = range || names_[n] == table_->hash_key.name;
    if (of_key) key_places_.push_back(n);
    if (partial && !of_key) erased_->push_back(names_[n]);
  }
  std::ranges::sort(by_name_, {}, [this](size_t n) { return std::string_view(names_[n]); });
}

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
  if (!table_) {
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

uint64_t Sink::take_writes(std::vector<SinkWrite>& writes, data::StringArena& arena) {
  if (!table_) return std::exchange(dropped_, 0);
  const size_t before = writes.size();
  std::string attributes;
  for (const Place& place : last_) {
    const data::Batch& batch = batches_[place.batch];
    if (!key_->take(batch.columns, place.row)) {
      ++row_errors_;
      continue;
    }
    SinkWrite write{table_.get(), arena.copy(key_->bytes()), {}, batch.weight(place.row) < 0};
    if (write.erase) {
      write.erased = erased_ ? &*erased_ : nullptr;
    } else {
      attributes.clear();
      table::ItemWriter out(attributes, names_.size());
      for (size_t n : by_name_) {
        if (key_->put_attribute(out, n)) continue;
        row_errors_ += !put_attribute(out, names_[n], *batch.columns[n], place.row);
      }
      write.attributes = arena.copy(attributes);
    }
    writes.push_back(write);
  }
  batches_.clear();
  last_.clear();
  if (keys_->size() > 0) keys_ = std::make_unique<KeyTable>();
  return writes.size() - before;
}

}  // namespace millrace::engine
