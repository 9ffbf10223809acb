#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "log/disk_io.h"

namespace millrace::log {

void stop_process(std::string_view what) {
  std::fprintf(stderr,
               "millrace: %.*s. What the disk holds is unknown now; stopping. "
               "A restart recovers all that was acknowledged.\n",
               static_cast<int>(what.size()), what.data());
  _exit(exit_code_disk_failed);
}

Keeper::~Keeper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Keeper::post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void Keeper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

namespace {

[[noreturn]] void stop_for(std::string_view path, std::string_view what, int error_number) {
  stop_process(fmt::format("{}: {} failed: {}", path, what, std::generic_category().message(error_number)));
}

void write_and_wait(const DiskWrite& write) {
  std::string_view bytes = write.bytes;
  uint64_t offset = write.offset;
  while (!bytes.empty()) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const ssize_t n = ::pwritev2(write.descriptor, &part, 1, static_cast<off_t>(offset), write.sync ? RWF_DSYNC : 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) stop_for(write.path, "a write", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<size_t>(n);
  }
}

Result<base::File> make_event() {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) return fail_errno("eventfd", errno);
  return base::File::adopt(descriptor, "eventfd");
}

class BlockingIo final : public DiskIo {
 public:
  BlockingIo(const IoLimits& limits, base::File event) : DiskIo(limits), event_(std::move(event)) {}

  int event_fd() const override { return event_.descriptor(); }
  int event_descriptor() const override { return event_.descriptor(); }
  void reap() override {}
  void start_thread() override {}
  bool uses_io_uring() const override { return false; }

  void submit(DiskWrite& write) override {
    // A completion may submit the next write; it is taken from here, so that the stack does not grow.
    thread_local std::deque<DiskWrite*> queue;
    thread_local bool writing = false;
    queue.push_back(&write);
    if (writing) return;
    writing = true;
    while (!queue.empty()) {
      DiskWrite* next = queue.front();
      queue.pop_front();
      write_and_wait(*next);
      next->on_written();
    }
    writing = false;
  }

 private:
  base::File event_;  // never readable
};

class UringIo final : public DiskIo {
 public:
  UringIo(const IoLimits& limits, base::File event, base::File stop)
      : DiskIo(limits), event_(std::move(event)), stop_(std::move(stop)) {}

  ~UringIo() override {
    if (thread_.joinable()) {
      const uint64_t one = 1;
      CHECK(::write(stop_.descriptor(), &one, sizeof(one)) == sizeof(one));
      thread_.join();
    }
    if (ring_made_) io_uring_queue_exit(&ring_);
  }

  Result<void> start() {
    // Each log has one write and one sync under way; more logs than fit are submitted in turn.
    constexpr unsigned ring_entries = 128;
    if (const int error = io_uring_queue_init(ring_entries, &ring_, 0); error < 0) {
      return fail_errno("io_uring", -error);
    }
    ring_made_ = true;
    if ((ring_.features & IORING_FEAT_CQE_SKIP) == 0) {
      return fail(ErrorKind::unsupported, "io_uring: the kernel is too old (it needs 5.17)");
    }
    if (const int error = io_uring_register_eventfd(&ring_, event_.descriptor()); error < 0) {
      return fail_errno("io_uring eventfd", -error);
    }
    return {};
  }

  int event_fd() const override {
    attended_ = true;
    return event_.descriptor();
  }
  int event_descriptor() const override { return event_.descriptor(); }
  bool uses_io_uring() const override { return true; }

  void start_thread() override {
    if (thread_.joinable()) return;
    attended_ = true;
    thread_ = std::thread([this] {
      std::array<pollfd, 2> waits{pollfd{event_.descriptor(), POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}};
      while (waits[1].revents == 0) {
        if (::poll(waits.data(), waits.size(), -1) > 0 && waits[0].revents != 0) reap();
      }
    });
  }

  void submit(DiskWrite& write) override {
    std::lock_guard lock(mutex_);
    while (io_uring_sq_space_left(&ring_) < 2) submit_all(write);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    io_uring_prep_write(sqe, write.descriptor, write.bytes.data(), static_cast<unsigned>(write.bytes.size()),
                        write.offset);
    io_uring_sqe_set_data64(sqe, reinterpret_cast<uint64_t>(&write));
    if (write.sync) {
      // Only one of the two is reported: the sync, or the write if it fails.
      sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
      sqe = io_uring_get_sqe(&ring_);
      io_uring_prep_fsync(sqe, write.descriptor, IORING_FSYNC_DATASYNC);
      io_uring_sqe_set_data64(sqe, reinterpret_cast<uint64_t>(&write) | sync_tag);
    }
    submit_all(write);
  }

  void reap() override {
    uint64_t count;
    // Before the queue is looked at, so that nothing that comes later goes unnoticed.
    if (::read(event_.descriptor(), &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR) {
      stop_for("io_uring", "reading its event", errno);
    }
    struct Finished {
      uint64_t data;
      int result;
    };
    std::array<Finished, 32> finished;
    for (;;) {
      unsigned n = 0;
      {
        std::lock_guard lock(mutex_);
        io_uring_cqe* cqe = nullptr;
        while (n < finished.size() && io_uring_peek_cqe(&ring_, &cqe) == 0) {
          finished[n++] = {cqe->user_data, cqe->res};
          io_uring_cqe_seen(&ring_, cqe);
        }
      }
      if (n == 0) return;
      for (unsigned i = 0; i < n; ++i) finish(finished[i].data, finished[i].result);
    }
  }

 private:
  static constexpr uint64_t sync_tag = 1;

  void submit_all(const DiskWrite& write) {
    for (;;) {
      const int submitted = io_uring_submit(&ring_);
      if (submitted >= 0) return;
      if (submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY) {
        stop_for(write.path, "handing a write to io_uring", -submitted);
      }
      sched_yield();
    }
  }

  static void finish(uint64_t data, int result) {
    auto& write = *reinterpret_cast<DiskWrite*>(data & ~sync_tag);
    const bool synced = (data & sync_tag) != 0;
    // The kernel cancels what a thread has under way when the thread ends; the bytes are the same and go to
    // the same place, so writing them again is harmless.
    const bool unfinished = result == -ECANCELED || result == -EINTR || result == -EAGAIN ||
                            (!synced && result >= 0 && static_cast<size_t>(result) < write.bytes.size());
    if (unfinished) {
      write_and_wait(write);
    } else if (result < 0) {
      stop_for(write.path, synced ? "a sync" : "a write", -result);
    }
    write.on_written();
  }

  base::File event_;
  base::File stop_;
  std::mutex mutex_;
  io_uring ring_{};
  bool ring_made_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<IoDriver>> make_uring(const IoLimits& limits) {
  TRY_ASSIGN(base::File event, make_event());
  TRY_ASSIGN(base::File stop, make_event());
  auto driver = std::make_unique<UringIo>(limits, std::move(event), std::move(stop));
  TRY(driver->start());
  return driver;
}

}  // namespace

Result<std::unique_ptr<IoDriver>> make_io_driver(IoMode mode, const IoLimits& limits) {
  if (mode != IoMode::blocking) {
    auto driver = make_uring(limits);
    if (driver || mode == IoMode::io_uring) return driver;
  }
  TRY_ASSIGN(base::File event, make_event());
  return std::make_unique<BlockingIo>(limits, std::move(event));
}

}  // namespace millrace::log
