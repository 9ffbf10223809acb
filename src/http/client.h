#pragma once
// HTTP/1.1 out: one keep-alive connection, one request at a time, blocking. For the simulated shop, `millrace
// send`, the command line, functions that poll the runtime API, and tests. One thread at a time per client.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace millrace::http {

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string_view header(std::string_view lower_case_name) const;
};

class Client {
 public:
  // Connects at the first request. timeout_ms 0: waits for ever (a runtime's long poll).
  Client(std::string host, uint16_t port, int64_t timeout_ms = 30'000);
  Client(Client&&) noexcept;
  ~Client();

  // Sends the request and waits for the whole answer. A connection that the server closed while idle is
  // opened again and the request sent once more, only if no byte of an answer had come. unavailable: cannot
  // connect, the connection broke after the request was sent (it may or may not have been carried out), or
  // the timeout passed. Host and Content-Length are added here.
  Result<ClientResponse> request(std::string_view method, std::string_view target,
                                 const std::vector<std::pair<std::string, std::string>>& headers,
                                 std::string_view body);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace millrace::http
