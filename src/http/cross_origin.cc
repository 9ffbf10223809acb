#include "http/cross_origin.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "http/connection.h"

namespace millrace::http {

namespace {

constexpr std::string_view answer_kept_s = "86400";
// Of AWS's answers, beside those that every page may read.
constexpr std::string_view readable = "x-amzn-RequestId, x-amzn-ErrorType, x-amz-id-2, x-amz-crc32, Date";

void allow(Response& response, const std::string& origin) {
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
    allow(response, origin_);
    response.headers.emplace_back("Access-Control-Expose-Headers", readable);
  }

  Reply reply_;
  std::string origin_;
};

Response permission(const Request& request, std::string_view method) {
  Response response{.status = 204};
  allow(response, std::string(request.header("Origin")));
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

}  // namespace

Handler open_to_all_origins(Handler handler) {
  return [handler = std::move(handler)](const Request& request, Reply reply) {
    const std::string_view origin = request.header("Origin");
    if (origin.empty()) return handler(request, std::move(reply));
    const std::string_view method = request.header("Access-Control-Request-Method");
    if (request.method == "OPTIONS" && !method.empty()) return reply.send(permission(request, method));
    handler(request, Reply(std::make_shared<Allowing>(std::move(reply), std::string(origin))));
  };
}

}  // namespace millrace::http
