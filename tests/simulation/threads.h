#pragma once
// Threads under one scheduler: of a process that simulates, one runs at a time, and the seed says which. threads.cc
// takes the place of the C library's functions for threads, locks, condition variables, clocks and sleep, for all that
// the process calls (RocksDB, too), so what is simulated is the very code that is served.
//
// Time is virtual: it goes on a little with each call, and jumps to the next timer when all threads wait.

#include <cstdint>

namespace millrace::simulation {

// Makes the calling thread the first simulated one. There is no way back.
void start_simulating();
// False in threads that began before, and before start_simulating().
bool simulated();

void sleep_ns(int64_t ns);
// Another thread may run now.
void scheduling_point();

// Ends the process at once: no destructor, no flush, as kill -9 does.
[[noreturn]] void end_process(int code);

}  // namespace millrace::simulation
