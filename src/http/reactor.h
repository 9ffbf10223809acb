#pragma once
// A reactor: one thread, one epoll loop. It runs what is ready, then the end-of-turn hooks (where logs are
// flushed, so that all appends of a turn share one sync), then waits.
//
// Threads: run() is the reactor's thread. post(), stop() from any thread; everything else from the reactor's
// thread or before run(). post() from the reactor's own thread costs no system call. Timers are accurate to a
// millisecond.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"

namespace millrace::http {

class Reactor {
 public:
  static Result<std::unique_ptr<Reactor>> make();
  virtual ~Reactor() = default;

  virtual void run() = 0;  // until stop()
  virtual void stop() = 0;
  virtual void post(std::function<void()> task) = 0;
  virtual bool on_thread() const = 0;

  // Calls `ready` whenever fd is readable. The caller owns fd and calls unwatch() before closing it.
  virtual void watch(int fd, std::function<void()> ready) = 0;
  virtual void unwatch(int fd) = 0;

  // Runs `task` once after the delay; the returned id can cancel it until then.
  virtual uint64_t after_ms(int64_t delay_ms, std::function<void()> task) = 0;
  virtual void cancel(uint64_t timer) = 0;

  // Runs at the end of every turn that did something.
  virtual void at_end_of_turn(std::function<void()> hook) = 0;
};

}  // namespace millrace::http
