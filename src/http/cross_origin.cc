#include "http/cross_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "base/address.h"
#include "http/connection.h"

namespace millrace::http {

namespace {

constexpr std::string_view answer_kept_s = "86400";
// Of AWS's answers, beside those that every page may read.
constexpr std::string_view readable = "x-amzn-RequestId, x-amzn-ErrorType, x-amz-id-2, x-amz-crc32, Date";

void add_permission(Response& response, const std::string& origin) {
  response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  response.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  response.headers.emplace_back("Vary", "Origin");
}

// The answer on its way back.
class Allowing final : public Reply::Target {
 public:
  Allowing(Reply reply, std::string origin) : reply_(std::move(reply)), origin_(std::move(origin)) {}

  void send(Response response) override {
    add_to(response);
    reply_.send(std::move(response));
  }
  void drop() override { send(not_answered()); }
  bool gone() const override { return reply_.client_gone(); }
  std::shared_ptr<Reply::Stream> stream(Response head, std::function<void()> moved) override {
    add_to(head);
    return reply_.stream(std::move(head), std::move(moved));
  }

 private:
  void add_to(Response& response) const {
    add_permission(response, origin_);
    response.headers.emplace_back("Access-Control-Expose-Headers", readable);
  }

  Reply reply_;
  std::string origin_;
};

Response permission(const Request& request, std::string_view method) {
  Response response{.status = 204};
  add_permission(response, std::string(request.header("Origin")));
  response.headers.emplace_back("Access-Control-Allow-Methods", method);
  const std::string_view headers = request.header("Access-Control-Request-Headers");
  if (!headers.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", headers);
  // A page of the internet that calls this machine.
  if (request.has_header("Access-Control-Request-Private-Network")) {
    response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  }
  response.headers.emplace_back("Access-Control-Max-Age", answer_kept_s);
  return response;
}

Response refusal(std::string_view origin) {
  return {.status = 403,
          .content_type = "text/plain; charset=utf-8",
          .body = fmt::format("pages of {} may not call this server while it has the access key that everybody knows: "
                              "set another [[credential]] in the configuration file, or name the page's host in "
                              "allowed_hosts\n",
                              origin)};
}

}  // namespace

AllowOrigin every_origin() {
  return [](std::string_view) { return true; };
}

AllowOrigin origins_of_this_machine_and(std::vector<std::string> hosts) {
  return [hosts = std::move(hosts)](std::string_view origin) {
    const size_t scheme = origin.find("://");
    if (scheme == std::string_view::npos) return false;
    const std::string_view host = base::host_of(origin.substr(scheme + 3));
    return base::is_loopback(host) || std::ranges::find(hosts, host) != hosts.end();
  };
}

Handler open_to_origins(Handler handler, AllowOrigin allow) {
  return [handler = std::move(handler), allow = std::move(allow)](const Request& request, Reply reply) {
    const std::string_view origin = request.header("Origin");
    if (origin.empty()) return handler(request, std::move(reply));
    const bool allowed = allow(origin);
    const std::string_view method = request.header("Access-Control-Request-Method");
    if (request.method == "OPTIONS" && !method.empty()) {
      return reply.send(allowed ? permission(request, method) : refusal(origin));
    }
    if (!allowed) return handler(request, std::move(reply));
    handler(request, Reply(std::make_shared<Allowing>(std::move(reply), std::string(origin))));
  };
}

}  // namespace millrace::http
