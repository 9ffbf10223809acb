#pragma once
// The logs' way to the simulated disk: as io_uring, it takes writes, works on them while other threads run, and tells
// when they are reaped. A thread stands for the disk, another one for the reactor that reaps.

#include <memory>

#include "log/log.h"

namespace millrace::simulation {

std::unique_ptr<log::IoDriver> make_simulated_io(const log::IoLimits& limits);

}  // namespace millrace::simulation
