#pragma once
// The processes of a function beside the one that was started: its children, theirs, and those that have left its group
// and session. The function's first process takes in whoever loses a parent below it, so as long as it lives all of
// them are below it. Private to this folder; any thread.
//
// Failure: a kernel without CONFIG_PROC_CHILDREN shows none of them, and what may not be seen counts as not there.
// https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace::function {

std::vector<pid_t> children(pid_t process);
std::vector<pid_t> descendants(pid_t process);  // nearest first, without itself; descendants_max at most
inline constexpr size_t descendants_max = 10'000;

// Whether the connection from peer, "127.0.0.1:51234", to this machine's local_port was made by the process or by one
// below it. Costs a question to the kernel and a look at the open files of those processes.
bool holds_connection(pid_t process, std::string_view peer, uint16_t local_port);

}  // namespace millrace::function
