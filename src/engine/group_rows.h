#pragma once
// Rows made from groups: keys, whatever stands between, results.

#include <span>

#include "data/batch.h"
#include "engine/aggregate.h"

namespace millrace::engine {

// A batch of `schema` with a row per group: the key columns first, then `between` columns left for the caller to fill,
// then the aggregates. Owns its texts. `columns` are the batch's, still writable.
data::Batch rows_of_groups(const Groups& groups, std::span<const uint32_t> numbers, const KeyEncoder& encoder,
                           const data::Schema& schema, size_t keys, size_t between,
                           std::vector<std::shared_ptr<data::Column>>& columns);

std::vector<data::Type> types_of(const std::vector<int>& columns, const data::Schema& schema);

}  // namespace millrace::engine
