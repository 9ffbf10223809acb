#include "app/tls.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/address.h"

namespace millrace::app {

namespace {

constexpr size_t names_max = 250;

std::vector<std::string> addresses_of_machine() {
  std::vector<std::string> addresses;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return addresses;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto& address = reinterpret_cast<const sockaddr_in&>(*each->ifa_addr);
      ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6&>(*each->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) continue;
      ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    } else {
      continue;
    }
    addresses.emplace_back(text.data());
  }
  ::freeifaddrs(all);
  return addresses;
}

// As a certificate may hold it.
bool is_name(std::string_view text) {
  constexpr size_t name_bytes_max = 253;
  const auto good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; };
  return base::is_ip_address(text) ||
         (!text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, good));
}

}  // namespace

std::string authority_directory(const std::string& data_directory) {
  return data_directory + "/tls";
}

std::vector<std::string> names_of_server(const Configuration& configuration) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  const auto add = [&](std::string name) {
    if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
    const bool of_all = name == "0.0.0.0" || name == "::";
    if (of_all || !is_name(name) || std::ranges::find(names, name) != names.end() || names.size() == names_max) return;
    names.push_back(std::move(name));
  };
  add(configuration.host);
  add(configuration.dashboard_host);
  std::array<char, 256> machine{};
  if (::gethostname(machine.data(), machine.size() - 1) == 0) add(machine.data());
  for (const std::string& host : configuration.allowed_hosts) add(host);
  for (std::string& address : addresses_of_machine()) add(std::move(address));
  return names;
}

Result<std::shared_ptr<const http::TlsIdentity>> open_identity(const Configuration& configuration) {
  if (!configuration.tls_certificate.empty()) {
    return http::TlsIdentity::load(configuration.tls_certificate, configuration.tls_key);
  }
  auto issued =
      http::TlsIdentity::issue(authority_directory(configuration.data_directory), names_of_server(configuration));
  if (issued) return issued;
  // Nobody asked for TLS, and the rest is served without it.
  spdlog::error("TLS is not spoken: {}", issued.error().message);
  return nullptr;
}

}  // namespace millrace::app
