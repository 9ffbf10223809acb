#pragma once
// The store's directory: made when it is missing, refused when it is something else's. Called at start-up.

#include <cstddef>
#include <string>

#include "base/error.h"

namespace millrace::store {

// Leaves the directory with the file STORE, which names the layout's version. invalid_argument: it holds other files;
// unsupported: another version wrote it.
Result<void> prepare_directory(const std::string& directory);

// A file that keeps some of the disk back for the next start: RocksDB cannot open without writing a little, and a
// server whose disk is full should still start and answer reads. Let go before the store opens, taken again afterwards,
// as much of it as the disk has.
inline constexpr size_t reserve_bytes_max = size_t{4} << 20;
void release_reserve(const std::string& directory);
void take_reserve(const std::string& directory);

}  // namespace millrace::store
