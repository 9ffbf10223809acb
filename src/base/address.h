#pragma once
// Addresses as they stand in options, URLs and headers: of a host, without its port. Pure; any thread.

#include <string_view>

namespace millrace::base {

// An IPv4 address, or an IPv6 address with or without its brackets.
bool is_ip_address(std::string_view host);
// An address of this machine that others do not reach: 127.0.0.0/8 (also as
// ::ffff:127.0.0.1), ::1, `localhost` and names that end in it. A name
// that only begins like such an address ("127.evil.example") is none.
bool is_loopback(std::string_view host);
// "shop.example:8080", "[::1]:80", "127.0.0.1" without the port.
std::string_view host_of(std::string_view host_and_port);

}  // namespace millrace::base
