#include "table/index.h"

#include <algorithm>
#include <set>

#include "table/item_merge.h"
#include "table/keys.h"

namespace millrace::table {
namespace {

constexpr size_t keys_inline = 8;

bool is_empty_key(const AttributeValue& value) {
  if (const auto* text = value.string()) return text->empty();
  if (const auto* binary = std::get_if<Binary>(&value.value)) return binary->bytes.empty();
  return false;
}

size_t key_size(const AttributeValue& value) {
  if (const auto* text = value.string()) return text->size();
  if (const auto* binary = std::get_if<Binary>(&value.value)) return binary->bytes.size();
  return 0;
}

// The values of a key's attributes; false: the item has none.
struct KeyParts {
  std::vector<AttributeValue> values;

  Result<bool> take(std::span<const KeyAttribute> attributes, std::string_view item, size_t bytes_max) {
    values.reserve(attributes.size());
    size_t bytes = 0;
    for (const KeyAttribute& attribute : attributes) {
      TRY_ASSIGN(auto value, get_attribute(item, attribute.name));
      if (!value || !has_type(*value, attribute.type) || is_empty_key(*value)) return false;
      bytes += key_size(*value);
      values.push_back(std::move(*value));
    }
    return bytes <= bytes_max;
  }
};

void put_parts(std::string& out, std::span<const AttributeValue* const> hash,
               std::span<const AttributeValue* const> range) {
  std::vector<KeyValue> hash_values;
  hash_values.reserve(keys_inline);
  for (const AttributeValue* value : hash) hash_values.push_back(key_value(*value));
  put_hash_key(out, hash_values);
  for (const AttributeValue* value : range) put_inner_key(out, key_value(*value));
}

std::vector<const AttributeValue*> pointers(const std::vector<AttributeValue>& values) {
  std::vector<const AttributeValue*> out;
  out.reserve(values.size());
  for (const AttributeValue& value : values) out.push_back(&value);
  return out;
}

// All attributes of the keys of an index and of its table, once each.
std::vector<std::string_view> key_names(const TableDefinition& table, const IndexDefinition& index) {
  std::vector<std::string_view> names;
  const auto add = [&](const KeyAttribute& key) {
    if (std::ranges::find(names, key.name) == names.end()) names.push_back(key.name);
  };
  add(table.hash_key);
  if (table.range_key) add(*table.range_key);
  std::ranges::for_each(index.hash_key, add);
  std::ranges::for_each(index.range_key, add);
  return names;
}

// Calls f(index, attribute, is_hash) for each attribute of each index's key.
template <class F>
Result<void> each_key(const TableDefinition& table, F f) {
  for (const IndexDefinition& index : table.indexes) {
    if (index.is_hidden()) continue;
    for (const KeyAttribute& key : index.hash_key) TRY(f(index, key, true));
    for (const KeyAttribute& key : index.range_key) TRY(f(index, key, false));
  }
  return {};
}

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorKind::invalid_argument, "One or more parameter values were invalid: {}", what);
}

