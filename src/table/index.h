#pragma once
// The entries of a secondary index. An entry's key is the index's key, each part of which tells where it ends, and then
// the item's own key, as several items may have the same; its value is the stored bytes of what the index projects.
// docs/store-layout.md has the grammar. Pure; any thread.

#include <string>
#include <string_view>

#include "table/table.h"

namespace millrace::table {

// Appends the key of the entry that an item (its stored bytes) has, whose own key is `key`. False: it has no place in
// the index, as an attribute is missing or is no key (of another type, empty, too long). corrupt: no item.
Result<bool> put_entry_key(std::string& out, const IndexDefinition& index, std::string_view item, std::string_view key);
// Appends the entry's value. Projection::all has the item itself.
Result<void> put_entry_value(std::string& out, const TableDefinition& table, const IndexDefinition& index,
                             std::string_view item);

// The key of the entry of which these attributes are all keys: those of the index and of the table and no other.
// invalid_argument in DynamoDB's words.
Result<void> put_entry_key_of(std::string& out, const TableDefinition& table, const IndexDefinition& index,
                              const Item& keys);
// The attributes of both keys.
Item entry_key_attributes(const TableDefinition& table, const IndexDefinition& index, const Item& item);

bool projects(const TableDefinition& table, const IndexDefinition& index, std::string_view attribute);

// invalid_argument in DynamoDB's words: an attribute that is there and cannot be a key of an index. Of an update only
// attributes that it changed count.
Result<void> check_index_keys(const TableDefinition& table, const Item& item);
Result<void> check_index_keys_of_update(const TableDefinition& table, const Item* before, const Item& after);

// invalid_argument in DynamoDB's words: indexes that the table cannot have.
Result<void> check_indexes(const TableDefinition& table);

}  // namespace millrace::table
