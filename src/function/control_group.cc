#include "function/control_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

namespace millrace::function {

namespace {

// The directory of this process's own group; empty: there is none.
std::string own_directory() {
  std::string group;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) group = line.substr(3);
  }
  if (group.empty()) return {};
  // 36 35 98:0 /root /mount/point options [tags] - cgroup2 ...
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string point;
    fields >> skipped >> skipped >> skipped >> root >> point;
    if (root == "/") return point + (group == "/" ? "" : group);
  }
  return {};
}

}  // namespace

std::unique_ptr<ControlGroup> ControlGroup::make(std::string_view owner, std::string_view name) {
  const std::string own = own_directory();
  if (own.empty()) return nullptr;
  std::error_code error;
  const std::string path = std::filesystem::absolute(owner, error).lexically_normal().string();
  const std::string directory = fmt::format("{}/millrace-{:016x}-{}", own, std::hash<std::string>()(path), name);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return nullptr;
  const int join_fd = ::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  const int kill_fd = ::open((directory + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC);
  if (join_fd >= 0 && kill_fd >= 0) {
    return std::unique_ptr<ControlGroup>(new ControlGroup(directory, join_fd, kill_fd));
  }
  if (join_fd >= 0) ::close(join_fd);
  if (kill_fd >= 0) ::close(kill_fd);
  ::rmdir(directory.c_str());
  return nullptr;
}

ControlGroup::~ControlGroup() {
  ::close(join_fd_);
  ::close(kill_fd_);
  // What was killed may take some milliseconds to be gone.
  for (int i = 0; i < 20 && ::rmdir(directory_.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(1'000);
}

void ControlGroup::kill(std::set<pid_t>& killed) {
  std::ifstream processes(directory_ + "/cgroup.procs");
  for (pid_t process = 0; processes >> process;) killed.insert(process);
  [[maybe_unused]] const ssize_t written = ::write(kill_fd_, "1", 1);
}

}  // namespace millrace::function
