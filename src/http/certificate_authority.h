#pragma once
// An authority of a server's own, for who has no certificate from elsewhere: clients trust its certificate once, and
// what it issues from then on. Two files of a directory, PEM, ECDSA on P-256: ca.pem, which may be given to everybody,
// and ca-key.pem, for the server's user alone. Any thread.
// https://www.rfc-editor.org/rfc/rfc5280

#include <memory>
#include <span>
#include <string>

#include "base/error.h"

struct evp_pkey_st;
struct x509_st;

namespace millrace::http {

class CertificateAuthority {
 public:
  static constexpr long valid_days = 3'650;
  // Of what is issued; the most that all systems take from an authority that a user has added.
  static constexpr long issued_valid_days = 825;
  static constexpr const char* certificate_file = "ca.pem";
  static constexpr const char* key_file = "ca-key.pem";

  // That of the directory; if there is none, one is made. corrupt: the files are there and cannot be used; the message
  // says what to do.
  static Result<CertificateAuthority> open(const std::string& directory);
  // not_found: there is none yet. Reads the certificate only.
  static Result<CertificateAuthority> read(const std::string& directory);

  const std::string& pem() const { return pem_; }
  // SHA-256 of the certificate, as tools show it: "3F:0A:...".
  std::string fingerprint() const;

  struct Issued {
    std::shared_ptr<x509_st> certificate;
    std::shared_ptr<evp_pkey_st> key;
  };
  // A new certificate with a new key, for a server of these DNS names and IP addresses. After open().
  Result<Issued> issue(std::span<const std::string> names) const;

 private:
  std::string pem_;
  std::shared_ptr<x509_st> certificate_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace millrace::http
