#pragma once
// What a server shows of itself by TLS: the certificate of the configuration, or one by an authority of its own.

#include <memory>
#include <string>
#include <vector>

#include "app/configuration.h"
#include "base/error.h"
#include "http/tls.h"

namespace millrace::app {

// Where the authority is; made by the first start without a certificate of the configuration's.
std::string authority_directory(const std::string& data_directory);

// What clients may call the server: loopback, what it listens on, the machine's name and addresses, and allowed_hosts.
std::vector<std::string> names_of_server(const Configuration& configuration);

// Null, with an error in the log: the authority of its own is damaged or cannot be written. A certificate of the
// configuration that cannot be read is an error, for somebody counts on it.
Result<std::shared_ptr<const http::TlsIdentity>> open_identity(const Configuration& configuration);

}  // namespace millrace::app
