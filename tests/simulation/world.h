#pragma once
// A simulated world: one seed, one virtual clock, one disk, and what was promised to clients. It lies in memory that
// all incarnations of the simulated server share: each incarnation is a process of its own (a fork), so a kill is a
// kill, and the world goes on with what the disk kept.
//
// All that is random comes from the seed, and only one simulated thread runs at a time, so a seed repeats a run
// exactly. The trace, a hash over all decisions, shows that it did.

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string_view>

#include "disk.h"
#include "random.h"

namespace millrace::simulation {

// How an incarnation's process ends.
enum Exit : int {
  finished = 0,
  disk_failed = 74,  // log::exit_code_disk_failed, after an injected failure of the disk
  killed = 90,
  broken = 91,  // an invariant does not hold; World::failure says which
};

// What may happen to one incarnation; drawn before it starts.
struct Faults {
  uint64_t kill_at_operation = 0;  // of the disk; 0: it ends by itself
  bool power_loss = false;         // the kill takes what was not synced with it
  uint64_t fail_at_operation = 0;  // with EIO
  uint32_t preempt_one_in = 0;     // scheduling points at which another thread may run; 0: only where one must wait
  bool slow_disk = false;
};

struct World {
  explicit World(uint64_t seed, std::pmr::memory_resource* memory);

  const uint64_t seed;
  std::pmr::memory_resource* const memory;
  Random schedule;  // who runs next
  Random disasters;
  Random work;
  Disk disk;
  Faults faults;
  int64_t now_ns;
  int64_t wall_ahead_ns = 0;
  uint64_t steps = 0;
  uint64_t steps_max = 0;  // of this incarnation; more is taken for an endless loop
  uint64_t trace = 0;
  uint64_t operations = 0;  // of the disk, of this incarnation
  bool disk_has_failed = false;
  bool refused = false;  // a call was answered with ENOSPC or EMFILE
  bool verbose = false;
  std::array<char, 4096> failure{};

  void note(uint64_t what) { trace = mix(trace ^ what); }
};

// The world of this process.
World& world();
void set_world(World* world);

// Ends the incarnation: an invariant is broken.
[[noreturn]] void broken_because(std::string_view why);

}  // namespace millrace::simulation
