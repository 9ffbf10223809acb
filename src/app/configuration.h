#pragma once
// The configuration of a server: defaults, then the file (TOML), then the command line. Unknown keys are errors that
// name the line and the nearest known key.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "function/functions.h"

namespace millrace::app {

struct Credential {
  std::string access_key;
  std::string secret_key;
};

struct Configuration {
  std::string data_directory;
  std::string host = "127.0.0.1";
  uint16_t port = 4566;
  std::string dashboard_host = "127.0.0.1";
  uint16_t dashboard_port = 8080;  // 0 and dashboard = true: any free port
  bool dashboard = true;
  bool authenticate = true;     // --auth none: false; refused on other addresses than loopback
  std::string tls_certificate;  // PEM files; both or none: the server makes a certificate of its own
  std::string tls_key;
  std::vector<std::string> allowed_hosts;  // names of this server, and of pages that may call it
  bool durable = true;                     // --durability memory: false
  std::string region = "us-east-1";
  std::vector<Credential> credentials = {{"millrace", "millrace-secret"}};
  size_t segment_bytes = size_t{32} << 20;
  std::vector<function::FunctionDefinition> functions;
  std::vector<function::MappingDefinition> mappings;
};

// invalid_argument: "FILE:LINE: unknown key `listn`; did you mean `listen`?"
Result<Configuration> parse_configuration(std::string_view toml, std::string_view file_name,
                                          Configuration defaults = {});
Result<Configuration> load_configuration(const std::string& file, Configuration defaults = {});

// A region as in ARNs: "us-east-1". invalid_argument: anything but small letters, digits and hyphens.
Result<void> check_region(std::string_view region);

// "HOST:PORT" into its parts; an IPv6 address stands, and stays, in brackets. invalid_argument says how to write it.
Result<void> parse_address(std::string_view text, std::string& host, uint16_t& port);

}  // namespace millrace::app
