#include "api/dynamodb_table_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "table/definition.h"

namespace millrace::api {
namespace {

using table::IndexDefinition;
using table::TableDefinition;
using table::Throughput;

constexpr int64_t units_max = 1'000'000'000'000;
constexpr size_t index_name_max = 255;
constexpr size_t index_name_min = 3;
constexpr size_t tag_key_max = 128;
constexpr size_t tag_value_max = 256;
constexpr size_t table_keys_max = 2;

std::string join(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::unexpected<Error> same_name_twice() {
  return fail(ErrorKind::invalid_argument,
              "Both the Hash Key and the Range Key element in the KeySchema have the same name");
}

size_t builds_of(const TableDefinition& table) {
  return static_cast<size_t>(std::ranges::count_if(
      table.indexes, [](const IndexDefinition& index) { return index.backfilling && !index.is_hidden(); }));
}

bool is_same(const Throughput& a, const Throughput& b) {
  return a.read_units == b.read_units && a.write_units == b.write_units;
}

}  // namespace

Result<void> AttributeMembers::take(Json value) {
  given = true;
  return each_element(value, [this](Json each) -> Result<void> {
    TRY_ASSIGN(const auto object, table::object_from_json(each));
    std::optional<std::string> name;
    std::optional<std::string> type;
    TRY(each_member(object, [&](std::string_view member, Json inner) -> Result<void> {
      if (member == "AttributeName") {
        TRY_ASSIGN(name, text_from(inner));
      } else if (member == "AttributeType") {
        TRY_ASSIGN(type, text_from(inner));
      }
      return {};
    }));
    if (!name) return missing_member("attributeDefinitions.1.member.attributeName");
    if (!type) return missing_member("attributeDefinitions.1.member.attributeType");
    constexpr std::array<std::string_view, 3> types = {"B", "N", "S"};
    TRY(check_one_of("attributeDefinitions.1.member.attributeType", *type, types));
    if (std::ranges::find(attributes, *name, &table::KeyAttribute::name) != attributes.end()) {
      return fail(ErrorKind::invalid_argument, "Cannot have two attributes with the same name: {}", *name);
    }
    attributes.push_back({*name, *type == "S"   ? table::KeyType::string
                                 : *type == "N" ? table::KeyType::number
                                                : table::KeyType::binary});
    return {};
  });
}

std::string AttributeMembers::names() const {
  std::string out;
  for (const auto& each : attributes) out += (out.empty() ? "" : ", ") + each.name;
  return out;
}

Result<table::KeyAttribute> AttributeMembers::find(const std::string& name,
                                                   const std::vector<std::string>& keys) const {
  const auto found = std::ranges::find(attributes, name, &table::KeyAttribute::name);
  if (found != attributes.end()) return *found;
  return invalid_parameter(
      fmt::format("Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], "
                  "AttributeDefinitions: [{}]",
                  join(keys), names()));
}

Result<void> KeyMembers::take(Json value) {
  given = true;
  return each_element(value, [this](Json each) -> Result<void> {
    TRY_ASSIGN(const auto object, table::object_from_json(each));
    std::string name;
    std::string role;
    TRY(each_member(object, [&](std::string_view member, Json inner) -> Result<void> {
      if (member == "AttributeName") {
        TRY_ASSIGN(name, text_from(inner));
      } else if (member == "KeyType") {
        TRY_ASSIGN(role, text_from(inner));
        constexpr std::array<std::string_view, 2> roles = {"HASH", "RANGE"};
        TRY(check_one_of("keySchema.1.member.keyType", role, roles));
      }
      return {};
    }));
    if (name.empty()) return missing_member("keySchema.1.member.attributeName");
    if (role.empty()) return missing_member("keySchema.1.member.keyType");
    if (role == "HASH" && range.empty()) {
      hash.push_back(std::move(name));
    } else if (role == "RANGE" && !hash.empty()) {
      range.push_back(std::move(name));
    } else if (hash.empty()) {
      return fail(ErrorKind::invalid_argument, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    } else {
      return fail(ErrorKind::invalid_argument,
                  "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    return {};
  });
}

std::vector<std::string> KeyMembers::names() const {
  std::vector<std::string> all = hash;
  all.insert(all.end(), range.begin(), range.end());
  return all;
}

Result<void> ThroughputMembers::take(std::string_view path, Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  std::optional<int64_t> read_units;
  std::optional<int64_t> write_units;
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "ReadCapacityUnits") {
      TRY_ASSIGN(read_units, integer_from(each));
    } else if (member == "WriteCapacityUnits") {
      TRY_ASSIGN(write_units, integer_from(each));
    }
    return {};
  }));
  const std::string read_path = fmt::format("{}.readCapacityUnits", path);
  const std::string write_path = fmt::format("{}.writeCapacityUnits", path);
  if (!read_units) return missing_member(read_path);
  if (!write_units) return missing_member(write_path);
  TRY(check_between(read_path, read_units, 1, units_max));
  TRY(check_between(write_path, write_units, 1, units_max));
  throughput = Throughput{*read_units, *write_units};
  return {};
}

Result<void> IndexMembers::take_projection(std::string_view path, Json value) {
  has_projection = true;
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  return each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "ProjectionType") {
      TRY_ASSIGN(projection, text_from(each));
      constexpr std::array<std::string_view, 3> types = {"ALL", "INCLUDE", "KEYS_ONLY"};
      return check_one_of(fmt::format("{}.projection.projectionType", path), *projection, types);
    }
    if (member != "NonKeyAttributes") return {};
    has_included = true;
    return each_element(each, [&](Json name) -> Result<void> {
      TRY_ASSIGN(std::string text, text_from(name));
      included.push_back(std::move(text));
      return {};
    });
  });
}

