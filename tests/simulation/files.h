#pragma once
// The simulated disk behind the C library's calls for files: files.cc takes their place for all paths below
// `simulated_root`, for the whole process, so that the very code that is served (RocksDB, too) runs on it. It adds what
// disks do: they take time, fail, are full, and the process is killed between any two operations.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::simulation {

inline const std::string simulated_root = "/simulated";

// How many descriptors the process may have.
void limit_descriptors(size_t most);

// Writes and syncs as an asynchronous driver does, in the calling thread. 0 or an errno.
int write_to_disk(int descriptor, std::string_view bytes, uint64_t offset, bool sync);

}  // namespace millrace::simulation
