#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <string_view>

#include "http/certificate_authority.h"

namespace millrace::http {

namespace {

// Each with its length before it, the better one first.
constexpr std::string_view protocols = "\x02h2\x08http/1.1";

int select_protocol(SSL*, const uint8_t** chosen, uint8_t* chosen_size, const uint8_t* offered, unsigned offered_size,
                    void*) {
  uint8_t* found = nullptr;
  const int result = SSL_select_next_proto(&found, chosen_size, reinterpret_cast<const uint8_t*>(protocols.data()),
                                           static_cast<unsigned>(protocols.size()), offered, offered_size);
  *chosen = found;
  // Who offers neither may still speak HTTP/1.1.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

std::string reason() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

std::shared_ptr<const TlsIdentity> make_identity() {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr, "OpenSSL: {}", reason());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // the client keeps its session, in a ticket
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  return std::make_shared<const TlsIdentity>(context);
}

}  // namespace

TlsIdentity::~TlsIdentity() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const std::string& certificate_file,
                                                             const std::string& key_file) {
  ERR_clear_error();
  auto identity = make_identity();
  SSL_CTX* const context = identity->context();
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail(ErrorKind::invalid_argument, "{} cannot be read as a certificate in PEM: {}", certificate_file,
                reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorKind::invalid_argument, "{} is not the key, in PEM and without a password, of {}: {}", key_file,
                certificate_file, reason());
  }
  return identity;
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::issue(const std::string& directory,
                                                              std::span<const std::string> names) {
  TRY_ASSIGN(const CertificateAuthority authority, CertificateAuthority::open(directory));
  TRY_ASSIGN(const CertificateAuthority::Issued issued, authority.issue(names));
  auto identity = make_identity();
  SSL_CTX* const context = identity->context();
  const bool used = SSL_CTX_use_certificate(context, issued.certificate.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context, issued.key.get()) == 1;
  CHECK(used, "OpenSSL: {}", reason());
  return identity;
}

}  // namespace millrace::http
