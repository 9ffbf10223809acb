#include "engine/group_rows.h"

namespace millrace::engine {

data::Batch rows_of_groups(const Groups& groups, std::span<const uint32_t> numbers, const KeyEncoder& encoder,
                           const data::Schema& schema, size_t keys, size_t between,
                           std::vector<std::shared_ptr<data::Column>>& columns) {
  auto arena = std::make_shared<data::StringArena>();
  columns.clear();
  for (const data::Field& field : schema) columns.push_back(std::make_shared<data::Column>(field.type, numbers.size()));
  std::vector<data::Column*> key_columns;
  for (size_t n = 0; n < keys; ++n) key_columns.push_back(columns[n].get());
  for (size_t row = 0; row < numbers.size(); ++row) {
    encoder.decode(arena->copy(groups.key(numbers[row])), key_columns, row);
  }
  for (size_t n = 0; n < groups.aggregates(); ++n) {
    data::Column& column = *columns[keys + between + n];
    for (size_t row = 0; row < numbers.size(); ++row) groups.result(numbers[row], n, column, row);
    if (column.type.kind != data::TypeKind::string) continue;
    for (auto& text : column.strings()) text = arena->copy(text);
  }
  data::Batch batch;
  batch.rows = numbers.size();
  batch.columns.assign(columns.begin(), columns.end());
  batch.owners.push_back(std::move(arena));
  return batch;
}

std::vector<data::Type> types_of(const std::vector<int>& columns, const data::Schema& schema) {
  std::vector<data::Type> types;
  for (int column : columns) types.push_back(schema[column].type);
  return types;
}

}  // namespace millrace::engine
