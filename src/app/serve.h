#pragma once
// `millrace serve`: one server until SIGINT or SIGTERM.

#include "app/configuration.h"

namespace millrace::app {

// Returns the exit code: 0 after a signal, 1 if it could not start (the message says what to do).
int run_serve(const Configuration& configuration);

// Stops that come as a signal: SIGINT, SIGTERM. Call block_stop_signals() in main before any thread starts; then
// wait_for_stop() waits for one, or for `for_ms` (below 0: no limit).
void block_stop_signals();
bool wait_for_stop(int64_t for_ms = -1);  // true: a signal came

}  // namespace millrace::app
