#pragma once
// Runs a seed: a world, a scenario in it, a few incarnations that chance kills, and a last one that must find all
// right.

#include <cstdint>
#include <string>

#include "scenario.h"

namespace millrace::simulation {

struct Outcome {
  bool holds = true;
  std::string report;  // what broke, in which incarnation, and what the process printed
  int incarnations = 0;
  uint64_t steps = 0;
  uint64_t trace = 0;
};

Outcome run_seed(uint64_t seed, Scenario* (*make)(), bool verbose);

}  // namespace millrace::simulation