Result<void> IndexMembers::take(std::string_view path, Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "IndexName") {
      TRY_ASSIGN(name, text_from(each));
    } else if (member == "KeySchema") {
      return key.take(each);
    } else if (member == "Projection") {
      return take_projection(path, each);
    } else if (member == "ProvisionedThroughput") {
      return throughput.take(fmt::format("{}.provisionedThroughput", path), each);
    } else if (member == "OnDemandThroughput" || member == "WarmThroughput") {
      return fail(ErrorKind::invalid_argument,
                  "{}: limits and reserves of throughput are not supported; leave them out", member);
    }
    return {};
  }));
  const std::string name_path = fmt::format("{}.indexName", path);
  if (!name) return missing_member(name_path);
  const auto may_be_in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (!std::ranges::all_of(*name, may_be_in_name)) {
    return broken_constraint(name_path, *name, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
  }
  if (name->size() < index_name_min) {
    return broken_constraint(name_path, *name, "have length greater than or equal to 3");
  }
  if (name->size() > index_name_max) {
    return broken_constraint(name_path, *name, "have length less than or equal to 255");
  }
  if (kind != Kind::create) return {};
  if (!key.given) return missing_member(fmt::format("{}.keySchema", path));
  if (!has_projection) return missing_member(fmt::format("{}.projection", path));
  return {};
}

Result<IndexDefinition> IndexMembers::definition(const AttributeMembers& attributes) const {
  IndexDefinition index;
  index.name = *name;
  index.global = global;
  const auto keys = key.names();
  for (const std::string& each : key.hash) {
    TRY_ASSIGN(auto attribute, attributes.find(each, keys));
    index.hash_key.push_back(std::move(attribute));
  }
  for (const std::string& each : key.range) {
    TRY_ASSIGN(auto attribute, attributes.find(each, keys));
    index.range_key.push_back(std::move(attribute));
  }
  if (index.hash_key.empty()) {
    return broken_constraint("keySchema", "[]", "have length greater than or equal to 1");
  }
  if (!projection) return invalid_parameter("Unknown ProjectionType: null");
  index.projection = *projection == "ALL"       ? table::Projection::all
                     : *projection == "INCLUDE" ? table::Projection::include
                                                : table::Projection::keys_only;
  if (has_included && index.projection != table::Projection::include) {
    return invalid_parameter(fmt::format("ProjectionType is {}, but NonKeyAttributes is specified", *projection));
  }
  index.included = included;
  index.throughput = throughput.throughput.value_or(Throughput());
  return index;
}

