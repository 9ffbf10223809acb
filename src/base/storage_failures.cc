#include "base/storage_failures.h"

#include <spdlog/spdlog.h>

#include <atomic>

#include "base/clock.h"

namespace millrace::base {
namespace {

constexpr int64_t between_lines_ns = 1'000'000'000;

std::atomic<uint64_t> failures{0};
std::atomic<uint64_t> untold{0};
std::atomic<int64_t> next_line_ns{0};

}  // namespace

void note_storage_failure(std::string_view where, const Error& error) {
  if (!is_storage_failure(error.kind)) return;
  ++failures;
  const int64_t now_ns = system_clock().monotonic_ns();
  int64_t due_ns = next_line_ns;
  if (now_ns < due_ns || !next_line_ns.compare_exchange_strong(due_ns, now_ns + between_lines_ns)) {
    ++untold;
    return;
  }
  const uint64_t others = untold.exchange(0);
  if (others == 0) {
    spdlog::error("{}: {}", where, error.message);
  } else {
    spdlog::error("{}: {} (and {} more such failures before it)", where, error.message, others);
  }
}

uint64_t storage_failures() {
  return failures;
}

}  // namespace millrace::base
