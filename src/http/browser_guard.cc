#include "http/browser_guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/address.h"

namespace millrace::http {

namespace {

// "https://shop.example:8080" -> "shop.example:8080".
std::string_view host_and_port_of(std::string_view origin) {
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
}

constexpr int forbidden = 403;

Response in_plain_text(int status, std::string_view reason) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(reason) + "\n"};
}

}  // namespace

Handler guarded_by_host(Handler handler, std::vector<std::string> allowed_hosts, MakeRefusal refusal) {
  if (!refusal) refusal = in_plain_text;
  return [handler = std::move(handler), allowed = std::move(allowed_hosts), refusal = std::move(refusal)](
             const Request& request, Reply reply) {
    const std::string_view named = request.header("Host");
    const std::string_view host = base::host_of(named);
    const bool known = named.empty() || base::is_loopback(host) || base::is_ip_address(host) ||
                       std::ranges::find(allowed, host) != allowed.end();
    if (known) return handler(request, std::move(reply));
    reply.send(refusal(forbidden, fmt::format("\"{}\" is not a name of this server. If it is, add it to the "
                                              "configuration file: allowed_hosts = [\"{}\"]",
                                              host, host)));
  };
}

Handler guarded(Handler handler, std::vector<std::string> allowed_hosts, MakeRefusal refusal) {
  if (!refusal) refusal = in_plain_text;
  const auto of_same_origin = [handler = std::move(handler), refusal](const Request& request, Reply reply) {
    const std::string_view origin = request.header("Origin");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads || origin.empty() || host_and_port_of(origin) == request.header("Host")) {
      return handler(request, std::move(reply));
    }
    reply.send(refusal(forbidden, fmt::format("a page of {} may not change anything here", origin)));
  };
  return guarded_by_host(of_same_origin, std::move(allowed_hosts), refusal);
}

}  // namespace millrace::http