Result<void> take_tags(Json value, std::map<std::string, std::string, std::less<>>& tags) {
  return each_element(value, [&](Json each) -> Result<void> {
    TRY_ASSIGN(const auto object, table::object_from_json(each));
    std::optional<std::string> key;
    std::optional<std::string> text;
    TRY(each_member(object, [&](std::string_view member, Json inner) -> Result<void> {
      if (member == "Key") {
        TRY_ASSIGN(key, text_from(inner));
      } else if (member == "Value") {
        TRY_ASSIGN(text, text_from(inner));
      }
      return {};
    }));
    if (!key) return missing_member("tags.1.member.key");
    if (!text) return missing_member("tags.1.member.value");
    if (key->empty()) return broken_constraint("tags.1.member.key", *key, "have length greater than or equal to 1");
    if (key->size() > tag_key_max) {
      return broken_constraint("tags.1.member.key", *key, "have length less than or equal to 128");
    }
    if (text->size() > tag_value_max) {
      return broken_constraint("tags.1.member.value", *text, "have length less than or equal to 256");
    }
    tags.insert_or_assign(std::move(*key), std::move(*text));
    return {};
  });
}

Result<void> TableMembers::take(std::string_view member, Json value) {
  if (member == "TableName") {
    TRY_ASSIGN(name, text_from(value));
  } else if (member == "AttributeDefinitions") {
    return attributes.take(value);
  } else if (member == "KeySchema") {
    return key.take(value);
  } else if (member == "BillingMode") {
    TRY_ASSIGN(billing_mode, text_from(value));
    constexpr std::array<std::string_view, 2> modes = {"PROVISIONED", "PAY_PER_REQUEST"};
    return check_one_of("billingMode", *billing_mode, modes);
  } else if (member == "ProvisionedThroughput") {
    return throughput.take("provisionedThroughput", value);
  } else if (member == "StreamSpecification") {
    return take_stream(value);
  } else if (member == "GlobalSecondaryIndexes" || member == "LocalSecondaryIndexes") {
    return take_indexes(member, value);
  } else if (member == "GlobalSecondaryIndexUpdates") {
    return take_index_updates(value);
  } else if (member == "TableClass") {
    TRY_ASSIGN(table_class, text_from(value));
    constexpr std::array<std::string_view, 2> classes = {"STANDARD", "STANDARD_INFREQUENT_ACCESS"};
    return check_one_of("tableClass", *table_class, classes);
  } else if (member == "DeletionProtectionEnabled") {
    TRY_ASSIGN(deletion_protected, table::boolean_from_json(value));
  } else if (member == "Tags") {
    return take_tags(value, tags);
  } else {
    return refuse_feature(member, value);
  }
  return {};
}

Result<void> TableMembers::take_indexes(std::string_view member, Json value) {
  const bool global = member == "GlobalSecondaryIndexes";
  size_t count = 0;
  TRY(each_element(value, [&](Json each) -> Result<void> {
    IndexMembers& index = indexes.emplace_back();
    index.global = global;
    return index.take(fmt::format("{}.{}.member", global ? "globalSecondaryIndexes" : "localSecondaryIndexes", ++count),
                      each);
  }));
  if (count == 0) return invalid_parameter(fmt::format("List of {} is empty", member));
  return {};
}

