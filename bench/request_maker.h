#pragma once
// Signed requests as text, made before the clock of a measurement starts. One thread.

#include <string>
#include <string_view>

#include "aws/sigv4.h"
#include "base/clock.h"
#include "client/api.h"

namespace millrace::bench {

// The whole text of a signed request, as it goes to the socket.
class RequestMaker {
 public:
  RequestMaker(const client::Endpoint& endpoint, const aws::Protocol& protocol)
      : protocol_(protocol),
        host_(fmt::format("{}:{}", endpoint.host, endpoint.port)),
        signer_({endpoint.access_key, endpoint.secret_key}, endpoint.region, std::string(protocol.signing_name)),
        date_(aws::amz_date(base::system_clock().now())) {}

  std::string make(std::string_view operation, std::string_view body) {
    const std::string target = fmt::format("{}{}", protocol_.target_prefix, operation);
    const http::Header headers[] = {{"content-type", aws::content_type(protocol_.usual_coding)},
                                    {"host", host_},
                                    {"x-amz-date", date_},
                                    {"x-amz-target", target}};
    const std::string authorization = signer_.authorization({"POST", "/", "", headers, body}, date_);
    return fmt::format(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nX-Amz-Date: {}\r\nX-Amz-Target: {}\r\nAuthorization: {}\r\n"
        "Content-Length: {}\r\n\r\n{}",
        host_, aws::content_type(protocol_.usual_coding), date_, target, authorization, body.size(), body);
  }

 private:
  const aws::Protocol& protocol_;
  std::string host_;
  aws::Signer signer_;
  std::string date_;
};

}  // namespace millrace::bench
