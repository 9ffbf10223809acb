#include "function/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include "function/process_tree.h"

namespace millrace::function {

namespace {

// ThreadSanitizer takes a clone() for a fork, also one that shares our memory, and forgets then what it knew of the
// thread.
#ifdef __SANITIZE_THREAD__
constexpr int clone_memory = 0;
#else
constexpr int clone_memory = CLONE_VM;
#endif

// What the child needs, prepared before it exists: it shares our memory and may not allocate.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int output;
  int null_input;
  int group;  // to join it; -1: none
  pid_t parent;
  int error = 0;  // of the child, which writes it here
};

// Shared with the child, whether the rest of the memory is or not.
class SharedLaunch {
 public:
  static Result<SharedLaunch> make(const Launch& launch) {
    void* const place = ::mmap(nullptr, sizeof(Launch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) return fail_errno("mmap", errno);
    return SharedLaunch(new (place) Launch(launch));
  }
  Launch* operator->() const { return launch_.get(); }
  Launch* get() const { return launch_.get(); }

 private:
  struct Unmap {
    void operator()(Launch* launch) const { ::munmap(launch, sizeof(Launch)); }
  };
  explicit SharedLaunch(Launch* launch) : launch_(launch) {}

  std::unique_ptr<Launch, Unmap> launch_;
};

// Runs on a stack of its own between clone() and exec, while the parent's thread waits.
__attribute__((no_sanitize("address", "undefined"))) int run_child(void* argument) {
  auto* launch = static_cast<Launch*>(argument);
  // Handlers of the parent must not run here; the table is a copy, the memory is not.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::setpgid(0, 0);
  // Whoever loses a parent below it stays below it, and is found there.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != launch->parent ||
      ::dup2(launch->null_input, STDIN_FILENO) < 0 || ::dup2(launch->output, STDOUT_FILENO) < 0 ||
      ::dup2(launch->output, STDERR_FILENO) < 0) {
    launch->error = errno != 0 ? errno : ECHILD;
    ::_exit(127);
  }
  // What does not succeed leaves it where it is.
  if (launch->group >= 0 && ::write(launch->group, "0", 1) < 0) errno = 0;
  // A library of the parent may have opened files without O_CLOEXEC.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(launch->program, launch->arguments, launch->environment);
  launch->error = errno;
  ::_exit(127);
}

// The file that the shell would run; empty if there is none.
std::string find_program(const std::string& word, const std::map<std::string, std::string>& environment) {
  if (word == "millrace") return "/proc/self/exe";
  if (word.find('/') != std::string::npos) return word;
  const auto path = environment.find("PATH");
  std::string_view rest = path == environment.end() ? std::string_view("/usr/local/bin:/usr/bin:/bin") : path->second;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + word;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return {};
}

// The processes that were started here, of all reactors. Held while one is made, so that none is unknown.
std::mutex started_mutex;
std::set<pid_t> started;

bool has_mark(pid_t process, const std::string& mark) {
  std::ifstream file(fmt::format("/proc/{}/environ", process), std::ios::binary);
  const std::string environment(std::istreambuf_iterator<char>(file), {});
  return !mark.empty() && ('\0' + environment).contains('\0' + mark + '\0');
}

// Everything below it, again and again, as some may start others meanwhile. Adds them to `killed`.
void kill_descendants(pid_t process, std::set<pid_t>& killed) {
  constexpr int rounds_max = 100;
  for (int round = 0; round < rounds_max; ++round) {
    const size_t before = killed.size();
    for (const pid_t child : descendants(process)) {
      if (killed.insert(child).second) ::kill(child, SIGKILL);
    }
    if (killed.size() == before) return;
  }
}

// What processes that have ended left behind has come to this process: those with the mark are killed, those that have
// ended are reaped. Others are somebody else's: of the program that has become this one by exec, or of a container
// whose first process this is. False: some of `killed` are still dying.
bool end_orphans(const std::string& mark, std::set<pid_t>& killed) {
  constexpr int rounds_max = 100;
  const std::lock_guard lock(started_mutex);
  for (int round = 0; round < rounds_max; ++round) {
    bool some = false;
    for (const pid_t child : children(::getpid())) {
      if (started.contains(child) || ::waitpid(child, nullptr, WNOHANG) == child) continue;
      if (!killed.contains(child)) {
        if (!has_mark(child, mark)) continue;
        ::kill(child, SIGSTOP);
        kill_descendants(child, killed);
        ::kill(child, SIGKILL);
        killed.insert(child);
      }
      some = true;
    }
    if (!some) return true;
  }
  return false;
}

void end_orphans_soon(http::Reactor& reactor, std::string mark, std::set<pid_t> killed, int attempts_left) {
  constexpr int64_t pause_ms = 20;
  if (end_orphans(mark, killed) || attempts_left == 0) return;
  reactor.after_ms(pause_ms, [&reactor, mark = std::move(mark), killed = std::move(killed), attempts_left] {
    end_orphans_soon(reactor, mark, killed, attempts_left - 1);
  });
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace

Result<std::unique_ptr<Process>> Process::start(http::Reactor& reactor, const Command& command, Events events) {
  const std::string program = find_program(command.words.front(), command.environment);
  if (program.empty()) {
    return fail(ErrorKind::not_found, "there is no program `{}` in PATH", command.words.front());
  }
  std::vector<char*> arguments;
  for (const std::string& word : command.words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> pairs;
  for (const auto& [name, value] : command.environment) pairs.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (std::string& pair : pairs) environment.push_back(pair.data());
  environment.push_back(nullptr);

  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  const int null_input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto launch = SharedLaunch::make({program.c_str(), arguments.data(), environment.data(), output[1], null_input,
                                          command.group == nullptr ? -1 : command.group->join_fd(), ::getpid()});
  if (!launch) {
    for (const int descriptor : {output[0], output[1], null_input}) ::close(descriptor);
    return std::unexpected(launch.error());
  }

  constexpr size_t stack_bytes = 64 * 1024;
  const auto stack = std::make_unique_for_overwrite<std::max_align_t[]>(stack_bytes / sizeof(std::max_align_t));
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // No signal may run a handler of ours in the child, which shares our memory.
  sigset_t every;
  sigset_t before;
  ::sigfillset(&every);
  ::pthread_sigmask(SIG_SETMASK, &every, &before);
  int pidfd = -1;
  std::unique_lock lock(started_mutex);
  const int id = ::clone(run_child, reinterpret_cast<char*>(stack.get()) + stack_bytes,
                         clone_memory | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, launch->get(), &pidfd);
  const int clone_error = errno;
  if (id > 0 && (*launch)->error == 0) started.insert(id);
  lock.unlock();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(output[1]);
  if (null_input >= 0) ::close(null_input);
  if (id < 0) {
    ::close(output[0]);
    return fail_errno("clone", clone_error);
  }
  if ((*launch)->error != 0) {
    ::waitpid(id, nullptr, 0);
    ::close(pidfd);
    ::close(output[0]);
    if ((*launch)->error == EACCES) return fail(ErrorKind::denied, "`{}` may not be executed", program);
    return fail_errno(fmt::format("cannot execute `{}`", program), (*launch)->error);
  }
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Process>(new Process(reactor, id, pidfd, output[0], command, std::move(events)));
}

Process::Process(http::Reactor& reactor, pid_t id, int pidfd, int output, const Command& command, Events events)
    : reactor_(reactor),
      id_(id),
      pidfd_(pidfd),
      output_(output),
      mark_(command.mark),
      group_(command.group),
      events_(std::move(events)) {
  reactor_.watch(output_, [this] { read_output(); });
  reactor_.watch(pidfd_, [this] { reap(); });
}

Process::~Process() {
  close_output();
  if (pidfd_ < 0) return;
  kill();
  ::waitpid(id_, nullptr, 0);
  forget();
  reactor_.unwatch(pidfd_);
  ::close(pidfd_);
}

void Process::forget() {
  {
    const std::lock_guard lock(started_mutex);
    started.erase(id_);
  }
  if (group_ != nullptr) group_->kill(killed_);
  constexpr int attempts_max = 50;
  end_orphans_soon(reactor_, mark_, killed_, attempts_max);
}

void Process::kill() {
  if (pidfd_ < 0) return;
  // It is not reaped yet, so the number is still its own. Stopped it starts nothing more and keeps what is below it.
  ::kill(id_, SIGSTOP);
  kill_descendants(id_, killed_);
  // The second call is for a child that has no group yet.
  ::kill(-id_, SIGKILL);
  ::kill(id_, SIGKILL);
}

void Process::read_output() {
  if (output_ < 0) return;
  char bytes[output_read_bytes_max];
  const ssize_t n = ::read(output_, bytes, sizeof(bytes));
  if (n > 0) return events_.printed(std::string_view(bytes, static_cast<size_t>(n)));
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) close_output();
}

void Process::close_output() {
  if (output_ < 0) return;
  reactor_.unwatch(output_);
  ::close(output_);
  output_ = -1;
}

void Process::reap() {
  int status = 0;
  if (::waitpid(id_, &status, WNOHANG) != id_) return;
  // What it said last; a grandchild that still holds the pipe is not waited for.
  char bytes[output_read_bytes_max];
  if (output_ >= 0) {
    const ssize_t n = ::read(output_, bytes, sizeof(bytes));
    if (n > 0) events_.printed(std::string_view(bytes, static_cast<size_t>(n)));
  }
  close_output();
  forget();
  reactor_.unwatch(pidfd_);
  ::close(pidfd_);
  pidfd_ = -1;
  const auto ended = std::move(events_.ended);
  ended(describe(status));
}

}  // namespace millrace::function
