#pragma once
// The reactor behind reactor.h: one epoll set, edge-triggered for connections, and the queue of posted tasks.
// Private to this folder.
//
// Threads: as reactor.h says; TaskQueue::post from any thread. A TaskQueue may outlive its reactor (a late
// reply from another thread holds it): what is posted then is dropped.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/reactor.h"

struct epoll_event;

namespace millrace::http {

class EventSink {
 public:
  virtual void on_events(uint32_t events) = 0;

 protected:
  ~EventSink() = default;
};

class TaskQueue {
 public:
  explicit TaskQueue(int wake_fd) : wake_fd_(wake_fd) {}

  void post(std::function<void()> task);
  void take(std::vector<std::function<void()>>& tasks);  // on the reactor's thread
  void wake();
  void close();

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool signalled_ = false;
  bool closed_ = false;
  int wake_fd_;
};

class EpollReactor final : public Reactor {
 public:
  static Result<std::unique_ptr<EpollReactor>> make();
  ~EpollReactor() override;

  void run() override;
  void stop() override;
  void post(std::function<void()> task) override;
  bool on_thread() const override { return runs_here(this); }
  // The same for a reactor that may be gone: the pointer is compared, not followed.
  static bool runs_here(const EpollReactor* reactor);
  void watch(int fd, std::function<void()> ready) override;
  void unwatch(int fd) override;
  uint64_t after_ms(int64_t delay_ms, std::function<void()> task) override;
  void cancel(uint64_t timer) override;
  void at_end_of_turn(std::function<void()> hook) override;

  // A sink gets no event after remove(), not even one that this turn has fetched already.
  Result<void> add(int fd, uint32_t events, EventSink* sink);
  void modify(int fd, uint32_t events, EventSink* sink);
  void remove(int fd, EventSink* sink);

  // A request was handed out. If that happens while the hooks run (one of them finished a write, whose answer let a
  // pipelined request in), another turn follows at once, so that its appends are flushed too.
  void note_work() { again_ |= in_hooks_; }

  int64_t now_ms() const { return now_ms_; }       // monotonic, read once a turn
  std::string_view date() const { return date_; }  // of the Date header, to the second
  const std::shared_ptr<TaskQueue>& tasks() const { return tasks_; }

 private:
  struct Watcher;
  static constexpr int events_per_turn_max = 256;

  EpollReactor(int epoll_fd, int wake_fd);
  void read_clock();
  int wait_ms() const;
  bool run_tasks();
  bool run_timers();

  int epoll_fd_;
  int wake_fd_;
  std::shared_ptr<TaskQueue> tasks_;
  std::vector<std::function<void()>> own_tasks_;  // posted on the reactor's thread
  std::vector<std::function<void()>> running_;
  std::atomic<bool> stopped_ = false;

  std::unordered_map<int, std::shared_ptr<Watcher>> watchers_;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> timers_;
  std::unordered_map<uint64_t, int64_t> timer_due_;
  uint64_t next_timer_ = 1;
  std::vector<std::function<void()>> hooks_;
  bool in_hooks_ = false;
  bool again_ = false;

  std::unique_ptr<epoll_event[]> events_;
  int event_at_ = 0;
  int event_count_ = 0;

  int64_t now_ms_ = 0;
  int64_t date_second_ = 0;
  std::string date_;
};

}  // namespace millrace::http
