#pragma once
// `millrace serve`: one server until SIGINT or SIGTERM.

#include "app/configuration.h"

namespace millrace::app {

// Returns the exit code: 0 after a signal, 1 if it could not start, 2 if it may not with these options (the message
// says what to do).
int run_serve(const Configuration& configuration);

}  // namespace millrace::app
