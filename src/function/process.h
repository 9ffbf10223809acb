#pragma once
// A child process: started without copying this one's memory, in a process group of its own, killed by the kernel when
// the thread that started it ends (so with the server), and reaped through a pidfd that the reactor watches. What it
// prints comes through one pipe. Private to this folder; the reactor's thread.
//
// What it has started ends with it, also what has left its group and session: as long as it lives all of that is below
// it (process_tree.h) and is killed with it; if it ends by itself, what it leaves comes to this process and is known
// there by `mark`. Where the system lets us have a control group, nothing leaves that. Elsewhere two escape: a process
// that has dropped its environment, too, and whose function ended by itself; and one that has left the process group
// when this process is killed itself.
//
// Failure: start() answers not_found or denied when the program cannot be executed, io for the rest.
// https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "function/control_group.h"
#include "http/reactor.h"

namespace millrace::function {

class Process {
 public:
  struct Command {
    std::vector<std::string> words;                  // "millrace" as the first word is this very program
    std::map<std::string, std::string> environment;  // all of it: nothing is inherited
    std::string mark;               // "NAME=VALUE" of the environment, which no other running process has; empty: none
    ControlGroup* group = nullptr;  // that it is put into; outlives it; null: none
  };
  struct Events {
    std::function<void(std::string_view output)> printed;
    // Once, when it has ended and was reaped: "exit status 1", "signal 9 (Killed)". May destroy the Process.
    std::function<void(std::string how)> ended;
  };

  static Result<std::unique_ptr<Process>> start(http::Reactor& reactor, const Command& command, Events events);
  ~Process();  // kills and reaps
  Process(const Process&) = delete;

  int id() const { return id_; }
  void read_output();  // what it has printed up to now
  void kill();         // and all that it has started; `ended` follows

 private:
  Process(http::Reactor& reactor, pid_t id, int pidfd, int output, const Command& command, Events events);
  void close_output();
  void reap();
  void forget();  // when it was reaped

  static constexpr size_t output_read_bytes_max = 64 * 1024;  // per turn of the reactor

  http::Reactor& reactor_;
  pid_t id_;
  int pidfd_;
  int output_;
  std::string mark_;
  ControlGroup* group_;
  std::set<pid_t> killed_;  // below it
  Events events_;
};

}  // namespace millrace::function
