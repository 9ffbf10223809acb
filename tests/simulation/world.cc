#include "world.h"

#include <algorithm>
#include <cstring>

#include "threads.h"

namespace millrace::simulation {
namespace {

World* the_world = nullptr;

}  // namespace

World::World(uint64_t seed, std::pmr::memory_resource* memory)
    : seed(seed),
      memory(memory),
      schedule(mix(seed) ^ 1),
      disasters(mix(seed) ^ 2),
      work(mix(seed) ^ 3),
      disk(memory),
      now_ns(int64_t{1'700'000'000} * 1'000'000'000) {}

World& world() {
  return *the_world;
}
void set_world(World* world) {
  the_world = world;
}

void broken_because(std::string_view why) {
  auto& failure = world().failure;
  const size_t bytes = std::min(why.size(), failure.size() - 1);
  std::memcpy(failure.data(), why.data(), bytes);
  failure[bytes] = 0;
  end_process(broken);
}

}  // namespace millrace::simulation