Result<void> TableMembers::take_index_updates(Json value) {
  has_index_updates = true;
  return each_element(value, [&](Json each) -> Result<void> {
    TRY_ASSIGN(const auto object, table::object_from_json(each));
    size_t found = 0;
    TRY(each_member(object, [&](std::string_view member, Json inner) -> Result<void> {
      IndexMembers index;
      if (member == "Update") {
        index.kind = IndexMembers::Kind::update;
      } else if (member == "Delete") {
        index.kind = IndexMembers::Kind::erase;
      } else if (member != "Create") {
        return {};
      }
      ++found;
      TRY(index.take(fmt::format("globalSecondaryIndexUpdates.{}.member.{}", index_updates.size() + 1,
                                 index.kind == IndexMembers::Kind::create   ? "create"
                                 : index.kind == IndexMembers::Kind::update ? "update"
                                                                            : "delete"),
                     inner));
      index_updates.push_back(std::move(index));
      return {};
    }));
    if (found == 1) return {};
    return invalid_parameter(found == 0
                                 ? "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                                   "GlobalSecondaryIndexUpdate.Delete must not be null"
                                 : "Only one of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                                   "GlobalSecondaryIndexUpdate.Delete may be specified");
  });
}

Result<void> TableMembers::take_stream(Json value) {
  TRY_ASSIGN(const auto object, table::object_from_json(value));
  TRY(each_member(object, [&](std::string_view member, Json each) -> Result<void> {
    if (member == "StreamEnabled") {
      TRY_ASSIGN(stream_enabled, table::boolean_from_json(each));
    } else if (member == "StreamViewType") {
      TRY_ASSIGN(stream_view, text_from(each));
    }
    return {};
  }));
  if (!stream_enabled) return missing_member("streamSpecification.streamEnabled");
  if (*stream_enabled && !stream_view) {
    return invalid_parameter("StreamViewType is required when StreamEnabled is true");
  }
  if (!*stream_enabled && stream_view) {
    return invalid_parameter("StreamViewType can only be specified when StreamEnabled is true");
  }
  if (stream_view) TRY(view_type_from(*stream_view));
  return {};
}

// A parameter that would make the table another one is refused; what asks for the default is fine, and what is unknown
// is left alone, as AWS does.
Result<void> TableMembers::refuse_feature(std::string_view member, Json value) {
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorKind::invalid_argument, "{}: {} are not supported; leave the parameter out", member, what);
  };
  if (member == "SSESpecification") {
    TRY_ASSIGN(const auto object, table::object_from_json(value));
    bool enabled = false;
    TRY(each_member(object, [&](std::string_view each, Json setting) -> Result<void> {
      if (each != "Enabled") return {};
      TRY_ASSIGN(enabled, table::boolean_from_json(setting));
      return {};
    }));
    if (enabled) return refuse("keys for encryption at rest");
  } else if (member == "ResourcePolicy") {
    return refuse("policies of resources");
  } else if (member == "OnDemandThroughput" || member == "WarmThroughput") {
    return refuse("limits and reserves of throughput");
  } else if (member == "ReplicaUpdates" || member == "MultiRegionConsistency" ||
             member == "GlobalTableWitnessUpdates") {
    return refuse("replicas in other regions");
  }
  return {};
}

