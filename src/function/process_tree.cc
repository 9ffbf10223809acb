#include "function/process_tree.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace millrace::function {

namespace {

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

// Until `each` answers true; whether it did.
bool any_entry(const std::string& directory, const std::function<bool(const char* name)>& each) {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> open(::opendir(directory.c_str()));
  if (!open) return false;
  while (const dirent* const entry = ::readdir(open.get())) {
    if (entry->d_name[0] != '.' && each(entry->d_name)) return true;
  }
  return false;
}

std::optional<uint16_t> port_of(std::string_view peer) {
  const size_t colon = peer.rfind(':');
  uint16_t port = 0;
  if (colon == std::string_view::npos || peer.substr(0, colon) != "127.0.0.1") return {};
  const std::string_view digits = peer.substr(colon + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), port).ec != std::errc()) return {};
  return port;
}

// The inode of the socket with these ends: one question, whatever the number of connections.
// https://man7.org/linux/man-pages/man7/sock_diag.7.html
std::optional<uint64_t> ask_for_inode(uint16_t from, uint16_t to) {
  constexpr int wait_ms_max = 100;
  const int fd = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return {};
  const timeval wait{.tv_sec = 0, .tv_usec = wait_ms_max * 1'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_INET;
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  inet_diag_sockid& ends = question.request.id;
  ends.idiag_sport = htons(from);
  ends.idiag_dport = htons(to);
  ends.idiag_src[0] = ends.idiag_dst[0] = htonl(INADDR_LOOPBACK);
  ends.idiag_cookie[0] = ends.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  alignas(nlmsghdr) char bytes[4'096];
  ssize_t size = -1;
  if (::send(fd, &question, sizeof(question), 0) == sizeof(question)) size = ::recv(fd, bytes, sizeof(bytes), 0);
  ::close(fd);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) return {};
  const auto* const header = reinterpret_cast<const nlmsghdr*>(bytes);
  if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return {};
  return static_cast<const inet_diag_msg*>(NLMSG_DATA(header))->idiag_inode;
}

// The same out of the list of all connections, where the kernel or a container does not answer such questions.
std::optional<uint64_t> look_for_inode(uint16_t from, uint16_t to) {
  const File file(std::fopen("/proc/net/tcp", "re"));
  char line[512];
  while (file && std::fgets(line, sizeof(line), file.get()) != nullptr) {
    unsigned from_address = 0;
    unsigned from_port = 0;
    unsigned to_port = 0;
    unsigned long inode = 0;
    const int read =
        std::sscanf(line, "%*s %x:%x %*x:%x %*s %*s %*s %*s %*s %*s %lu", &from_address, &from_port, &to_port, &inode);
    if (read == 4 && from_address == htonl(INADDR_LOOPBACK) && from_port == from && to_port == to) return inode;
  }
  return {};
}

bool holds_socket(pid_t process, std::string_view link) {
  const std::string directory = fmt::format("/proc/{}/fd", process);
  return any_entry(directory, [&](const char* name) {
    char target[64];
    const ssize_t size = ::readlink((directory + "/" + name).c_str(), target, sizeof(target));
    return size > 0 && std::string_view(target, static_cast<size_t>(size)) == link;
  });
}

}  // namespace

std::vector<pid_t> children(pid_t process) {
  std::vector<pid_t> all;
  const std::string tasks = fmt::format("/proc/{}/task", process);
  any_entry(tasks, [&](const char* task) {
    const File file(std::fopen(fmt::format("{}/{}/children", tasks, task).c_str(), "re"));
    int child = 0;
    while (file && std::fscanf(file.get(), "%d", &child) == 1) all.push_back(child);
    return false;
  });
  return all;
}

std::vector<pid_t> descendants(pid_t process) {
  std::vector<pid_t> all = children(process);
  for (size_t i = 0; i < all.size() && all.size() < descendants_max; ++i) {
    for (const pid_t child : children(all[i])) all.push_back(child);
  }
  return all;
}

bool holds_connection(pid_t process, std::string_view peer, uint16_t local_port) {
  const auto port = port_of(peer);
  if (!port) return false;
  auto inode = ask_for_inode(*port, local_port);
  if (!inode) inode = look_for_inode(*port, local_port);
  if (!inode || *inode == 0) return false;
  const std::string link = fmt::format("socket:[{}]", *inode);
  if (holds_socket(process, link)) return true;
  for (const pid_t child : descendants(process)) {
    if (holds_socket(child, link)) return true;
  }
  return false;
}

}  // namespace millrace::function
