#include "app/server_call.h"

namespace millrace::app {

Result<std::string> call_server(const client::Endpoint& endpoint, std::string_view operation, std::string_view body) {
  client::Api api(endpoint);
  auto answer = api.call(aws::millrace_protocol, operation, body);
  if (!answer && answer.error().kind == ErrorKind::unavailable) {
    return fail(ErrorKind::unavailable,
                "no server answers at http://{}:{} ({}); start one with `millrace serve --data DIR`, or name another "
                "with --endpoint",
                endpoint.host, endpoint.port, answer.error().message);
  }
  return answer;
}

}  // namespace millrace::app
