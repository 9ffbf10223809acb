#pragma once
// `millrace cert`: what clients have to trust to speak TLS with a server, from its data directory. Needs no server.

#include <string>

namespace millrace::app {

struct CertOptions {
  std::string data_directory;
};

// The certificate in PEM on stdout, so that it can become a file, and its fingerprint on stderr. The exit code: 1 if
// there is none yet.
int run_cert(const CertOptions& options);

}  // namespace millrace::app
