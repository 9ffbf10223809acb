#pragma once
// How many file descriptors the process may have, and who gets them. Each share is a bound of its own, so that sockets
// cannot take what the data needs; what is left (half and more) is for the logs (three each), functions and the rest.

#include <cstddef>

namespace millrace::base {

struct DescriptorBudget {
  size_t limit = 0;        // RLIMIT_NOFILE's soft limit
  size_t sockets = 0;      // of the API and the page together
  size_t cold_files = 0;   // segments that are read and not written, of all logs
  size_t table_files = 0;  // RocksDB's
};

DescriptorBudget share_descriptors(size_t limit);

// Raises the soft limit to the hard one, at most to descriptors_max; where that is refused it stays as it is. Call it
// once, before anything is opened; processes that are started later inherit it.
inline constexpr size_t descriptors_max = 65'536;
DescriptorBudget raise_descriptor_limit();

}  // namespace millrace::base
