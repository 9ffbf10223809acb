#pragma once
// Between columns and DynamoDB's attributes. TIMESTAMP is a number of milliseconds, or text in a key of type S. Pure.

#include "data/batch.h"
#include "table/item.h"
#include "table/table.h"

namespace millrace::engine {

// Sets the row from the attribute; false: it is no value of the column's type (the row stays NULL). New texts go to
// the arena.
bool set_from_attribute(data::Column& column, size_t row, const table::AttributeValue& value, data::StringArena& arena);

// The row's value. nullopt: it has none there (a DOUBLE that is no number).
std::optional<table::AttributeValue> attribute_of(const data::Column& column, size_t row);
// The same for a key attribute of that type; nullopt also for NULL.
std::optional<table::AttributeValue> key_attribute_of(const data::Column& column, size_t row, table::KeyType type);

// Whether a column of this type can be a key attribute of that type.
bool can_be_key(const data::Type& type, table::KeyType key);

}  // namespace millrace::engine
