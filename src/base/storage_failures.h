#pragma once
// What this process met of stored data that is damaged, and of disks that failed: told to the log with its place, which
// no answer to a client names, and counted for /metrics and /health. Any thread.

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace millrace::base {

// corrupt and io: the operator has to look; the other kinds are none of it.
constexpr bool is_storage_failure(ErrorKind kind) {
  return kind == ErrorKind::corrupt || kind == ErrorKind::io;
}

// Counts it, and logs "<where>: <message>" at most once a second: a client can ask for a damaged record again and
// again. Does nothing for an error of another kind.
void note_storage_failure(std::string_view where, const Error& error);

uint64_t storage_failures();  // since the process has started

}  // namespace millrace::base
