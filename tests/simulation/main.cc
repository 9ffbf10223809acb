// The simulator: `simulation_test --help` says how it is called, CONTRIBUTING.md what it is for.

#include <fmt/core.h>
#include <sys/personality.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "runner.h"

namespace {

using namespace millrace::simulation;

constexpr std::string_view usage =
    "usage: simulation_test [--scenario log|server] [--seed N] [--runs M] [--verbose]\n"
    "Runs the seeds N, N+1, ... (from 1 on; M is 1 where only the seed is given, else 100) and stops at the first one\n"
    "that breaks. A seed repeats its run exactly, and prints the same trace. --verbose: also what the server prints.\n";

struct Named {
  std::string_view name;
  Scenario* (*make)();
};
constexpr Named scenarios[] = {{"log", make_log_scenario}, {"server", make_server_scenario}};

// Without addresses that differ from run to run, for hash tables by address.
void fix_addresses(char** arguments) {
  const int now = ::personality(0xffffffff);
  if (now == -1 || (now & ADDR_NO_RANDOMIZE) != 0) return;
  if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) == -1) return;
  ::execv("/proc/self/exe", arguments);
}

}  // namespace

int main(int count, char** arguments) {
  fix_addresses(arguments);
  Named scenario = scenarios[0];
  uint64_t seed = 1;
  uint64_t runs = 0;
  bool one_seed = false;
  bool verbose = false;
  const auto wrong = [] {
    fmt::print(stderr, "{}", usage);
    return 2;
  };
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    if (option == "--help") return fmt::print("{}", usage), 0;
    if (option == "--verbose") {
      verbose = true;
      continue;
    }
    if (i + 1 == count) return wrong();
    const std::string_view value = arguments[++i];
    if (option == "--scenario") {
      const auto* const found = std::ranges::find(scenarios, value, &Named::name);
      if (found == std::end(scenarios)) return wrong();
      scenario = *found;
      continue;
    }
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) return wrong();
    if (option == "--seed") {
      seed = number;
      one_seed = true;
    } else if (option == "--runs") {
      runs = number;
    } else {
      return wrong();
    }
  }
  if (runs == 0) runs = one_seed ? 1 : 100;

  uint64_t lives = 0;
  uint64_t steps = 0;
  for (uint64_t n = seed; n < seed + runs; ++n) {
    const Outcome outcome = run_seed(n, scenario.make, verbose);
    lives += static_cast<uint64_t>(outcome.incarnations);
    steps += outcome.steps;
    if (!outcome.holds) {
      fmt::print(stderr, "{} seed {}: {}\nAgain: build/simulation_test --scenario {} --seed {} --verbose\n",
                 scenario.name, n, outcome.report, scenario.name, n);
      return 1;
    }
    if (verbose) fmt::print("{} seed {}: trace {:016x}\n", scenario.name, n, outcome.trace);
  }
  fmt::print("{}: seeds {} to {} hold: {} lives, {} steps\n", scenario.name, seed, seed + runs - 1, lives, steps);
  return 0;
}
