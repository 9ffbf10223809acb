#pragma once
// Query and Scan: the range of keys that a request means, walked page by page.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html
// Any thread.

#include "table/table.h"

namespace millrace::table {

inline constexpr size_t page_bytes_max = size_t{1} << 20;  // of items read, by item_size()
inline constexpr uint32_t segments_max = 1'000'000;

Result<QueryResult> run_query(store::Store& store, const TableDefinition& table, const QueryRequest& request);

}  // namespace millrace::table
