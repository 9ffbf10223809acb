#pragma once
// A table's definition as a record, and what makes one acceptable. Pure; any thread.

#include <string>
#include <string_view>

#include "table/table.h"

namespace millrace::table {

void put_definition(std::string& out, const TableDefinition& definition);
Result<TableDefinition> get_definition(std::string_view bytes);  // corrupt

// invalid_argument in DynamoDB's words: a name that may not be, a range key named as the hash key.
Result<void> check_definition(const TableDefinition& definition);

// As the last part of a feed's ARN: "2026-11-22T13:42:46.123".
std::string feed_label_of(ProcessingTime created);

}  // namespace millrace::table
