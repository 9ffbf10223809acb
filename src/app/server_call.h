#pragma once
// One call of Millrace's own operations from a command, with the advice that a command gives. Any thread.

#include <string>
#include <string_view>

#include "client/api.h"

namespace millrace::app {

// unavailable: no server answers; the message says how to start one.
Result<std::string> call_server(const client::Endpoint& endpoint, std::string_view operation, std::string_view body);

}  // namespace millrace::app
