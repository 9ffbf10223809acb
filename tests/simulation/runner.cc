#include "runner.h"

#include <execinfo.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "files.h"
#include "threads.h"
#include "world.h"

namespace millrace::simulation {
namespace {

constexpr size_t memory_bytes = size_t{4} << 30;  // of addresses; memory comes as it is used
constexpr unsigned hang_seconds = 120;            // of the machine's time, for one incarnation
constexpr uint64_t steps_max = 20'000'000;

// Memory that a process and its children share.
class SharedMemory final : public std::pmr::memory_resource {
 public:
  SharedMemory() {
    void* const begin =
        ::mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED) std::abort();
    begin_ = static_cast<char*>(begin);
    // Its place, too, for the children move it.
    at_ = reinterpret_cast<size_t*>(begin_);
    clear();
  }
  void clear() { *at_ = 64; }

 private:
  void* do_allocate(size_t bytes, size_t alignment) override {
    const size_t begin = (*at_ + alignment - 1) / alignment * alignment;
    if (begin + bytes > memory_bytes) std::abort();
    *at_ = begin + bytes;
    return begin_ + begin;
  }
  void do_deallocate(void*, size_t, size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  char* begin_ = nullptr;
  size_t* at_ = nullptr;
};

struct Stage {
  explicit Stage(uint64_t seed, std::pmr::memory_resource* upstream)
      : pool({.max_blocks_per_chunk = 64, .largest_required_pool_block = 8192}, upstream), world(seed, &pool) {}
  std::pmr::unsynchronized_pool_resource pool;
  World world;
};

Faults draw_faults(World& w, const Scenario& scenario) {
  Random& random = w.disasters;
  Faults faults;
  const uint64_t operations = scenario.operations_of_a_life();
  // Small numbers often: opening is where most is at stake.
  const auto moment = [&] { return 1 + random.below(random.one_in(3) ? operations / 20 + 1 : operations); };
  if (!random.one_in(5)) faults.kill_at_operation = moment();
  faults.power_loss = !random.one_in(3);
  if (random.one_in(8)) faults.fail_at_operation = moment();
  static constexpr uint32_t frequencies[] = {0, 2, 10, 100, 1000};
  faults.preempt_one_in = frequencies[random.below(5)];
  faults.slow_disk = random.one_in(4);
  return faults;
}

// Where it happened, for the report; addr2line -e build/simulation_test says the lines.
void print_stack(int signal) {
  void* frames[48];
  ::backtrace_symbols_fd(frames, ::backtrace(frames, 48), STDERR_FILENO);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

std::string printed(int descriptor) {
  std::string text(16 << 10, '\0');
  const ssize_t bytes = ::pread(descriptor, text.data(), text.size(), 0);
  text.resize(bytes < 0 ? 0 : static_cast<size_t>(bytes));
  return text;
}

}  // namespace

Outcome run_seed(uint64_t seed, Scenario* (*make)(), bool verbose) {
  static SharedMemory memory;
  memory.clear();
  auto* const stage = new (memory.allocate(sizeof(Stage), alignof(Stage))) Stage(seed, &memory);
  World& w = stage->world;
  set_world(&w);
  w.verbose = verbose;
  Scenario* const scenario = make();

  Outcome outcome;
  const int lives = static_cast<int>(1 + w.disasters.below(5));
  for (int life = 1; life <= lives + 1; ++life) {
    const bool last = life == lives + 1;
    w.faults = last ? Faults{} : draw_faults(w, *scenario);
    w.disk.capacity_bytes = UINT64_MAX;
    if (!last && w.disasters.one_in(4)) {
      w.disk.capacity_bytes = scenario->capacity_bytes_least() + w.disasters.below(scenario->capacity_bytes_least());
    }
    const size_t descriptors = !last && w.disasters.one_in(6) ? 2 + w.disasters.below(30) : SIZE_MAX;
    w.operations = w.steps = 0;
    w.steps_max = steps_max;
    w.disk_has_failed = w.refused = false;

    std::fflush(nullptr);
    const int output = ::memfd_create("output", 0);
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
      if (!verbose) {
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
      }
      ::alarm(hang_seconds);
      ::signal(SIGSEGV, print_stack);
      ::signal(SIGABRT, print_stack);
      start_simulating();
      limit_descriptors(descriptors);
      scenario->live(last);
      end_process(finished);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    outcome.incarnations = life;
    outcome.steps += w.steps;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (verbose) {
      fmt::print("life {}: exit code {}, {} operations, {} steps, {} bytes on the disk\n", life, code, w.operations,
                 w.steps, w.disk.used_bytes());
    }
    const bool may_end_so = code == finished || code == killed || (code == disk_failed && w.disk_has_failed);
    if (!may_end_so) {
      outcome.holds = false;
      const std::string reason = code == broken ? w.failure.data()
                                 : WIFSIGNALED(status)
                                     ? fmt::format("the process was ended by {}", strsignal(WTERMSIG(status)))
                                     : fmt::format("the process ended with exit code {}", code);
      outcome.report = fmt::format("life {} of {}: {}\n{}", life, lives + 1, reason, printed(output));
    }
    ::close(output);
    if (!may_end_so) break;
    // Power may also go after a clean end.
    if (w.faults.power_loss) w.disk.lose_power(w.disasters);
    if (const std::string broken_now = scenario->damage(); !broken_now.empty()) {
      outcome.holds = false;
      outcome.report = fmt::format("after life {} of {}: {}", life, lives + 1, broken_now);
      break;
    }
    w.now_ns += w.disasters.between(0, 1'000'000'000);
  }
  outcome.trace = w.trace;
  return outcome;
}

}  // namespace millrace::simulation
