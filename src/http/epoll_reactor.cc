#include "http/epoll_reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace millrace::http {
namespace {

thread_local const EpollReactor* running_here = nullptr;

}  // namespace

void TaskQueue::post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  if (!signalled_) {
    signalled_ = true;
    wake();
  }
}

void TaskQueue::take(std::vector<std::function<void()>>& tasks) {
  std::lock_guard lock(mutex_);
  signalled_ = false;
  if (tasks.empty()) {
    tasks.swap(tasks_);
    return;
  }
  std::move(tasks_.begin(), tasks_.end(), std::back_inserter(tasks));
  tasks_.clear();
}

void TaskQueue::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

void TaskQueue::close() {
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

struct EpollReactor::Watcher final : EventSink {
  explicit Watcher(std::function<void()> ready) : ready(std::move(ready)) {}
  void on_events(uint32_t) override { ready(); }
  std::function<void()> ready;
};

Result<std::unique_ptr<Reactor>> Reactor::make() {
  TRY_ASSIGN(auto reactor, EpollReactor::make());
  return std::unique_ptr<Reactor>(std::move(reactor));
}

Result<std::unique_ptr<EpollReactor>> EpollReactor::make() {
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return fail_errno("epoll_create1", errno);
  const int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) {
    const int error = errno;
    ::close(epoll_fd);
    return fail_errno("eventfd", error);
  }
  auto reactor = std::unique_ptr<EpollReactor>(new EpollReactor(epoll_fd, wake_fd));
  reactor->watch(wake_fd, [wake_fd] {
    uint64_t count;
    [[maybe_unused]] const ssize_t n = ::read(wake_fd, &count, sizeof(count));
  });
  return reactor;
}

EpollReactor::EpollReactor(int epoll_fd, int wake_fd)
    : epoll_fd_(epoll_fd),
      wake_fd_(wake_fd),
      tasks_(std::make_shared<TaskQueue>(wake_fd)),
      events_(std::make_unique<epoll_event[]>(events_per_turn_max)) {
  read_clock();
}

EpollReactor::~EpollReactor() {
  tasks_->close();
  own_tasks_.clear();
  timers_.clear();
  hooks_.clear();
  watchers_.clear();
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void EpollReactor::read_clock() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  now_ms_ = int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  if (time.tv_sec != date_second_ || date_.empty()) {
    date_second_ = time.tv_sec;
    tm parts;
    ::gmtime_r(&time.tv_sec, &parts);
    char text[64];
    const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, size);
  }
}

int EpollReactor::wait_ms() const {
  if (again_ || !own_tasks_.empty()) return 0;
  if (timers_.empty()) return -1;
  return static_cast<int>(std::clamp<int64_t>(timers_.begin()->first.first - now_ms_, 0, 3'600'000));
}

void EpollReactor::run() {
  const EpollReactor* const outer = running_here;
  running_here = this;
  while (!stopped_.load(std::memory_order_relaxed)) {
    event_count_ = ::epoll_wait(epoll_fd_, events_.get(), events_per_turn_max, wait_ms());
    read_clock();
    bool did_something = event_count_ > 0 || again_;
    again_ = false;
    for (event_at_ = 0; event_at_ < event_count_; ++event_at_) {
      const epoll_event& event = events_[event_at_];
      if (event.data.ptr != nullptr) static_cast<EventSink*>(event.data.ptr)->on_events(event.events);
    }
    event_count_ = 0;
    did_something |= run_tasks();
    did_something |= run_timers();
    if (did_something) {
      in_hooks_ = true;
      for (size_t i = 0; i < hooks_.size(); ++i) hooks_[i]();
      in_hooks_ = false;
    }
    // Time passed while the turn ran: the next wait is counted from here.
    read_clock();
  }
  stopped_ = false;
  running_here = outer;
}

bool EpollReactor::run_tasks() {
  running_.swap(own_tasks_);
  tasks_->take(running_);
  const bool any = !running_.empty();
  for (auto& task : running_) {
    task();
    task = nullptr;
  }
  running_.clear();
  return any;
}

bool EpollReactor::run_timers() {
  bool any = false;
  const uint64_t made_before = next_timer_;  // what a task starts now runs in a later turn
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    if (first->first.first > now_ms_ || first->first.second >= made_before) break;
    auto task = std::move(first->second);
    timer_due_.erase(first->first.second);
    timers_.erase(first);
    task();
    any = true;
  }
  return any;
}

void EpollReactor::stop() {
  stopped_ = true;
  tasks_->wake();
}

void EpollReactor::post(std::function<void()> task) {
  if (on_thread()) {
    own_tasks_.push_back(std::move(task));
  } else {
    tasks_->post(std::move(task));
  }
}

bool EpollReactor::runs_here(const EpollReactor* reactor) {
  return running_here == reactor;
}

void EpollReactor::watch(int fd, std::function<void()> ready) {
  auto watcher = std::make_shared<Watcher>(std::move(ready));
  const auto added = add(fd, EPOLLIN, watcher.get());
  CHECK(added.has_value(), "{}", added.error().message);
  watchers_[fd] = std::move(watcher);
}

void EpollReactor::unwatch(int fd) {
  const auto found = watchers_.find(fd);
  if (found == watchers_.end()) return;
  const auto watcher = found->second;
  remove(fd, watcher.get());
  watchers_.erase(found);
  // It may be the one that is being called: it is destroyed when the turn is over.
  if (on_thread()) own_tasks_.push_back([watcher] {});
}

uint64_t EpollReactor::after_ms(int64_t delay_ms, std::function<void()> task) {
  const uint64_t id = next_timer_++;
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  // One more, so that it never runs early by the part of a millisecond that is cut off.
  const int64_t due = int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000 + std::max<int64_t>(delay_ms, 0) + 1;
  timers_.emplace(std::pair(due, id), std::move(task));
  timer_due_.emplace(id, due);
  return id;
}

void EpollReactor::cancel(uint64_t timer) {
  const auto found = timer_due_.find(timer);
  if (found == timer_due_.end()) return;
  timers_.erase(std::pair(found->second, timer));
  timer_due_.erase(found);
}

void EpollReactor::at_end_of_turn(std::function<void()> hook) {
  hooks_.push_back(std::move(hook));
}

Result<void> EpollReactor::add(int fd, uint32_t events, EventSink* sink) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = sink;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl", errno);
  return {};
}

void EpollReactor::modify(int fd, uint32_t events, EventSink* sink) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = sink;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void EpollReactor::remove(int fd, EventSink* sink) {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = event_at_ + 1; i < event_count_; ++i) {
    if (events_[i].data.ptr == sink) events_[i].data.ptr = nullptr;
  }
}

}  // namespace millrace::http