Result<TableDefinition> TableMembers::definition() const {
  if (!name) return missing_member("tableName");
  if (!attributes.given) return missing_member("attributeDefinitions");
  if (!key.given) return missing_member("keySchema");
  const auto keys = key.names();
  if (keys.empty() || keys.size() > table_keys_max) {
    return broken_constraint(
        "keySchema", fmt::format("{} elements", keys.size()),
        keys.empty() ? "have length greater than or equal to 1" : "have length less than or equal to 2");
  }
  TableDefinition table;
  TRY_ASSIGN(table.name, table::table_name_from(*name));
  TRY_ASSIGN(table.hash_key, attributes.find(key.hash.front(), keys));
  if (keys.size() == 2) {
    if (key.range.empty()) {
      return fail(ErrorKind::invalid_argument,
                  "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    if (keys[0] == keys[1]) return same_name_twice();
    TRY_ASSIGN(table.range_key, attributes.find(key.range.front(), keys));
  }
  for (const IndexMembers& index : indexes) {
    TRY_ASSIGN(auto made, index.definition(attributes));
    table.indexes.push_back(std::move(made));
  }
  TRY(check_attributes_used(table));
  if (stream_view) {
    TRY_ASSIGN(table.change_feed, view_type_from(*stream_view));
  }
  table.infrequent_access = table_class == "STANDARD_INFREQUENT_ACCESS";
  table.deletion_protected = deletion_protected.value_or(false);
  table.tags = tags;
  TRY(set_billing(table));
  return table;
}

Result<void> TableMembers::check_attributes_used(const TableDefinition& table) const {
  std::vector<std::string> used = key.names();
  if (table.indexes.empty()) {
    if (attributes.attributes.size() == used.size()) return {};
    return invalid_parameter(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in "
        "AttributeDefinitions");
  }
  for (const IndexMembers& index : indexes) {
    for (const std::string& each : index.key.names()) {
      if (std::ranges::find(used, each) == used.end()) used.push_back(each);
    }
  }
  for (const auto& attribute : attributes.attributes) {
    if (std::ranges::find(used, attribute.name) != used.end()) continue;
    return invalid_parameter(
        fmt::format("Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
                    attributes.names(), join(used)));
  }
  return {};
}

Result<void> TableMembers::set_billing(TableDefinition& table) const {
  table.provisioned = billing_mode != "PAY_PER_REQUEST";
  if (!table.provisioned) {
    if (throughput.throughput) {
      return invalid_parameter(
          "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
    }
  } else if (!throughput.throughput) {
    return invalid_parameter(
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
  }
  table.throughput = throughput.throughput.value_or(Throughput());
  for (const IndexMembers& index : indexes) {
    if (!index.global || index.throughput.throughput.has_value() == table.provisioned) continue;
    return invalid_parameter(
        table.provisioned ? fmt::format("ProvisionedThroughput is not specified for index: {}", *index.name)
                          : fmt::format("ProvisionedThroughput should not be specified for index: {} when BillingMode "
                                        "is PAY_PER_REQUEST",
                                        *index.name));
  }
  return {};
}

Result<void> TableMembers::check_changes_anything(const TableDefinition& table) const {
  if (billing_mode || throughput.throughput || stream_enabled || has_index_updates || table_class ||
      deletion_protected) {
    return {};
  }
  return fail(ErrorKind::invalid_argument,
              "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
              "TableClass or DeletionProtectionEnabled is required to update table {}",
              table.name);
}

Result<void> TableMembers::change(TableDefinition& table, ProcessingTime now) const {
  TRY(check_changes_anything(table));
  const bool builds = builds_of(table) > 0;
  const bool only_indexes = !billing_mode && !throughput.throughput && !stream_enabled && !table_class;
  // AWS has such a table as UPDATING, and lets only its indexes be deleted and its protection be changed.
  if (builds && !only_indexes) {
    return fail(ErrorKind::in_use, "Attempt to change a resource which is still in use: Table is being updated: {}",
                table.name);
  }
  TRY(change_indexes(table));
  TRY(change_billing(table, now));
  TRY(change_stream(table, now));
  if (table_class) table.infrequent_access = *table_class == "STANDARD_INFREQUENT_ACCESS";
  if (deletion_protected) table.deletion_protected = *deletion_protected;
  return {};
}

Result<void> TableMembers::change_billing(TableDefinition& table, ProcessingTime now) const {
  const bool was_provisioned = table.provisioned;
  if (billing_mode) table.provisioned = *billing_mode == "PROVISIONED";
  if (!table.provisioned) {
    if (throughput.throughput) {
      return invalid_parameter(
          "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
    }
    if (was_provisioned) table.billing_changed = now;
    table.throughput = {};
    for (IndexDefinition& index : table.indexes) index.throughput = {};
    return {};
  }
  if (!throughput.throughput) {
    if (was_provisioned) return {};
    return invalid_parameter(
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
  }
  if (was_provisioned && is_same(table.throughput, *throughput.throughput)) {
    return fail(ErrorKind::invalid_argument,
                "The provisioned throughput for the table will not change. The requested value equals the current "
                "value. Current ReadCapacityUnits provisioned for the table: {0}. Requested ReadCapacityUnits: {0}. "
                "Current WriteCapacityUnits provisioned for the table: {1}. Requested WriteCapacityUnits: {1}. Refer "
                "to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
                table.throughput.read_units, table.throughput.write_units);
  }
  table.throughput = *throughput.throughput;
  for (const IndexDefinition& index : table.indexes) {
    if (!index.global || index.throughput.read_units > 0) continue;
    return invalid_parameter(fmt::format("ProvisionedThroughput must be specified for index: {}", index.name));
  }
  return {};
}

Result<void> TableMembers::change_stream(TableDefinition& table, ProcessingTime now) const {
  if (!stream_enabled) return {};
  if (*stream_enabled) {
    if (table.change_feed) {
      return fail(ErrorKind::invalid_argument, "Table already has an enabled stream: TableName: {}", table.name);
    }
    TRY_ASSIGN(table.change_feed, view_type_from(*stream_view));
    table.feed_label = table::feed_label_of(now);
    return {};
  }
  if (!table.change_feed) {
    return fail(ErrorKind::invalid_argument, "Table is already without a stream: TableName: {}", table.name);
  }
  table.change_feed.reset();
  return {};
}

Result<void> TableMembers::change_indexes(TableDefinition& table) const {
  std::vector<std::string_view> seen;
  size_t builds = builds_of(table);
  size_t deletes = 0;
  for (const IndexMembers& update : index_updates) {
    if (std::ranges::find(seen, *update.name) != seen.end()) {
      return invalid_parameter(fmt::format(
          "Only one global secondary index update per index is allowed simultaneously. Index: {}", *update.name));
    }
    seen.push_back(*update.name);
    const auto at = std::ranges::find_if(table.indexes,
                                         [&](const auto& index) { return index.global && index.name == *update.name; });
    switch (update.kind) {
      case IndexMembers::Kind::create: {
        if (std::ranges::find(table.indexes, *update.name, &IndexDefinition::name) != table.indexes.end()) {
          return fail(ErrorKind::invalid_argument, "Attempting to create an index which already exists");
        }
        ++builds;
        // What is defined already need not be again.
        AttributeMembers known = attributes;
        const auto add = [&](const table::KeyAttribute& attribute) {
          if (std::ranges::find(known.attributes, attribute.name, &table::KeyAttribute::name) ==
              known.attributes.end()) {
            known.attributes.push_back(attribute);
          }
        };
        add(table.hash_key);
        if (table.range_key) add(*table.range_key);
        TRY_ASSIGN(auto made, update.definition(known));
        table.indexes.push_back(std::move(made));
        break;
      }
      case IndexMembers::Kind::update:
        if (at == table.indexes.end()) return fail(ErrorKind::not_found, "Requested resource not found");
        if (!update.throughput.throughput) {
          return missing_member("globalSecondaryIndexUpdates.1.member.update.provisionedThroughput");
        }
        at->throughput = *update.throughput.throughput;
        break;
      case IndexMembers::Kind::erase:
        if (at == table.indexes.end()) return fail(ErrorKind::not_found, "Requested resource not found");
        builds -= at->backfilling ? 1 : 0;
        ++deletes;
        table.indexes.erase(at);
        break;
    }
  }
  if (builds + deletes > 1) {
    return fail(ErrorKind::limit_exceeded,
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table");
  }
  return {};
}

}  // namespace millrace::api
