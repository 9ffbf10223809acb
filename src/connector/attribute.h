#pragma once
// Between columns and DynamoDB's attributes. TIMESTAMP is a number of milliseconds, or text in a key of type S. Pure.

#include "data/batch.h"
#include "table/item_writer.h"
#include "table/table.h"

namespace millrace::connector {

// Sets the row from the attribute; false: it is no value of the column's type (the row stays NULL). New texts go to
// the arena.
bool set_from_attribute(data::Column& column, size_t row, const table::AttributeValue& value, data::StringArena& arena);

// Whether a value that a column has refused is a number all the same, too large for it.
bool does_not_fit(const data::Type& type, const table::AttributeValue& value);

// Adds the row's value as an attribute; false: it has none there (a DOUBLE that is no number), and a NULL was added.
bool put_attribute(table::ItemWriter& out, std::string_view name, const data::Column& column, size_t row);

// Whether a column of this type can be a key attribute of that type.
bool can_be_key(const data::Type& type, table::KeyType key);

}  // namespace millrace::connector
