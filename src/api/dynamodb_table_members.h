#pragma once
// What CreateTable and UpdateTable say of a table: their members as they come, and what they make of its definition.
// Private to the DynamoDB files of this folder.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/dynamodb_request.h"

namespace millrace::api {

// AttributeDefinitions.
struct AttributeMembers {
  bool given = false;
  std::vector<table::KeyAttribute> attributes;

  Result<void> take(Json value);
  // Those of an index's key; refuses, in AWS's words, keys that are not defined.
  Result<table::KeyAttribute> find(const std::string& name, const std::vector<std::string>& keys) const;
  std::string names() const;
};

// A KeySchema: its HASH attributes, then its RANGE attributes.
struct KeyMembers {
  bool given = false;
  std::vector<std::string> hash;
  std::vector<std::string> range;

  Result<void> take(Json value);
  std::vector<std::string> names() const;
};

struct ThroughputMembers {
  std::optional<table::Throughput> throughput;

  Result<void> take(std::string_view path, Json value);
};

// An entry of GlobalSecondaryIndexes, LocalSecondaryIndexes or GlobalSecondaryIndexUpdates.
struct IndexMembers {
  enum class Kind { create, update, erase } kind = Kind::create;
  bool global = true;
  std::optional<std::string> name;
  KeyMembers key;
  bool has_projection = false;
  std::optional<std::string> projection;
  bool has_included = false;
  std::vector<std::string> included;
  ThroughputMembers throughput;

  Result<void> take(std::string_view path, Json value);
  Result<table::IndexDefinition> definition(const AttributeMembers& attributes) const;

 private:
  Result<void> take_projection(std::string_view path, Json value);
};

struct TableMembers {
  std::optional<std::string> name;
  AttributeMembers attributes;
  KeyMembers key;
  std::vector<IndexMembers> indexes;  // of CreateTable
  std::vector<IndexMembers> index_updates;
  bool has_index_updates = false;
  std::optional<std::string> billing_mode;
  ThroughputMembers throughput;
  std::optional<bool> stream_enabled;
  std::optional<std::string> stream_view;
  std::optional<std::string> table_class;
  std::optional<bool> deletion_protected;
  std::map<std::string, std::string, std::less<>> tags;

  Result<void> take(std::string_view member, Json value);
  // Of CreateTable.
  Result<table::TableDefinition> definition() const;
  // Of UpdateTable. limit_exceeded, in_use, not_found as AWS has them.
  Result<void> change(table::TableDefinition& table, ProcessingTime now) const;

 private:
  Result<void> take_indexes(std::string_view member, Json value);
  Result<void> take_index_updates(Json value);
  Result<void> take_stream(Json value);
  static Result<void> refuse_feature(std::string_view member, Json value);
  Result<void> set_billing(table::TableDefinition& table) const;
  Result<void> check_attributes_used(const table::TableDefinition& table) const;
  Result<void> check_changes_anything(const table::TableDefinition& table) const;
  Result<void> change_billing(table::TableDefinition& table, ProcessingTime now) const;
  Result<void> change_stream(table::TableDefinition& table, ProcessingTime now) const;
  Result<void> change_indexes(table::TableDefinition& table) const;
};

// Tags, each a Key and a Value.
Result<void> take_tags(Json value, std::map<std::string, std::string, std::less<>>& tags);

}  // namespace millrace::api
