#pragma once
// How a keyspace and a key become one key in RocksDB and in the overlay: the keyspace as four big-endian bytes,
// then the key. So a keyspace is a range, and the order inside it is that of its keys. Pure; any thread.

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "store/store.h"

namespace millrace::store {

inline constexpr size_t keyspace_prefix_bytes = 4;
// Above all keyspaces: what RocksDB holds about itself.
inline constexpr Keyspace position_keyspace{0xffffffff};

// Whether somebody follows its changes, and reads its rows one by one.
inline bool is_followed(Keyspace space) {
  return space != records_keyspace && space < first_view_keyspace;
}

inline void set_row_key(std::string& out, Keyspace space, std::string_view key) {
  out.clear();
  out.reserve(keyspace_prefix_bytes + key.size());
  base::put_be32(out, space.value);
  out.append(key);
}
inline std::string row_key(Keyspace space, std::string_view key) {
  std::string out;
  set_row_key(out, space, key);
  return out;
}
inline Keyspace keyspace_of(std::string_view row_key) {
  return Keyspace(base::get_be32(row_key.data()));
}
inline std::string_view key_of(std::string_view row_key) {
  return row_key.substr(keyspace_prefix_bytes);
}

}  // namespace millrace::store
