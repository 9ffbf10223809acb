#include "threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <fmt/core.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "raw.h"
#include "world.h"

namespace millrace::simulation {
namespace {

constexpr int64_t never = INT64_MAX;
constexpr int64_t step_ns = 1'000;

struct Thread {
  uint32_t id = 0;
  enum class State : uint8_t { runnable, blocked, finished } state = State::runnable;
  const void* waits_for = nullptr;
  int64_t deadline_ns = never;
  bool timed_out = false;
  std::atomic<uint32_t> baton = 0;
  pthread_t real{};
  void* (*start)(void*) = nullptr;
  void* argument = nullptr;
  void* result = nullptr;
};

std::vector<Thread*> threads;
thread_local Thread* self = nullptr;

int (*real_create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) = nullptr;
int (*real_join)(pthread_t, void**) = nullptr;
int (*real_detach)(pthread_t) = nullptr;

void futex_wait(std::atomic<uint32_t>& word, uint32_t value) {
  raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}
void futex_wake(std::atomic<uint32_t>& word) {
  raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

void await_baton(Thread& thread) {
  while (thread.baton.load(std::memory_order_acquire) == 0) futex_wait(thread.baton, 0);
  thread.baton.store(0, std::memory_order_relaxed);
}
void hand_baton_to(Thread& thread) {
  thread.baton.store(1, std::memory_order_release);
  futex_wake(thread.baton);
}

std::string all_threads() {
  std::string text;
  for (const Thread* thread : threads) {
    if (thread->state == Thread::State::finished) continue;
    text += fmt::format(" thread {}{}", thread->id, thread->state == Thread::State::blocked ? " waits;" : " runs;");
  }
  return text;
}

// Who runs next; time jumps when all wait.
Thread& choose() {
  World& w = world();
  w.now_ns += step_ns;
  if (++w.steps > w.steps_max) broken_because("no end in sight:" + all_threads());
  for (;;) {
    static std::vector<Thread*> ready;
    ready.clear();
    int64_t next_ns = never;
    for (Thread* thread : threads) {
      if (thread->state == Thread::State::blocked) {
        if (thread->deadline_ns > w.now_ns) {
          next_ns = std::min(next_ns, thread->deadline_ns);
          continue;
        }
        thread->timed_out = true;
        thread->state = Thread::State::runnable;
      }
      if (thread->state == Thread::State::runnable) ready.push_back(thread);
    }
    if (!ready.empty()) {
      Thread& chosen = *ready[ready.size() == 1 ? 0 : w.schedule.below(ready.size())];
      w.note(chosen.id);
      return chosen;
    }
    if (next_ns == never) broken_because("all threads wait for each other:" + all_threads());
    w.now_ns = next_ns;
  }
}

void give_way() {
  Thread& me = *self;
  Thread& next = choose();
  if (&next == &me) return;
  hand_baton_to(next);
  await_baton(me);
}

// False: the time was over.
bool block_on(const void* what, int64_t deadline_ns = never) {
  self->state = Thread::State::blocked;
  self->waits_for = what;
  self->deadline_ns = deadline_ns;
  self->timed_out = false;
  give_way();
  self->waits_for = nullptr;
  return !self->timed_out;
}

void wake(Thread& thread) {
  thread.state = Thread::State::runnable;
  thread.deadline_ns = never;
}

size_t wake_all(const void* what, size_t at_most = SIZE_MAX) {
  size_t woken = 0;
  // Chance says who comes first.
  const size_t first = threads.empty() ? 0 : (at_most == SIZE_MAX ? 0 : world().schedule.below(threads.size()));
  for (size_t i = 0; i < threads.size() && woken < at_most; ++i) {
    Thread& thread = *threads[(first + i) % threads.size()];
    if (thread.state != Thread::State::blocked || thread.waits_for != what) continue;
    wake(thread);
    ++woken;
  }
  return woken;
}

// Not simulated. What runs at a thread's end (destructors of its thread_local variables) runs with the baton, too; it
// is taken from the thread here, when that is gone.
void* bury(void* argument) {
  Thread& gone = *static_cast<Thread*>(argument);
  real_join(gone.real, nullptr);
  gone.state = Thread::State::finished;
  wake_all(&gone);
  hand_baton_to(choose());
  return nullptr;
}

void* run_thread(void* argument) {
  Thread& me = *static_cast<Thread*>(argument);
  self = &me;
  await_baton(me);
  me.result = me.start(me.argument);
  pthread_t undertaker;
  if (real_create(&undertaker, nullptr, bury, &me) != 0) std::abort();
  real_detach(undertaker);
  return nullptr;
}

int64_t ns_of(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The virtual time of an absolute time of `clock`.
int64_t deadline_of(const timespec& time, clockid_t clock) {
  return clock == CLOCK_REALTIME ? ns_of(time) - world().wall_ahead_ns : ns_of(time);
}

// A mutex of the C library, used by its own fields: locked, by whom, how many times.
bool is_recursive(const pthread_mutex_t* mutex) {
  return (mutex->__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE_NP;
}
int owner_id() {
  return self == nullptr ? 1 : static_cast<int>(self->id) + 2;
}
bool try_lock(pthread_mutex_t* mutex) {
  auto& data = mutex->__data;
  if (data.__lock != 0) {
    if (!is_recursive(mutex) || data.__owner != owner_id()) return false;
    ++data.__count;
    return true;
  }
  data.__lock = 1;
  data.__owner = owner_id();
  data.__count = 1;
  return true;
}
int lock_until(pthread_mutex_t* mutex, int64_t deadline_ns) {
  if (self != nullptr) scheduling_point();
  while (!try_lock(mutex)) {
    if (self == nullptr) std::abort();
    if (!block_on(mutex, deadline_ns)) return ETIMEDOUT;
  }
  return 0;
}
void unlock(pthread_mutex_t* mutex) {
  auto& data = mutex->__data;
  if (is_recursive(mutex) && --data.__count > 0) return;
  data.__lock = 0;
  data.__owner = 0;
  if (self != nullptr) wake_all(mutex);
}

int wait_until(pthread_cond_t* condition, pthread_mutex_t* mutex, int64_t deadline_ns) {
  if (self == nullptr) std::abort();
  unlock(mutex);
  const bool in_time = block_on(condition, deadline_ns);
  while (!try_lock(mutex)) block_on(mutex);
  return in_time ? 0 : ETIMEDOUT;
}

}  // namespace

bool simulated() {
  return self != nullptr;
}

void start_simulating() {
  real_create = reinterpret_cast<decltype(real_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  real_join = reinterpret_cast<decltype(real_join)>(::dlsym(RTLD_NEXT, "pthread_join"));
  real_detach = reinterpret_cast<decltype(real_detach)>(::dlsym(RTLD_NEXT, "pthread_detach"));
  // One runs at a time: on one processor the others are woken without a detour.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(::sched_getcpu()), &one);
  ::sched_setaffinity(0, sizeof(one), &one);
  auto* first = new Thread;
  threads.push_back(first);
  self = first;
}

void scheduling_point() {
  if (world().schedule.one_in(world().faults.preempt_one_in)) give_way();
}

void sleep_ns(int64_t ns) {
  static const char nothing = 0;
  block_on(&nothing, world().now_ns + std::max<int64_t>(ns, 0));
}

void end_process(int code) {
  std::fflush(nullptr);
  raw_call(SYS_exit_group, code, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

}  // namespace millrace::simulation

using namespace millrace::simulation;

// The C library's functions from here on. They are found before its own, by this program and by its shared libraries.
extern "C" {

int pthread_create(pthread_t* id, const pthread_attr_t*, void* (*start)(void*), void* argument) {
  if (!simulated()) std::abort();
  auto* thread = new Thread;
  thread->id = static_cast<uint32_t>(threads.size());
  thread->start = start;
  thread->argument = argument;
  threads.push_back(thread);
  if (const int error = real_create(&thread->real, nullptr, run_thread, thread); error != 0) std::abort();
  *id = thread->real;
  scheduling_point();
  return 0;
}

int pthread_join(pthread_t id, void** result) {
  for (Thread* thread : threads) {
    if (thread->real != id || thread == threads.front()) continue;
    while (thread->state != Thread::State::finished) block_on(thread);
    thread->real = {};
    if (result != nullptr) *result = thread->result;
    return 0;
  }
  return ESRCH;
}

int pthread_detach(pthread_t) {
  return 0;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  return lock_until(mutex, never);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  if (simulated()) scheduling_point();
  return try_lock(mutex) ? 0 : EBUSY;
}
int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* time) {
  return lock_until(mutex, deadline_of(*time, CLOCK_REALTIME));
}
int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  return lock_until(mutex, deadline_of(*time, clock));
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) {
  unlock(mutex);
  if (simulated()) scheduling_point();
  return 0;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return wait_until(condition, mutex, never);
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* time) {
  return wait_until(condition, mutex, deadline_of(*time, CLOCK_REALTIME));
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  return wait_until(condition, mutex, deadline_of(*time, clock));
}
int pthread_cond_signal(pthread_cond_t* condition) {
  if (simulated()) wake_all(condition, 1);
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t* condition) {
  if (simulated()) wake_all(condition);
  return 0;
}

// Readers and the writer are counted in the lock's own fields.
int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) {
  if (lock->__data.__cur_writer != 0) return EBUSY;
  ++lock->__data.__readers;
  return 0;
}
int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) {
  if (lock->__data.__cur_writer != 0 || lock->__data.__readers != 0) return EBUSY;
  lock->__data.__cur_writer = 1;
  return 0;
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  if (simulated()) scheduling_point();
  while (pthread_rwlock_tryrdlock(lock) != 0) block_on(lock);
  return 0;
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  if (simulated()) scheduling_point();
  while (pthread_rwlock_trywrlock(lock) != 0) block_on(lock);
  return 0;
}
int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  if (lock->__data.__cur_writer != 0) {
    lock->__data.__cur_writer = 0;
  } else {
    --lock->__data.__readers;
  }
  if (simulated()) wake_all(lock);
  return 0;
}

int pthread_once(pthread_once_t* once, void (*routine)()) {
  constexpr int under_way = 1, done = 2;
  while (*once == under_way) {
    if (!simulated()) std::abort();
    block_on(once);
  }
  if (*once == done) return 0;
  *once = under_way;
  routine();
  *once = done;
  if (simulated()) wake_all(once);
  return 0;
}

// What makes static variables in functions, once: a byte that says that it is made, and one that somebody makes it.
int guard_acquire(char* guard) asm("__cxa_guard_acquire");
int guard_acquire(char* guard) {
  while (guard[1] != 0) {
    if (!simulated()) std::abort();
    block_on(guard);
  }
  if (guard[0] != 0) return 0;
  guard[1] = 1;
  return 1;
}
void guard_release(char* guard) asm("__cxa_guard_release");
void guard_release(char* guard) {
  guard[0] = 1;
  guard[1] = 0;
  if (simulated()) wake_all(guard);
}
void guard_abort(char* guard) asm("__cxa_guard_abort");
void guard_abort(char* guard) {
  guard[1] = 0;
  if (simulated()) wake_all(guard);
}

// std::promise and std::atomic::wait call the kernel's futex.
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& each : a) each = va_arg(list, long);
  va_end(list);
  if (number != SYS_futex || !simulated()) {
    const long result = raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
  }
  const void* const word = reinterpret_cast<const void*>(a[0]);
  const int operation = static_cast<int>(a[1]) & FUTEX_CMD_MASK;
  if (operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET) {
    return static_cast<long>(wake_all(word, static_cast<size_t>(a[2])));
  }
  if (*static_cast<const volatile uint32_t*>(word) != static_cast<uint32_t>(a[2])) {
    errno = EAGAIN;
    return -1;
  }
  int64_t deadline_ns = never;
  if (const auto* time = reinterpret_cast<const timespec*>(a[3]); time != nullptr) {
    const bool absolute = operation == FUTEX_WAIT_BITSET;
    const bool wall = (a[1] & FUTEX_CLOCK_REALTIME) != 0;
    deadline_ns =
        absolute ? deadline_of(*time, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC) : world().now_ns + ns_of(*time);
  }
  if (block_on(word, deadline_ns)) return 0;
  errno = ETIMEDOUT;
  return -1;
}

