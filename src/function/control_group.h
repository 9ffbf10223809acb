#pragma once
// A control group (cgroup v2) of one function's processes, below this process's own: nothing that they start can leave
// it, and all of it is killed by one write, also what an earlier server left there when it was killed itself. The
// directory is millrace-HASH-NAME, and no controllers are asked for. Private to this folder; one thread.
//
// Failure: make() answers null where there is no cgroup v2 with cgroup.kill (Linux 5.14) or it may not be written, as
// in most containers and for most users who are not root. process.h says what holds then.
// https://docs.kernel.org/admin-guide/cgroup-v2.html

#include <sys/types.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace millrace::function {

class ControlGroup {
 public:
  // `owner` tells apart the functions of several servers: a path that is theirs alone.
  static std::unique_ptr<ControlGroup> make(std::string_view owner, std::string_view name);
  ~ControlGroup();  // removes the directory, if nothing runs in it any more
  ControlGroup(const ControlGroup&) = delete;

  int join_fd() const { return join_fd_; }  // a process that writes "0" there is in the group
  void kill(std::set<pid_t>& killed);       // everything in it; adds what it was

 private:
  ControlGroup(std::string directory, int join_fd, int kill_fd)
      : directory_(std::move(directory)), join_fd_(join_fd), kill_fd_(kill_fd) {}

  const std::string directory_;
  const int join_fd_;
  const int kill_fd_;
};

}  // namespace millrace::function
