#pragma once
// TLS between a connection and another transport. The handshake takes place as the connection tries to receive.
// Private to this folder; the reactor's thread.

#include <memory>
#include <string_view>

#include "http/tls.h"
#include "http/transport.h"

namespace millrace::http {

// What TLS begins with: a handshake record. No request of HTTP begins so.
constexpr char tls_begins = 0x16;

// Over `inner`, of which these bytes have been received already.
std::unique_ptr<Transport> make_tls_transport(std::unique_ptr<Transport> inner, std::string_view received,
                                              const TlsIdentity& identity);

}  // namespace millrace::http
