#include "connector/declared_table.h"

#include "connector/attribute.h"

namespace millrace::connector {

namespace {

std::string quoted_keys(const sql::TableDefinition& definition) {
  std::string text;
  for (int key : definition.primary_key) {
    if (!text.empty()) text += ", ";
    text += definition.columns[key].name;
  }
  return text;
}

std::string_view attribute_type(const data::Type& type) {
  return type.kind == data::TypeKind::string ? "S" : "N";
}

// The AWS command that creates what the definition asks for.
std::string create_command(const sql::TableDefinition& definition, TableUse use) {
  std::string attributes;
  std::string keys;
  for (size_t n = 0; n < definition.primary_key.size(); ++n) {
    const auto& column = definition.columns[definition.primary_key[n]];
    attributes += fmt::format(" AttributeName={},AttributeType={}", column.name, attribute_type(column.type));
    keys += fmt::format(" AttributeName={},KeyType={}", column.name, n == 0 ? "HASH" : "RANGE");
  }
  return fmt::format(
      "aws dynamodb create-table --table-name {} --attribute-definitions{} --key-schema{} --billing-mode "
      "PAY_PER_REQUEST{}",
      definition.resource, attributes, keys,
      use == TableUse::followed ? " --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES" : "");
}

}  // namespace

Result<table::TablePtr> find_table(table::Tables& tables, const sql::TableDefinition& definition, TableUse use) {
  auto table = tables.find(definition.resource);
  if (table || table.error().kind != ErrorKind::not_found) return table;
  if (definition.primary_key.empty()) {
    return millrace::fail(ErrorKind::not_found, "there is no table {}; create it first (aws dynamodb create-table)",
                          definition.resource);
  }
  return millrace::fail(ErrorKind::not_found, "there is no table {}; create it first: {}", definition.resource,
                        create_command(definition, use));
}

Result<void> check_key(const sql::TableDefinition& definition, const table::TableDefinition& table) {
  std::vector<const table::KeyAttribute*> keys{&table.hash_key};
  if (table.range_key) keys.push_back(&*table.range_key);
  std::string wanted;
  for (const auto* key : keys) {
    if (!wanted.empty()) wanted += ", ";
    wanted += key->name;
  }
  const bool same_size = keys.size() == definition.primary_key.size();
  for (size_t n = 0; n < keys.size(); ++n) {
    const bool same_name = same_size && definition.columns[definition.primary_key[n]].name == keys[n]->name;
    if (!same_name) {
      return millrace::fail(ErrorKind::invalid_argument,
                            "table {} has the key ({}), but {} is declared with PRIMARY KEY ({}); declare PRIMARY KEY "
                            "({}) NOT ENFORCED, or create another table",
                            table.name, wanted, definition.name, quoted_keys(definition), wanted);
    }
    const data::Type& type = definition.columns[definition.primary_key[n]].type;
    if (!can_be_key(type, keys[n]->type)) {
      return millrace::fail(ErrorKind::invalid_argument, "the key {} of table {} is of type {}, but {} declares it {}",
                            keys[n]->name, table.name,
                            keys[n]->type == table::KeyType::string   ? "S"
                            : keys[n]->type == table::KeyType::number ? "N"
                                                                      : "B",
                            definition.name, to_string(type));
    }
  }
  return {};
}

}  // namespace millrace::connector
