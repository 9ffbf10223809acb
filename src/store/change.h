#pragma once
// What a record of the tables' journal says: one key's change, or the erasure of a range of keys. The bytes are
// described in docs/store-layout.md. Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace millrace::store {

// All row keys (see row_key.h) from the record's key to before `to` are erased. Only in the shard of
// records_keyspace; the range may lie in another keyspace, which is then dropped.
struct RangeErasure {
  std::string_view to;
};
void put_range_erasure(std::string& out, const RangeErasure& erasure);
// nullopt: not a range erasure, so a change.
Result<std::optional<RangeErasure>> get_range_erasure(std::string_view data);

}  // namespace millrace::store
