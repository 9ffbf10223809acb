#include "engine/lookup_join.h"

#include "engine/attribute.h"

namespace millrace::engine {

namespace {

std::vector<data::Type> key_column_types(const sql::LookupJoinNode& node) {
  std::vector<data::Type> types;
  for (const auto& [column, expression] : node.keys) types.push_back(expression->type);
  return types;
}

std::vector<std::string> key_names(const sql::LookupJoinNode& node, const sql::TableDefinition& definition) {
  std::vector<std::string> names;
  for (const auto& [column, expression] : node.keys) names.push_back(definition.columns[column].name);
  return names;
}

}  // namespace

Result<std::unique_ptr<LookupJoin>> LookupJoin::make(const sql::LookupJoinNode& node,
                                                     const sql::TableDefinition& definition, const data::Schema& output,
                                                     table::Tables& tables, table::TablePtr table) {
  std::unique_ptr<LookupJoin> join(new LookupJoin(node, definition, output, tables, std::move(table)));
  for (const auto& [column, expression] : node.keys) TRY(join->evaluator_.prepare(expression));
  TRY(join->evaluator_.prepare(node.condition));
  return join;
}

LookupJoin::LookupJoin(const sql::LookupJoinNode& node, const sql::TableDefinition& definition,
                       const data::Schema& output, table::Tables& tables, table::TablePtr table)
    : node_(node),
      tables_(tables),
      table_(std::move(table)),
      key_(table_, key_names(node, definition)),
      output_(output),
      encoder_(key_column_types(node)),
      cached_keys_(std::make_unique<KeyTable>()) {
  for (int column : node.columns) {
    names_.push_back(definition.columns[column].name);
    types_.push_back(definition.columns[column].type);
  }
}

Result<void> LookupJoin::refresh(CachedRow& row, const std::vector<data::ColumnPtr>& keys, size_t at) {
  if (!key_.take(keys, at)) {
    row.stored = nullptr;
    return {};
  }
  auto read = tables_.get_stored(*table_, key_.bytes());
  if (!read && read.error().kind == ErrorKind::not_found) {
    return millrace::fail(ErrorKind::not_found,
                          "table {}, which the job looks up, was deleted; create it again and resume the job",
                          table_->name);
  }
  if (!read) return std::unexpected(read.error());
  if (read->value == row.stored) return {};
  row.stored = read->value;
  if (!row.stored) return {};
  row.values.assign(names_.size(), {});
  data::StringArena arena;
  for (size_t n = 0; n < names_.size(); ++n) {
    TRY_ASSIGN(auto attribute, table::get_attribute(*row.stored, names_[n]));
    if (!attribute) continue;
    data::Column column(types_[n], 1);
    row_errors_ += !set_from_attribute(column, 0, *attribute, arena);
    row.values[n] = column.get(0);
  }
  return {};
}

Result<void> LookupJoin::process(int, const data::Batch& batch) {
  auto arena = std::make_shared<data::StringArena>();
  std::vector<data::ColumnPtr> keys;
  std::vector<const data::Column*> key_columns;
  for (const auto& [column, expression] : node_.keys) {
    keys.push_back(evaluator_.column(*expression, batch, *arena));
    key_columns.push_back(keys.back().get());
  }
  encoder_.encode(key_columns, batch.rows);
  if (cached_rows_.size() + batch.rows > cached_rows_max) {
    cached_keys_ = std::make_unique<KeyTable>();
    cached_rows_.clear();
  }
  ++batch_;

  // The looked-up rows of this batch, one per distinct key; row 0 is "none".
  std::vector<uint32_t> found{KeyTable::none};  // their places in the cache
  std::vector<uint32_t> place_of(batch.rows);
  for (uint32_t i = 0; i < batch.rows; ++i) {
    const uint32_t number = cached_keys_->add(encoder_.keys()[i]);
    if (number == cached_rows_.size()) cached_rows_.emplace_back();
    CachedRow& row = cached_rows_[number];
    if (row.batch != batch_) {
      TRY(refresh(row, keys, i));
      row.batch = batch_;
      row.place = 0;
      if (row.stored) {
        row.place = static_cast<uint32_t>(found.size());
        found.push_back(number);
      }
    }
    place_of[i] = row.place;
  }

  std::vector<std::shared_ptr<data::Column>> looked_up;
  for (size_t n = 0; n < names_.size(); ++n) {
    auto column = std::make_shared<data::Column>(types_[n], found.size());
    for (size_t place = 1; place < found.size(); ++place) {
      const data::Value& value = cached_rows_[found[place]].values[n];
      if (const auto* text = std::get_if<std::string>(&value)) {
        column->strings()[place] = arena->copy(*text);
        column->valid[place] = 1;
      } else {
        column->set(place, value);
      }
    }
    looked_up.push_back(std::move(column));
  }

  const auto joined = [&](const data::Batch& input) {
    data::Batch out = input;
    for (size_t n = 0; n < looked_up.size(); ++n) {
      auto column = std::const_pointer_cast<data::Column>(data::gather(*looked_up[n], place_of));
      column->type = output_[input.columns.size() + n].type;
      out.columns.push_back(std::move(column));
    }
    out.owners.push_back(arena);
    return out;
  };

  data::Batch input = batch;
  if (!node_.left) {
    std::vector<uint32_t> matched;
    for (uint32_t i = 0; i < batch.rows; ++i) {
      if (place_of[i] != 0) matched.push_back(i);
    }
    if (matched.empty()) return {};
    if (matched.size() != batch.rows) {
      input = gather(batch, matched);
      for (size_t i = 0; i < matched.size(); ++i) place_of[i] = place_of[matched[i]];
      place_of.resize(matched.size());
    }
  }
  data::Batch out = joined(input);
  std::vector<uint32_t> held;
  if (node_.condition && evaluator_.select(*node_.condition, out, *arena, held)) {
    if (!node_.left) return emit(gather(out, held));
    std::vector<uint8_t> holds(out.rows);
    for (uint32_t i : held) holds[i] = 1;
    for (size_t i = 0; i < out.rows; ++i) place_of[i] *= holds[i];
    out = joined(input);
  }
  return emit(out);
}

}  // namespace millrace::engine
