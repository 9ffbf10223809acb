#pragma once
// What a simulated server does, and what must hold. A scenario lies in the world's memory with all that it must
// remember from one incarnation to the next: its containers take World::memory.

#include <string>

#include "base/error.h"

namespace millrace::simulation {

class Scenario {
 public:
  virtual ~Scenario() = default;

  // One life of the server, in a process of its own: opens, checks what the former lives left, works, closes. In the
  // last one nothing fails, and all that waited must come to its end. An invariant that does not hold:
  // broken_because().
  virtual void live(bool last) = 0;

  // About how many operations of the disk a life takes, to kill it somewhere between.
  virtual uint64_t operations_of_a_life() const = 0;
  virtual uint64_t capacity_bytes_least() const = 0;

  // Between two lives, in the process that watches: what may happen to files on a shelf. Says what does not hold; "" if
  // all does.
  virtual std::string damage() { return ""; }
};

// The call may have failed so, as the disk was full, had failed or no descriptor was left.
bool is_excused(const Error& error);

Scenario* make_log_scenario();
Scenario* make_server_scenario();

}  // namespace millrace::simulation
