// The configuration file. An error names the file; what is read is within its limits, and reading it again gives the
// same.

#include "app/configuration.h"

#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view toml(reinterpret_cast<const char*>(data), size);
  const auto configuration = app::parse_configuration(toml, "millrace.toml");
  if (!configuration) {
    CHECK(configuration.error().kind == ErrorKind::invalid_argument);
    CHECK(configuration.error().message.starts_with("millrace.toml:"), "{}", configuration.error().message);
    return 0;
  }
  CHECK(app::check_region(configuration->region).has_value());
  for (const auto& function : configuration->functions) CHECK(!function.name.empty() && !function.command.empty());
  for (const auto& mapping : configuration->mappings) CHECK(mapping.stream.empty() != mapping.table.empty());
  const auto again = app::parse_configuration(toml, "millrace.toml");
  CHECK(again.has_value() && again->host == configuration->host && again->port == configuration->port);
  std::string host;
  uint16_t port = 0;
  const std::string address = fmt::format("{}:{}", configuration->host, configuration->port);
  CHECK(app::parse_address(address, host, port).has_value(), "{}", address);
  CHECK(host == configuration->host && port == configuration->port);
  return 0;
}
