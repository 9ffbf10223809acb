#include "http/status.h"

#include <ostream>  // which the next one forgets

#include <boost/beast/http/status.hpp>

namespace millrace::http {

std::string_view reason_phrase(int status) {
  namespace beast = boost::beast::http;
  const beast::status known = beast::int_to_status(static_cast<unsigned>(status));
  if (known == beast::status::unknown) return status < 400 ? "Success" : "Failure";
  const auto reason = beast::obsolete_reason(known);
  return {reason.data(), reason.size()};
}

void append_status_line(std::string& out, int status) {
  if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
    return;
  }
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
}

}  // namespace millrace::http
