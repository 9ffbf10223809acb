#pragma once
// Times and speeds as people write them in files and on the command line. Pure; any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::send {

// Seconds since 1970 ("1569888000", with a fraction if need be), milliseconds (12 digits or more), "2019-10-01",
// "2019-10-01 00:00:00", "2019-10-01 00:00:00.250 UTC", "2019-10-01T00:00:00Z", "2019-10-01T02:00:00+02:00". Without a
// zone it is UTC. nullopt: none of these, or a date that the calendar does not have.
std::optional<EventTime> parse_time(std::string_view text);

// "1x", "100x", "2.5x"; 0 stands for "max".
Result<double> parse_speed(std::string_view text);

}  // namespace millrace::send
