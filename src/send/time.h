#pragma once
// Times and speeds as people write them in files and on the command line. Pure; any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::send {

// A number since 1970, whose digits tell its unit: seconds ("1569888000", up to 11 digits, the year 5138),
// milliseconds (up to 14), microseconds (up to 17), nanoseconds (up to 19); with a fraction, or an exponent, if need
// be. Or "2019-10-01", "2019-10-01 00:00:00", "2019-10-01 00:00:00.250 UTC", "2019-10-01T00:00:00Z",
// "2019-10-01T02:00:00+02:00"; without a zone it is UTC. What is finer than a millisecond is cut. nullopt: none of
// these, or a date that the calendar does not have.
std::optional<EventTime> parse_time(std::string_view text);

// "1x", "100x", "2.5x"; 0 stands for "max".
Result<double> parse_speed(std::string_view text);

}  // namespace millrace::send
