#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace millrace::base {

namespace {

std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

bool ends_with_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::ranges::equal(text.substr(text.size() - lower.size()), lower,
                            [](char c, char l) { return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == l; });
}

}  // namespace

bool is_ip_address(std::string_view host) {
  const std::string text(without_brackets(host));
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_loopback(std::string_view host) {
  if (ends_with_ignoring_case(host, "localhost")) return host.size() == 9 || host[host.size() - 10] == '.';
  const std::string text(without_brackets(host));
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  if (::inet_pton(AF_INET6, text.c_str(), &six) != 1) return false;
  constexpr size_t first_of_four = 12;  // of ::ffff:127.0.0.1
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[first_of_four] == 127);
}

std::string_view host_of(std::string_view host_and_port) {
  if (host_and_port.starts_with('[')) return host_and_port.substr(0, host_and_port.find(']') + 1);
  return host_and_port.substr(0, host_and_port.find(':'));
}

}  // namespace millrace::base
