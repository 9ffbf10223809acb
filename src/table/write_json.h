#pragma once
// Writes as JSON, and what the JSON of all requests with expressions has in common, those that read too. Any thread.

#include <simdjson.h>

#include "table/table.h"

namespace millrace::table {

// Where the tables are, to which ARNs must point. Null where one is asked for: nobody cares.
struct TablePlace {
  std::string_view region;
  std::string_view account_id;
};

// A write as JSON, in the shape of TransactWriteItems' entries: {"Put": {"TableName": ..., "Item": ...}},
// {"Update": {...}}, {"Delete": {...}}, {"ConditionCheck": {...}}; the bodies are those of PutItem, UpdateItem and
// DeleteItem too. invalid_argument in DynamoDB's words.
Result<WriteRequest> write_from_json(WriteRequest::Kind kind, simdjson::ondemand::object body,
                                     const TablePlace* here = nullptr);
Result<std::vector<WriteRequest>> writes_from_json(simdjson::ondemand::array entries, const TablePlace* here = nullptr);

// ExpressionAttributeNames and ExpressionAttributeValues.
struct ExpressionMembers {
  Substitutions substitutions;
  bool has_names = false;
  bool has_values = false;

  // Takes the member if it is one of the two; false: it is another.
  Result<bool> take(std::string_view name, simdjson::ondemand::value value);
  // Names without any expression are an error, and so are values without one that may have values (then
  // `value_expressions` says which ones are missing, else it is empty), and empty maps.
  Result<void> check(bool any_expression, std::string_view value_expressions) const;
};

// A table's name, which may be given as its ARN. not_found: the ARN is of a table elsewhere.
Result<std::string> table_name_from(std::string_view name_or_arn, const TablePlace* here = nullptr);

}  // namespace millrace::table
