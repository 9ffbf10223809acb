#include "connector/item_key.h"

#include <algorithm>

#include "data/text.h"

namespace millrace::connector {

using data::TypeKind;
using table::Number;

ItemKey::ItemKey(table::TablePtr table, const std::vector<std::string>& names) : table_(std::move(table)) {
  const auto add = [&](const table::KeyAttribute& attribute) {
    const auto at = std::ranges::find(names, attribute.name);
    CHECK(at != names.end(), "the key {} of {} is no column", attribute.name, table_->name);
    parts_.push_back({&attribute, static_cast<size_t>(at - names.begin()), {}, {}});
  };
  add(table_->hash_key);
  if (table_->range_key) add(*table_->range_key);
}

bool ItemKey::take(const std::vector<data::ColumnPtr>& columns, size_t row) {
  for (Part& part : parts_) {
    if (!take(part, *columns[part.column], row)) return false;
  }
  bytes_.clear();
  return table::put_key(bytes_, *table_, parts_.front().value, parts_.back().value).has_value();
}

bool ItemKey::take(Part& part, const data::Column& column, size_t row) {
  if (column.is_null(row)) return false;
  switch (column.type.kind) {
    case TypeKind::boolean:
      return false;
    case TypeKind::timestamp:
      if (part.attribute->type == table::KeyType::string) {
        part.text.clear();
        data::put_timestamp(part.text, column.integers()[row], 'T');
        part.value = std::string_view(part.text);
        return true;
      }
      [[fallthrough]];
    case TypeKind::integer:
    case TypeKind::bigint:
      part.value = Number(column.integers()[row]);
      return true;
    case TypeKind::real: {
      const auto number = Number::from_double(column.reals()[row]);
      if (number) part.value = *number;
      return number.has_value();
    }
    case TypeKind::decimal:
      part.value = Number(column.decimals()[row], column.type.scale);
      return true;
    case TypeKind::string:
      part.value = column.strings()[row];
      return true;
  }
  return false;
}

bool ItemKey::put_attribute(table::ItemWriter& out, size_t n) const {
  for (const Part& part : parts_) {
    if (part.column != n) continue;
    if (const auto* number = std::get_if<Number>(&part.value)) {
      out.number(part.attribute->name, *number);
    } else {
      out.text(part.attribute->name, std::get<std::string_view>(part.value));
    }
    return true;
  }
  return false;
}

}  // namespace millrace::connector
