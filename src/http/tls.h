#pragma once
// TLS in, on the port of HTTP: what a server shows of itself to clients that ask for it. TLS 1.2 and 1.3 by OpenSSL,
// HTTP/2 and HTTP/1.1 by ALPN. https://www.rfc-editor.org/rfc/rfc7301
//
// Made on any thread; serve_tls() as it says. Nothing here blocks but the files.

#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "http/server.h"

struct ssl_ctx_st;

namespace millrace::http {

class TlsIdentity {
 public:
  // A certificate with its chain, and its key, both PEM. invalid_argument says which file is at fault, and why.
  static Result<std::shared_ptr<const TlsIdentity>> load(const std::string& certificate_file,
                                                         const std::string& key_file);
  // A certificate for these names and addresses by the authority of the directory (certificate_authority.h), which is
  // made if there is none. The certificate is kept nowhere: each start has another one.
  static Result<std::shared_ptr<const TlsIdentity>> issue(const std::string& directory,
                                                          std::span<const std::string> names);

  explicit TlsIdentity(ssl_ctx_st* context) : context_(context) {}
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  ~TlsIdentity();

  ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

// From now on a connection to the server may begin with TLS; before, such a one is closed. On the reactor's thread, or
// when it does not run.
void serve_tls(Server& server, std::shared_ptr<const TlsIdentity> identity);

}  // namespace millrace::http
