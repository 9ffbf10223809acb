#include "base/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace millrace::base {

DescriptorBudget share_descriptors(size_t limit) {
  return {.limit = limit,
          .sockets = std::clamp<size_t>(limit / 4, 8, 8192),
          .cold_files = std::clamp<size_t>(limit / 16, 4, 512),
          .table_files = std::clamp<size_t>(limit / 8, 16, 256)};
}

DescriptorBudget raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return share_descriptors(1024);
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, descriptors_max);
  if (limit.rlim_cur < wanted) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return share_descriptors(static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, descriptors_max)));
}

}  // namespace millrace::base
