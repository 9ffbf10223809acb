#include "app/cert_command.h"

#include <cstdio>

#include "app/tls.h"
#include "http/certificate_authority.h"

namespace millrace::app {

int run_cert(const CertOptions& options) {
  const auto authority = http::CertificateAuthority::read(authority_directory(options.data_directory));
  if (!authority) {
    if (authority.error().kind == ErrorKind::not_found) {
      fmt::print(stderr,
                 "millrace: {} has no certificate yet: `millrace serve --data {}` makes it at its first start, unless "
                 "tls_certificate names another\n",
                 options.data_directory, options.data_directory);
    } else {
      fmt::print(stderr, "millrace: {}\n", authority.error().message);
    }
    return 1;
  }
  fmt::print("{}", authority->pem());
  fmt::print(stderr, "millrace: SHA-256 fingerprint {}\n", authority->fingerprint());
  return 0;
}

}  // namespace millrace::app
