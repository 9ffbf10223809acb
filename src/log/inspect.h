#pragma once
// What can be said of a log's directory without opening it.

#include <string>

#include "base/error.h"

namespace millrace::log {

// Whether anything was ever written to one of its segments that is still there; true as well where that cannot be told
// (a damaged header, for one), so that nothing is thrown away on a guess. io, throttled: it could not be looked at.
Result<bool> holds_groups(const std::string& directory);

}  // namespace millrace::log