Result<void> check_projection(const IndexDefinition& index) {
  if (index.projection == Projection::include && index.included.empty()) {
    return refuse("ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  }
  if (index.projection != Projection::include && !index.included.empty()) {
    return refuse(fmt::format("ProjectionType is {}, but NonKeyAttributes is specified",
                              index.projection == Projection::all ? "ALL" : "KEYS_ONLY"));
  }
  return {};
}

Result<void> check_local(const TableDefinition& table, const IndexDefinition& index) {
  if (!table.range_key) {
    return refuse("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex");
  }
  if (index.range_key.size() != 1) {
    return refuse(fmt::format("Index KeySchema does not have a range key for index: {}", index.name));
  }
  if (index.hash_key.size() != 1 || index.hash_key.front().name != table.hash_key.name) {
    return refuse(
        fmt::format("Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index "
                    "hash key: {}, table hash key: {}",
                    index.name, index.hash_key.empty() ? "" : index.hash_key.front().name, table.hash_key.name));
  }
  return {};
}

// One attribute has one type, whichever keys it is in.
Result<void> check_types(const TableDefinition& table) {
  std::map<std::string_view, KeyType> types{{table.hash_key.name, table.hash_key.type}};
  if (table.range_key) types.emplace(table.range_key->name, table.range_key->type);
  return each_key(table, [&](const IndexDefinition&, const KeyAttribute& key, bool) -> Result<void> {
    if (types.emplace(key.name, key.type).first->second == key.type) return {};
    return refuse(fmt::format("Attribute {} has different types in the keys of the table and its indexes", key.name));
  });
}

}  // namespace

Result<bool> put_entry_key(std::string& out, const IndexDefinition& index, std::string_view item,
                           std::string_view key) {
  KeyParts hash;
  KeyParts range;
  TRY_ASSIGN(const bool has_hash, hash.take(index.hash_key, item, hash_key_bytes_max));
  if (!has_hash) return false;
  TRY_ASSIGN(const bool has_range, range.take(index.range_key, item, range_key_bytes_max));
  if (!has_range) return false;
  put_parts(out, pointers(hash.values), pointers(range.values));
  out.append(key);
  return true;
}

Result<void> put_entry_value(std::string& out, const TableDefinition& table, const IndexDefinition& index,
                             std::string_view item) {
  if (index.projection == Projection::all) {
    out.append(item);
    return {};
  }
  auto names = key_names(table, index);
  names.insert(names.end(), index.included.begin(), index.included.end());
  return put_selected(out, item, names);
}

Result<void> put_entry_key_of(std::string& out, const TableDefinition& table, const IndexDefinition& index,
                              const Item& keys) {
  const auto invalid = [] { return fail(ErrorKind::invalid_argument, "The provided starting key is invalid"); };
  if (keys.size() != key_names(table, index).size()) return invalid();
  const auto find_all = [&](std::span<const KeyAttribute> attributes, std::vector<const AttributeValue*>& values) {
    for (const KeyAttribute& attribute : attributes) {
      const auto at = keys.find(attribute.name);
      if (at == keys.end() || !has_type(at->second, attribute.type) || is_empty_key(at->second)) return false;
      values.push_back(&at->second);
    }
    return true;
  };
  std::vector<const AttributeValue*> hash;
  std::vector<const AttributeValue*> range;
  if (!find_all(index.hash_key, hash) || !find_all(index.range_key, range)) return invalid();
  put_parts(out, hash, range);
  if (auto own = put_key_of_item(out, table, keys); !own) {
    return fail(ErrorKind::invalid_argument,
                "The provided starting key is invalid: The provided key element does not match the schema");
  }
  return {};
}

Item entry_key_attributes(const TableDefinition& table, const IndexDefinition& index, const Item& item) {
  Item key;
  for (const std::string_view name : key_names(table, index)) {
    if (const auto at = item.find(name); at != item.end()) key.insert(*at);
  }
  return key;
}

bool projects(const TableDefinition& table, const IndexDefinition& index, std::string_view attribute) {
  if (index.projection == Projection::all) return true;
  const auto keys = key_names(table, index);
  return std::ranges::find(keys, attribute) != keys.end() ||
         std::ranges::find(index.included, attribute) != index.included.end();
}

Result<void> check_index_keys(const TableDefinition& table, const Item& item) {
  return each_key(table, [&](const IndexDefinition& index, const KeyAttribute& key, bool is_hash) -> Result<void> {
    const auto at = item.find(key.name);
    if (at == item.end()) return {};
    const AttributeValue& value = at->second;
    if (!has_type(value, key.type)) {
      return refuse(fmt::format("Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: {}", key.name,
                                type_name(key.type), value.type_name(), index.name));
    }
    if (is_empty_key(value)) {
      return fail(ErrorKind::invalid_argument,
                  "One or more parameter values are not valid. A value specified for a secondary index key is not "
                  "supported. The AttributeValue for a key attribute cannot contain an empty {} value. IndexName: {}, "
                  "IndexKey: {}",
                  key.type == KeyType::string ? "string" : "binary", index.name, key.name);
    }
    if (key_size(value) > (is_hash ? hash_key_bytes_max : range_key_bytes_max)) {
      return refuse(
          is_hash ? fmt::format("Size of hashkey has exceeded the maximum size limit of{} bytes", hash_key_bytes_max)
                  : fmt::format("Aggregated size of all range keys has exceeded the size limit of {} bytes",
                                range_key_bytes_max));
    }
    return {};
  });
}

Result<void> check_index_keys_of_update(const TableDefinition& table, const Item* before, const Item& after) {
  return each_key(table, [&](const IndexDefinition&, const KeyAttribute& key, bool is_hash) -> Result<void> {
    const auto at = after.find(key.name);
    if (at == after.end()) return {};
    const AttributeValue& value = at->second;
    if (before != nullptr) {
      const auto old = before->find(key.name);
      if (old != before->end() && old->second == value) return {};
    }
    if (!has_type(value, key.type)) {
      return fail(ErrorKind::invalid_argument,
                  "The update expression attempted to update the secondary index key to unsupported type");
    }
    if (is_empty_key(value)) {
      return fail(ErrorKind::invalid_argument,
                  "One or more parameter values are not valid. The update expression attempted to update a secondary "
                  "index key to a value that is not supported. The AttributeValue for a key attribute cannot contain "
                  "an empty {} value.",
                  key.type == KeyType::string ? "string" : "binary");
    }
    if (key_size(value) > (is_hash ? hash_key_bytes_max : range_key_bytes_max)) {
      return fail(ErrorKind::invalid_argument,
                  "The update expression attempted to update the secondary index key beyond allowed size limits");
    }
    return {};
  });
}

Result<void> check_indexes(const TableDefinition& table) {
  std::set<std::string_view> names;
  size_t global = 0;
  size_t local = 0;
  size_t included = 0;
  for (const IndexDefinition& index : table.indexes) {
    if (index.is_hidden()) continue;
    if (!names.insert(index.name).second) return refuse("Duplicate index name: " + index.name);
    if (!index.global) TRY(check_local(table, index));
    TRY(check_projection(index));
    ++(index.global ? global : local);
    included += index.included.size();
    std::set<std::string_view> keys;
    for (const auto* part : {&index.hash_key, &index.range_key}) {
      for (const KeyAttribute& key : *part) {
        if (keys.insert(key.name).second) continue;
        return fail(ErrorKind::invalid_argument,
                    "Both the Hash Key and the Range Key element in the KeySchema have the same name");
      }
    }
    if (index.hash_key.empty() || index.hash_key.size() > index_key_attributes_max ||
        index.range_key.size() > index_key_attributes_max) {
      return refuse(fmt::format("The key of index {} has more than {} HASH or RANGE attributes", index.name,
                                index_key_attributes_max));
    }
  }
  if (global > global_indexes_max) {
    return refuse(fmt::format("GlobalSecondaryIndex count exceeds the per-table limit of {}", global_indexes_max));
  }
  if (local > local_indexes_max) {
    return refuse(fmt::format("Number of LocalSecondaryIndexes exceeds per-table limit of {}", local_indexes_max));
  }
  if (included > included_attributes_max) {
    return refuse(fmt::format("Number of attributes projected into all indexes exceeds the limit of {}",
                              included_attributes_max));
  }
  return check_types(table);
}

}  // namespace millrace::table
