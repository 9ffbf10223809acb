#include "engine/lookup_join.h"

namespace millrace::engine {

namespace {

std::vector<data::Type> key_column_types(const sql::LookupJoinNode& node) {
  std::vector<data::Type> types;
  for (const auto& [column, expression] : node.keys) types.push_back(expression->type);
  return types;
}

}  // namespace

Result<std::unique_ptr<LookupJoin>> LookupJoin::make(const sql::LookupJoinNode& node,
                                                     const sql::TableDefinition& definition, const data::Schema& output,
                                                     std::unique_ptr<connector::Lookup> lookup) {
  std::unique_ptr<LookupJoin> join(new LookupJoin(node, definition, output, std::move(lookup)));
  for (const auto& [column, expression] : node.keys) TRY(join->evaluator_.prepare(expression));
  TRY(join->evaluator_.prepare(node.condition));
  return join;
}

LookupJoin::LookupJoin(const sql::LookupJoinNode& node, const sql::TableDefinition& definition,
                       const data::Schema& output, std::unique_ptr<connector::Lookup> lookup)
    : node_(node),
      lookup_(std::move(lookup)),
      output_(output),
      encoder_(key_column_types(node)),
      cached_keys_(std::make_unique<KeyTable>()) {
  for (int column : node.columns) types_.push_back(definition.columns[column].type);
}

Result<std::vector<uint32_t>> LookupJoin::look_up(const data::Batch& batch, data::StringArena& arena,
                                                  std::vector<uint32_t>& place_of) {
  std::vector<data::ColumnPtr> keys;
  std::vector<const data::Column*> key_columns;
  for (const auto& [column, expression] : node_.keys) {
    keys.push_back(evaluator_.column(*expression, batch, arena));
    key_columns.push_back(keys.back().get());
  }
  encoder_.encode(key_columns, batch.rows);
  if (cached_rows_.size() + batch.rows > cached_rows_max) {
    cached_keys_ = std::make_unique<KeyTable>();
    cached_rows_.clear();
  }
  ++batch_;

  std::vector<uint32_t> numbers(batch.rows);
  std::vector<std::pair<uint32_t, uint32_t>> first;  // of each distinct key: its number, its first row
  for (uint32_t i = 0; i < batch.rows; ++i) {
    numbers[i] = cached_keys_->add(encoder_.keys()[i]);
    if (numbers[i] == cached_rows_.size()) cached_rows_.emplace_back();
    CachedRow& cached = cached_rows_[numbers[i]];
    if (cached.batch == batch_) continue;
    cached.batch = batch_;
    first.emplace_back(numbers[i], i);
  }
  std::vector<connector::Lookup::Asked> asked;
  asked.reserve(first.size());
  for (const auto& [number, row] : first) asked.push_back({row, &cached_rows_[number].row});
  TRY_ASSIGN(const uint64_t errors, lookup_->look_up(keys, asked));
  row_errors_ += errors;

  std::vector<uint32_t> found{KeyTable::none};  // place 0 is "none"
  for (const auto& [number, row] : first) {
    CachedRow& cached = cached_rows_[number];
    cached.place = 0;
    if (!cached.row.version) continue;
    cached.place = static_cast<uint32_t>(found.size());
    found.push_back(number);
  }
  place_of.resize(batch.rows);
  for (uint32_t i = 0; i < batch.rows; ++i) place_of[i] = cached_rows_[numbers[i]].place;
  return found;
}

Result<void> LookupJoin::process(int, const data::Batch& batch) {
  auto arena = std::make_shared<data::StringArena>();
  std::vector<uint32_t> place_of;
  TRY_ASSIGN(const std::vector<uint32_t> found, look_up(batch, *arena, place_of));

  std::vector<std::shared_ptr<data::Column>> looked_up;
  for (size_t n = 0; n < types_.size(); ++n) {
    auto column = std::make_shared<data::Column>(types_[n], found.size());
    for (size_t place = 1; place < found.size(); ++place) {
      const data::Value& value = cached_rows_[found[place]].row.values[n];
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