int clock_gettime(clockid_t clock, timespec* time) {
  if (!simulated())
    return static_cast<int>(raw_call(SYS_clock_gettime, clock, reinterpret_cast<long>(time), 0, 0, 0, 0));
  constexpr int64_t call_ns = 100;
  World& w = world();
  w.now_ns += call_ns;
  const int64_t ns = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? w.now_ns + w.wall_ahead_ns : w.now_ns;
  *time = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  return 0;
}
int gettimeofday(timeval* time, void*) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* to) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != nullptr) *to = now.tv_sec;
  return now.tv_sec;
}

int sched_yield() {
  if (simulated()) {
    give_way();
  }
  return 0;
}
int nanosleep(const timespec* time, timespec*) {
  sleep_ns(ns_of(*time));
  return 0;
}
int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec*) {
  sleep_ns(flags == TIMER_ABSTIME ? deadline_of(*time, clock) - world().now_ns : ns_of(*time));
  return 0;
}
int usleep(unsigned us) {
  sleep_ns(int64_t{us} * 1000);
  return 0;
}
// No descriptor of the simulation is ever ready: whoever polls one looks again after the time.
int poll(pollfd* polls, nfds_t count, int timeout_ms) {
  if (!simulated())
    return static_cast<int>(
        raw_call(SYS_poll, reinterpret_cast<long>(polls), static_cast<long>(count), timeout_ms, 0, 0, 0));
  for (nfds_t i = 0; i < count; ++i) polls[i].revents = 0;
  sleep_ns(int64_t{timeout_ms < 0 ? 1 : timeout_ms} * 1'000'000);
  return 0;
}

int getpid() {
  constexpr int of_every_incarnation = 4242;
  return of_every_incarnation;
}
ssize_t getrandom(void* to, size_t bytes, unsigned) {
  for (size_t i = 0; i < bytes; ++i) static_cast<char*>(to)[i] = static_cast<char>(world().schedule.next());
  return static_cast<ssize_t>(bytes);
}
int getentropy(void* to, size_t bytes) {
  getrandom(to, bytes, 0);
  return 0;
}
// std::random_device, which asks the processor.
unsigned random_device_value(void*) asm("_ZNSt13random_device9_M_getvalEv");
unsigned random_device_value(void*) {
  return static_cast<unsigned>(world().schedule.next());
}

}  // extern "C"
