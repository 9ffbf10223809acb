#pragma once
// ConsumedCapacity: what DynamoDB would charge for a request, from the sizes of the items. Nothing is limited by it.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
// Pure; any thread.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::api {

enum class CapacityWanted { none, total, indexes };
Result<CapacityWanted> capacity_wanted_from(std::string_view text);

// A unit is 4 KiB read, or half of one if an older state would do; no item costs as much as a small one.
double read_units(size_t bytes, bool consistent);
// A unit is 1 KiB written; the larger of the item before and after counts.
double write_units(size_t old_bytes, size_t new_bytes);

// The index that a read is charged to, all of it; empty: the table.
struct IndexCapacity {
  std::string_view name = {};
  bool global = true;
};

// Appends {"TableName":...,"CapacityUnits":...}.
void append_capacity(std::string& out, std::string_view table, double units, CapacityWanted wanted,
                     const IndexCapacity& index = {});

}  // namespace millrace::api
